"""Disclosures of a case, each with its purpose and the recipient's legal basis.

The disclosure log has fields, recipients, clauses and the hash of the agreement. The agreement says
for which purpose, and on which legal basis, the recipient may read the field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from broker.agency.participant import Participant
from broker.audit.entries import EntryKind
from broker.keys.instant import format_instant
from broker.operations.log_answer import LogAnswer, ReceivedField
from broker.registry.contract_book import ContractBook
from broker.registry.contracts import SignedContract
from contracts.csv_text import csv_text
from contracts.field_answer import answer_fields
from contracts.legal_codes import codes_in
from contracts.wording import field_label

__all__ = [
    "CSV_COLUMNS",
    "Disclosure",
    "Recipient",
    "disclosure_recipients",
    "disclosures_csv",
    "disclosures_of",
    "unserved_parties",
]  # fmt: skip

CSV_COLUMNS: Final = (
    "time", "kind", "recipient", "recipient name", "sender", "event type", "event", "field",
    "field in words", "agreement", "clause", "purposes", "legal basis", "person", "acting for",
    "reason", "entry",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One field that one agency received.

    Attributes:
        received: the field as the log has it.
        label: the field in words; its path if the agreement is not here.
        recipient_name: legal name of the recipient, its id if the agreement is not here.
        purposes: names of the purposes for which the recipient may read it.
        bases: codes of the recipient's legal bases for these purposes.
    """

    received: ReceivedField
    label: str
    recipient_name: str
    purposes: tuple[str, ...]
    bases: tuple[str, ...]

    @property
    def kind(self) -> EntryKind:
        """Return the kind of the entry of the log."""
        return self.received.entry.kind


def disclosures_of(answer: LogAnswer, contracts: ContractBook) -> tuple[Disclosure, ...]:
    """Return the fields of an answer with what their agreements say of them.

    Args:
        answer: answer of the disclosure log.
        contracts: the agreements of the agency.
    """
    held = {one.hash.hex(): one for one in contracts.all()}
    known: dict[tuple[str, str, str, str], _Terms] = {}
    found: list[Disclosure] = []
    for one in answer.received:
        key = one.contract_hash, one.entry.type, one.path, one.recipient
        if key not in known:
            known[key] = _terms(held, one)
        terms = known[key]
        found.append(Disclosure(one, terms.label, terms.name, terms.purposes, terms.bases))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Recipient:
    """An agency to which this agency sent fields.

    Attributes:
        agency: its id.
        fields: number of different fields.
        events: number of events that held them.
        first_ms, last_ms: times of the first and of the last one, ms since the epoch.
    """

    agency: str
    fields: int
    events: int
    first_ms: int
    last_ms: int


def disclosure_recipients(found: Iterable[Disclosure]) -> tuple[Recipient, ...]:
    """Return the agencies to which this agency sent fields, by id."""
    sent: dict[str, list[ReceivedField]] = {}
    for one in found:
        if one.kind == "disclosure":
            sent.setdefault(one.received.recipient, []).append(one.received)
    return tuple(
        Recipient(
            agency,
            len({one.path for one in fields}),
            len({one.entry.index for one in fields}),
            min(one.entry.time_ms for one in fields),
            max(one.entry.time_ms for one in fields),
        )
        for agency, fields in sorted(sent.items())
    )


def unserved_parties(
    participant: Participant, answer: LogAnswer, found: Iterable[Disclosure]
) -> tuple[str, ...]:
    """Return parties to which nothing of an answer was sent, sorted.

    They are the parties of the agreements under which something was sent, or else of all ours. If
    older entries match that the answer does not show, no party is named.

    Args:
        participant: the agency.
        answer: answer of its disclosure log.
        found: the disclosures of the answer.
    """
    if answer.more or not answer.entries:
        return ()
    sent = [one.received for one in found if one.kind == "disclosure"]
    used = {one.contract_hash for one in sent}
    parties = {
        party.id
        for signed in participant.contracts.all()
        if not used or signed.hash.hex() in used
        for party in signed.contract.parties
    }
    named = {one.recipient for one in sent} | {one.agency for one in answer.left_out}
    return tuple(sorted(parties - named - {participant.agency}))


def disclosures_csv(found: Iterable[Disclosure]) -> str:
    """Return disclosures as CSV for an access answer: one row for each field and recipient."""
    return csv_text(CSV_COLUMNS, map(_row, found))


@dataclass(frozen=True, slots=True)
class _Terms:
    label: str
    name: str
    purposes: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()


def _terms(held: Mapping[str, SignedContract], one: ReceivedField) -> _Terms:
    signed = held.get(one.contract_hash)
    if signed is None or one.entry.type not in signed.contract.event_types:
        return _Terms(one.path, one.recipient)
    contract = signed.contract
    party = contract.party(one.recipient)
    name = one.recipient if party is None else party.legal_name
    label = field_label(contract.vocabulary, one.entry.type, one.path)
    if party is None or one.path not in contract.event_types[one.entry.type].fields:
        return _Terms(label, name)
    answer = answer_fields(contract, one.path, one.entry.type)[0]
    bases = [
        basis
        for reader in answer.readers
        if reader.role == party.role
        for basis in reader.bases
        if basis.regime == party.regime
    ]
    pursued = {basis.purpose for basis in bases}
    return _Terms(
        label,
        name,
        tuple(purpose for purpose, _ in answer.purposes if purpose in pursued),
        tuple(dict.fromkeys(code for basis in bases for code in codes_in(basis.basis))),
    )


def _row(one: Disclosure) -> tuple[str, ...]:
    entry = one.received.entry
    return (
        format_instant(entry.time_ms),
        entry.kind,
        one.received.recipient,
        one.recipient_name,
        entry.source,
        entry.type,
        entry.event_id,
        one.received.path,
        one.label,
        one.received.contract,
        one.received.clause,
        "; ".join(one.purposes),
        "; ".join(one.bases),
        entry.operator,
        entry.acting_for,
        entry.stated,
        str(entry.index),
    )
