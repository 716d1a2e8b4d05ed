"""First draft of an agreement's terms: from a vocabulary, and answers of an officer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, get_args

from broker.errors import WrongInputError
from broker.operations.contract_draft import write_new
from broker.operations.vocabulary_files import vocabulary_of
from contracts.findings import Finding
from contracts.legal_codes import KINDS, LegalKind, PartyKind
from contracts.lint import lint_text
from contracts.loading import ContractText, documents_beside, parse_draft
from contracts.names import suggestion
from contracts.new_terms import NewRole, Outline, new_terms, suited_codes
from contracts.vocabulary.known import Documents

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
PARTY_KINDS: Final[tuple[PartyKind, ...]] = get_args(PartyKind)


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Terms that were written, and what lint finds in them."""

    text: ContractText
    findings: tuple[Finding, ...]


def role_of_words(words: str) -> tuple[str, NewRole]:
    """Return a role from `ID=KIND,TEXT`.

    Raises:
        WrongInputError: `option_invalid`.
    """
    name, equals, rest = words.partition("=")
    kind, comma, text = rest.partition(",")
    kinds: dict[str, PartyKind] = {one: one for one in PARTY_KINDS}
    if not (equals and comma and _ID.fullmatch(name) and kind.strip() in kinds and text.strip()):
        raise _wrong("--role", f"ID=KIND,TEXT, and KIND is one of {', '.join(PARTY_KINDS)}")
    return name, NewRole(text.strip(), kinds[kind.strip()])


def purpose_of_words(words: str) -> tuple[str, str]:
    """Return a purpose from `ID=TEXT`.

    Raises:
        WrongInputError: `option_invalid`.
    """
    name, equals, text = words.partition("=")
    if not (equals and _ID.fullmatch(name) and text.strip()):
        raise _wrong("--purpose", "ID=TEXT, for example advise=Advise a tenant")
    return name, text.strip()


def with_law(roles: dict[str, NewRole], choices: Iterable[str]) -> dict[str, NewRole]:
    """Return roles with the chosen codes of law.

    Args:
        roles: the roles so far.
        choices: each `ROLE:KIND=CODE`, with semicolons between several codes; without a code, the
            role needs none of this kind.

    Raises:
        WrongInputError: `option_invalid`: a role, a kind or a code that the role may not rely on.
    """
    found = dict(roles)
    for words in choices:
        left, equals, codes = words.partition("=")
        name, _, kind_name = left.partition(":")
        kinds: dict[str, LegalKind] = {one: one for one in KINDS}
        role, kind = found.get(name), kinds.get(kind_name)
        if role is None or kind is None or not equals:
            raise _wrong(
                "--law",
                f"ROLE:KIND=CODE; roles are {', '.join(found)}; kinds are {', '.join(KINDS)}",
            )
        known = dict(suited_codes(kind, role))
        for code in filter(None, map(str.strip, codes.split(";"))):
            if code not in known:
                raise _wrong("--law", f"a code on which {name} may rely. {suggestion(code, known)}")
        found[name] = NewRole(role.text, role.kind, {**role.law, kind: codes})
    return found


def write_terms(vocabulary: str, outline: Outline, out: Path, today: date) -> NewTerms:
    """Write the terms of a new agreement, and its vocabulary beside it if it is your own.

    Args:
        vocabulary: a file, or the name of a vocabulary of the software.
        outline: the answers.
        out: the file to write; it must not exist.
        today: date of the version record.

    Raises:
        WrongInputError: `option_missing`, `option_invalid`, `vocabulary_unknown`, `output_exists`.
        ConfigError: `output_unwritable`, `file_unusable`.
        ContractError: `vocabulary_invalid`.
    """
    if len(outline.roles) < 1 or not outline.purposes:
        raise WrongInputError(
            "An agreement needs a role and a purpose.",
            code="option_missing",
            where="--role, --purpose",
            fix="Give each role with --role, and each purpose with --purpose.",
        )
    if not _ID.fullmatch(outline.name):
        raise _wrong("--name", "lower-case letters, digits and hyphens, a letter first")
    words = vocabulary_of(vocabulary)
    raw = new_terms(words, outline, today).encode()
    beside = out.parent / f"{words.form.vocabulary}.vocabulary.yaml"
    mine = Path(vocabulary)
    given = {words.hash: mine.read_bytes()} if mine.is_file() else {}
    known = Documents(given, documents_beside(out).folders)
    if given and not beside.exists():
        write_new(beside, given[words.hash])
    text = parse_draft(raw, str(out), known)
    write_new(out, raw)
    found = sorted(lint_text(text, today), key=lambda one: one.severity != "error")
    return NewTerms(text, tuple(found))


def _wrong(option: str, form: str) -> WrongInputError:
    return WrongInputError(
        "The value cannot be used.",
        code="option_invalid",
        where=option,
        fix=f"Give {form}.",
    )
