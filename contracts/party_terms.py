"""Part of one party in an agreement: what it gives and gets, its purposes, and its time limits.

The paper for a board (`contracts/party_paper.py`) and the pages of an officer show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from contracts.consent_needs import consent_needs
from contracts.model import Contract
from contracts.names import require_known
from contracts.parties import Party
from contracts.terms import EventTerms, FieldTerms, LegalBasis, Purpose

__all__ = [
    "STATES_REASON",
    "Exchange",
    "Flow",
    "PartyPurpose",
    "exchanges",
    "flows",
    "party_of",
    "party_purposes",
    "security_measures",
]

STATES_REASON = (
    "Our people state a reason before they see data of an event, and our disclosure log records it."
)


@dataclass(frozen=True, slots=True)
class Flow:
    """The fields of one event type that one role may send another.

    Attributes:
        event_type: its name.
        terms: its terms.
        sender: role of the sender.
        reader: role of the reader.
        other: the one of these two that is not this party's.
        fields: terms of the fields, by path.
    """

    event_type: str
    terms: EventTerms
    sender: str
    reader: str
    other: str
    fields: Mapping[str, FieldTerms]

    def with_consent(self, contract: Contract) -> tuple[str, ...]:
        """Return the paths of the fields that this reader gets only with consent."""
        return tuple(
            path for path, field in self.fields.items() if self._needs_consent(contract, field)
        )

    def _needs_consent(self, contract: Contract, field: FieldTerms) -> bool:
        needs = consent_needs(contract, self.terms, field)
        return bool(needs.everyone) or any(
            need.role == self.reader and self.sender not in need.unless_from
            for need in needs.by_role
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """Fields that one party gives to, or gets from, the partners that are treated alike.

    Attributes:
        event_type: name of the event type.
        terms: its terms.
        partners: agency ids.
        reads: paths that the reader gets.
        with_consent: those of `reads` that need consent.
        kept_back: paths of the event type that the reader never gets.
    """

    event_type: str
    terms: EventTerms
    partners: tuple[str, ...]
    reads: tuple[str, ...]
    with_consent: tuple[str, ...]
    kept_back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartyPurpose:
    """A purpose that a party pursues, and the law that it relies on for it."""

    name: str
    purpose: Purpose
    bases: tuple[LegalBasis, ...]


def party_of(contract: Contract, agency: str) -> Party:
    """Return a party of an agreement.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    require_known("party", agency, contract.by_id, code="agency_unknown", exact=True)
    return contract.by_id[agency]


def flows(contract: Contract, role: str, *, giving: bool) -> Iterator[Flow]:
    """Yield what a role may send to each role, or get from each, in the agreement's order.

    Args:
        contract: the agreement.
        role: the role.
        giving: what it sends; otherwise what it gets.
    """
    for name, terms in contract.event_types.items():
        others = terms.recipients if giving else terms.publishers
        if role not in (terms.publishers if giving else terms.recipients):
            continue
        for other in others:
            sender, reader = (role, other) if giving else (other, role)
            fields = {
                path: field
                for path, field in terms.fields.items()
                if reader in field.readers and sender in (field.senders or terms.publishers)
            }
            if fields:
                yield Flow(name, terms, sender, reader, other, MappingProxyType(fields))


def exchanges(contract: Contract, agency: str, *, giving: bool) -> tuple[Exchange, ...]:
    """Return what a party gives, or gets: partners with the same fields are together.

    Args:
        contract: the agreement.
        agency: the party.
        giving: what it gives; otherwise what it gets.

    Raises:
        UnknownNameError: `agency_unknown`: the agreement has no such party.
    """
    party = party_of(contract, agency)
    alike: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for flow in flows(contract, party.role, giving=giving):
        others = [each.id for each in contract.parties_of_role(flow.other) if each.id != agency]
        if others:
            key = flow.event_type, tuple(flow.fields), flow.with_consent(contract)
            alike.setdefault(key, []).extend(others)
    return tuple(
        Exchange(
            name,
            contract.event_types[name],
            tuple(partners),
            reads,
            asked,
            tuple(path for path in contract.event_types[name].fields if path not in reads),
        )
        for (name, reads, asked), partners in alike.items()
    )


def security_measures(contract: Contract, party: Party) -> tuple[str, ...]:
    """Return the measures of an agreement that hold for a party, in words."""
    asked = (STATES_REASON,) if contract.asks_reason_of(party.id) else ()
    return (*contract.security, *asked)


def party_purposes(contract: Contract, party: Party) -> tuple[PartyPurpose, ...]:
    """Return the purposes that a party pursues, with its legal bases in its regime."""
    return tuple(
        PartyPurpose(
            name,
            purpose,
            tuple(
                basis
                for basis in contract.legal_bases
                if basis.purpose == name
                and party.role in basis.relied_on_by
                and basis.regime == party.regime
            ),
        )
        for name, purpose in contract.purposes.items()
        if not purpose.pursued_by or party.role in purpose.pursued_by
    )
