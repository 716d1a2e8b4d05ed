"""Person and roles from what a provider or a proxy says of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from adapters.web.identity.refusals import SignInRefusedError
from adapters.web.people import Person, Role
from broker.agency.account import LABEL_CHARACTERS, label
from broker.agency.web_section import RoleMap

SUBJECT_CHARACTERS: Final = 255
NAME_CHARACTERS: Final = 100
MOST_ROLES: Final = 1_000
"""Values of the claim or the header that are looked at."""


def claim_of(claims: Mapping[str, object], name: str) -> object:
    """Return a claim by its name, or by a path of names with dots; None if there is none."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def texts_in(value: object) -> tuple[str, ...]:
    """Return the texts of a claim that is one text or a list of texts."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(one for one in value[:MOST_ROLES] if isinstance(one, str))
    return ()


def roles_given(values: Iterable[str], given: RoleMap) -> frozenset[Role]:
    """Return the roles that some values give. A value that is not in the map gives none."""
    return frozenset(Role(name) for value in values for name in given.get(value, ()))


def named_person(
    subject: object, name: object, roles: frozenset[Role], *, issuer: str, vouched: str
) -> Person:
    """Return a person whom a provider or a proxy named.

    Args:
        subject: stable id of the person there.
        name: name for the page; the id if it is none.
        roles: roles of the person.
        issuer: who issued the id: an id means a person only together with it.
        vouched: see ``Person``.

    Raises:
        SignInRefusedError: `person_missing` or `roles_missing`.
    """
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS:
        raise SignInRefusedError("person_missing")
    if not roles:
        raise SignInRefusedError("roles_missing")
    shown = _printable(name) if isinstance(name, str) else ""
    return Person(identity(subject, issuer), shown or _printable(subject), roles, vouched)


def identity(subject: str, issuer: str) -> str:
    """Return one text for an id and its issuer, which fits into an entry of the disclosure log.

    An id that is too long, or that an entry would change, is replaced by its SHA-256, so that two
    people never share an entry.
    """
    whole = f"{subject} {issuer}"
    plain = subject.isascii() and " ".join(subject.split()) == subject
    if plain and len(label(f"{whole}.")) < LABEL_CHARACTERS:
        return whole
    digest = sha256(f"{issuer}\n{subject}".encode()).hexdigest()
    return f"{digest} {issuer}"[:LABEL_CHARACTERS]


def _printable(text: str) -> str:
    """Return a text without control and format characters, which can disguise a name."""
    kept = (" " if one.isspace() else one for one in text)
    shown = "".join(one for one in kept if unicodedata.category(one)[0] != "C")
    return " ".join(shown.split())[:NAME_CHARACTERS]
