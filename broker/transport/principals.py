"""Kafka principals of the parties: which of them may get rights, and why others may not.

Contracts name a principal for each party (docs/spec/topics.md, "Access rights"). Some principals
would give rights to other clients: one that matches every client, one for anonymous clients, one of
Kafka's host, and one that two agencies claim. A party with such a principal gets no right, and the
others get theirs. Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.transport.topics import AclPlan, group_prefix
from contracts.model import Contract
from contracts.parties import RESERVED_PRINCIPALS

CERTIFICATE_RULES: Final = "RULE:^CN=([^,]+).*$/$1/,DEFAULT"
"""Kafka's `ssl.principal.mapping.rules`: the principal is the certificate's common name."""
_TYPE: Final = "User:"


@dataclass(frozen=True, slots=True)
class RefusedPrincipal:
    """A party that gets no right under a contract.

    Attributes:
        contract: the contract's name.
        agency: the party.
        principal: the principal in the contract.
        code: `principal_reserved`, `principal_of_the_host`, `principal_shared` or
            `principal_unnameable`.
        detail: the reason, in a sentence.
    """

    contract: str
    agency: str
    principal: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Principals of the parties.

    Attributes:
        principals: by (contract name, agency), for parties that may get rights.
        refused: the other parties, sorted by contract and agency.
    """

    principals: Mapping[tuple[str, str], str]
    refused: tuple[RefusedPrincipal, ...]

    def of(self, contract: Contract) -> dict[str, str]:
        """Return the principals of one contract by agency."""
        found = {}
        for party in contract.parties:
            name = self.principals.get((contract.name, party.id))
            if name is not None:
                found[party.id] = name
        return found


def bare_name(principal: str) -> str:
    """Return a principal's name without its type."""
    return principal.removeprefix(_TYPE)


def assign_principals(
    contracts: Sequence[Contract], own: Iterable[str], rights: Iterable[AclPlan] = ()
) -> Assignment:
    """Decide which parties may get rights.

    Two names that differ only in case count as one, because Kafka's mapping of a certificate may
    fold case. If agencies claim the same principal, none gets rights, unless Kafka already knows it
    as exactly one of them: a contract cannot remove another agency's rights by naming its
    principal.

    Args:
        contracts: one version of each contract; parties that have left still claim theirs.
        own: principals of the host, with or without `User:`.
        rights: rights on Kafka; the right to its groups shows the owner of a principal.
    """
    own_names = {bare_name(name).casefold() for name in own}
    claims: dict[str, set[str]] = {}
    for contract in contracts:
        for party in contract.parties:
            claims.setdefault(party.principal.casefold(), set()).add(party.id)
    known = _known_holders(contracts, rights)
    principals: dict[tuple[str, str], str] = {}
    refused: list[RefusedPrincipal] = []
    for contract in contracts:
        for party in contract.parties:
            name = party.principal
            folded = name.casefold()
            sharing = claims[folded]
            holders = known.get(folded, set()) & sharing
            if folded in RESERVED_PRINCIPALS:
                code, why = "principal_reserved", "stands for more than one client"
            elif folded in own_names:
                code, why = "principal_of_the_host", "belongs to the host of Kafka"
            elif len(sharing) > 1 and holders != {party.id}:
                others = ", ".join(sorted(sharing - {party.id}))
                code, why = "principal_shared", f"is claimed by {others} too"
            else:
                principals[contract.name, party.id] = name
                continue
            detail = (
                f"{party.id} gets no right under {contract.name} {contract.version}: its Kafka "
                f"principal {name} {why}"
            )
            refused.append(RefusedPrincipal(contract.name, party.id, name, code, detail))
    refused.sort(key=lambda one: (one.contract, one.agency))
    return Assignment(principals, tuple(refused))


def _known_holders(contracts: Sequence[Contract], rights: Iterable[AclPlan]) -> dict[str, set[str]]:
    groups = {
        group_prefix(contract.deployment, party.id): party.id
        for contract in contracts
        for party in contract.parties
    }
    found: dict[str, set[str]] = {}
    for right in rights:
        agency = groups.get(right.name) if right.resource == "group" and right.prefixed else None
        if agency is not None:
            found.setdefault(bare_name(right.principal).casefold(), set()).add(agency)
    return found
