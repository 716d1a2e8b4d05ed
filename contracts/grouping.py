"""Groups of fields that are sealed together, and for whom (docs/spec/envelope.md, "Groups").

Grouping is a function of contract, event type and addressed agencies only, never of the values:
group 0 is what all addressed agencies read and what is not consent-bound, then one group for each
other pair of readers and consent-bound or not, ordered by the first field in the contract. Each
readable field is in exactly one group, and a field that no addressed agency may read is in none. So
a reader can recompute which groups it should have, and a sender cannot show two readers two values
of one field. Kept per contract: this is the hot path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from contracts.consent_needs import consent_bound
from contracts.errors import ContractError, EventError
from contracts.model import Contract
from contracts.schema import leaves

__all__ = ["GROUPS_MAX", "Grouping", "granted_to", "grouping", "withheld_from"]

GROUPS_MAX = 16
"""Most groups in one event (protocol `concordant/1`, "Conventions")."""
_KEPT_MAX = 4096
"""Groupings kept per contract; a partnership of seven has at most 127 for each type."""


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The groups of one event type for one set of addressed agencies.

    Attributes:
        readers: agencies that are granted each group; all addressed for group 0.
        bound: whether each group is consent-bound; its key then goes by consent too.
        fields: leaf paths of each group.
        order: the same, in the contract's order.
        group_of: leaf path to index of its group; the readable fields are its keys.
        granted: addressed agency to the leaf paths that it may read, with consent.
        unbound: the same, without those that are consent-bound.
        may_read: addressed agency to one boolean per group: granted, with consent.
    """

    readers: tuple[frozenset[str], ...]
    bound: tuple[bool, ...]
    fields: tuple[frozenset[str], ...]
    order: tuple[tuple[str, ...], ...]
    group_of: Mapping[str, int]
    granted: Mapping[str, frozenset[str]]
    unbound: Mapping[str, frozenset[str]]
    may_read: Mapping[str, tuple[bool, ...]]


def grouping(contract: Contract, event_type: str, addressed: frozenset[str]) -> Grouping:
    """Return the groups of `event_type` for the addressed agencies.

    An agency that is not a party reads nothing; whether it may be addressed is
    `contracts/decision.py`.

    Raises:
        EventError: `type_unknown`: the contract or this software has no such type.
        ContractError: `contract_field_unknown`: the contract grants a leaf that the type has not;
            `contract_invalid`: more than 16 groups.
    """
    kept = contract.memo
    found = kept.get(("grouping", event_type, addressed))
    if found is not None:
        return cast("Grouping", found)
    built = _build(contract, event_type, addressed)
    if len(kept) >= _KEPT_MAX:
        kept.clear()
    kept["grouping", event_type, addressed] = built
    return built


def granted_to(contract: Contract, event_type: str, agency: str) -> frozenset[str]:
    """Return the leaf paths that the contract lets `agency` read in this type, if addressed.

    Raises:
        EventError: `type_unknown`.
        ContractError: `contract_field_unknown`, `contract_invalid`.
    """
    return grouping(contract, event_type, frozenset((agency,))).granted[agency]


def withheld_from(contract: Contract, event_type: str, agency: str) -> tuple[str, ...]:
    """Return, sorted, the leaf paths of the type that `agency` never receives under the contract.

    Raises:
        EventError: `type_unknown`.
        ContractError: `contract_field_unknown`, `contract_invalid`.
    """
    return tuple(sorted(frozenset(leaves(event_type)) - granted_to(contract, event_type, agency)))


def _build(contract: Contract, event_type: str, addressed: frozenset[str]) -> Grouping:
    terms = contract.event_types.get(event_type)
    if terms is None:
        raise EventError("the contract has no event type of this name", code="type_unknown")
    for path in terms.fields.keys() - frozenset(leaves(event_type)):
        raise ContractError(
            "the contract grants a field that the event type does not have",
            code="contract_field_unknown",
            where=f"event_types.{event_type}.fields.{path}",
        )
    roles = {agency: contract.role_of.get(agency) for agency in addressed}
    members: dict[tuple[frozenset[str], bool], list[str]] = {(addressed, False): []}  # group 0
    for path, field in terms.fields.items():
        readers = frozenset(agency for agency, role in roles.items() if role in field.readers)
        if readers:
            members.setdefault((readers, consent_bound(terms, field)), []).append(path)
    if len(members) > GROUPS_MAX:
        raise ContractError(
            f"more than {GROUPS_MAX} groups of fields in one type",
            where=f"event_types.{event_type}",
        )
    readers_of = tuple(readers for readers, _ in members)
    bound = tuple(is_bound for _, is_bound in members)
    order = tuple(tuple(paths) for paths in members.values())

    def granted(agency: str, *, with_bound: bool) -> frozenset[str]:
        return frozenset(
            path
            for (readers, is_bound), paths in members.items()
            if agency in readers and (with_bound or not is_bound)
            for path in paths
        )

    everyone = sorted(addressed)
    return Grouping(
        readers=readers_of,
        bound=bound,
        fields=tuple(frozenset(paths) for paths in order),
        order=order,
        group_of=MappingProxyType({p: i for i, paths in enumerate(order) for p in paths}),
        granted=MappingProxyType({a: granted(a, with_bound=True) for a in everyone}),
        unbound=MappingProxyType({a: granted(a, with_bound=False) for a in everyone}),
        may_read=MappingProxyType({a: tuple(a in r for r in readers_of) for a in everyone}),
    )
