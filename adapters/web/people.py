"""People who use the web application, and their roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.agency.account import label, login_name
from broker.audit.actor import Actor
from contracts.phrases import N_, Phrase, joined


class Role(StrEnum):
    """A role opens pages; a person can have several."""

    CASEWORKER = "caseworker"
    OFFICER = "officer"
    SIGNATORY = "signatory"
    OPERATOR = "operator"
    AUDITOR = "auditor"


EVERY_ROLE: Final = frozenset(Role)
_NAMES: Final[Mapping[Role, Phrase]] = {
    Role.CASEWORKER: N_("caseworker"),
    Role.OFFICER: N_("officer"),
    Role.SIGNATORY: N_("signatory"),
    Role.OPERATOR: N_("operator"),
    Role.AUDITOR: N_("auditor"),
}


def role_names(roles: Iterable[Role]) -> Phrase:
    """Return the names of roles, sorted."""
    return joined(", ", (_NAMES[role] for role in sorted(roles)))


@dataclass(frozen=True, slots=True)
class Person:
    """A person who has signed in.

    Attributes:
        id: stable identifier, as the party that signed the person in gives it.
        name: name for the page.
        roles: what the person may open.
        vouched: who vouches for the identity: `link` (the account that started the program),
            `provider` (OpenID Connect) or `proxy`.
    """

    id: str
    name: str
    roles: frozenset[Role]
    vouched: str

    def actor(self, reason: str | None = None, reason_code: str | None = None) -> Actor:
        """Return the person for the disclosure log.

        The account of the process is recorded as well, as the system gives it.

        Args:
            reason: the purpose, in words.
            reason_code: code of the reason to look at personal data.
        """
        acting_for = None if self.vouched == LINK else label(self.id)
        return Actor(label(login_name()), acting_for, reason, reason_code)


LINK: Final = "link"
PROVIDER: Final = "provider"
PROXY: Final = "proxy"
"""Values of ``Person.vouched``."""


def local_person(roles: frozenset[Role] = EVERY_ROLE) -> Person:
    """Return the person at this machine, who started the program."""
    account = login_name()
    return Person(account, account, roles, LINK)
