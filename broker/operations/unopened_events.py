"""Events that were logged to an agency after its part had ended, before this agency knew of it.

An agency that suspends its part opens these records when it resumes, as long as Kafka keeps them
(docs/spec/sending.md, "Addressees that cannot be reached"). An agency that has left opens them
never. The sender sees both in `event waiting`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from broker.agency.participant import Participant
from broker.audit.entries import NewLogEntry, parse_log_entry
from broker.sending.copies import retention_ms
from broker.store.transaction import Transaction

_PAGE_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class UnopenedEvent:
    """An event that one of its recipients does not open now.

    Attributes:
        event_id: id of the event.
        agency: the recipient.
        type: its event type.
        reason: `suspended` or `contract_left`.
        sent_ms: when Kafka took it; None if it is not sent yet.
        expires_ms: when Kafka no longer keeps it; None while it is not sent.
        served: `later`, if the recipient opens it when it resumes; otherwise `not`.
    """

    event_id: str
    agency: str
    type: str
    reason: Literal["suspended", "contract_left"]
    sent_ms: int | None
    expires_ms: int | None
    served: Literal["later", "not"]


def unopened_events(tx: Transaction, participant: Participant, now: int) -> list[UnopenedEvent]:
    """Return the events that their recipients do not open now, in the order of acceptance.

    An event that Kafka keeps no longer is not among them.

    Args:
        tx: a transaction on this agency's state.
        participant: this agency.
        now: ms.
    """
    manifests = participant.manifests
    since = [
        stop.since
        for agency in manifests.agencies()
        if agency != participant.agency
        for stop in manifests.stops(agency)
        if stop.open
    ]
    if not since:
        return []
    found = [
        one
        for entry, sent_ms in _disclosures(tx, tx.outbox.sent_since(min(since)))
        for one in _unopened(participant, entry, sent_ms, now)
    ]
    return found[::-1]


def _unopened(
    participant: Participant, entry: NewLogEntry, sent_ms: int | None, now: int
) -> Iterator[UnopenedEvent]:
    assert entry.event_id is not None
    assert entry.contract is not None
    assert entry.type is not None
    signed = participant.contracts.by_hash(bytes.fromhex(entry.contract.hash))
    if signed is None:
        return
    expires = None if sent_ms is None else sent_ms + retention_ms(signed.contract, entry.type)
    if expires is not None and expires <= now:
        return
    served = {agency for share in entry.shares for agency in share.recipients}
    for agency in sorted(served):
        for stop in participant.contracts.stops(agency, signed.text, participant.manifests):
            if not stop.open or (sent_ms is not None and sent_ms < stop.since):
                continue
            suspended = stop.state == "suspended"
            yield UnopenedEvent(
                entry.event_id,
                agency,
                entry.type,
                "suspended" if suspended else "contract_left",
                sent_ms,
                expires,
                "later" if suspended else "not",
            )
            break


def _disclosures(
    tx: Transaction, records: Iterable[tuple[str, str, int | None]]
) -> Iterator[tuple[NewLogEntry, int | None]]:
    """Yield the entries of records, the newest first, with the time at which Kafka took the last.

    A copy has an entry of its own, which names the id in the clear. The parts of an event have one.
    """
    sent: dict[str, dict[str, int | None]] = {}
    for event_id, clear_id, sent_ms in records:
        sent.setdefault(event_id, {})[clear_id] = sent_ms
    end = tx.disclosures.size()
    while sent and end > 0:
        first = max(0, end - _PAGE_ROWS)
        for row in reversed(tx.disclosures.read(first, end - first)):
            if row.kind != "disclosure":
                continue
            entry = parse_log_entry(row.entry)
            of_event = sent.get(entry.event_id or "")
            if of_event is None:
                continue
            if entry.record is None:  # the event itself: copies were found before
                times = list(sent.pop(entry.event_id or "").values())
            else:
                times = [of_event.pop(entry.record)] if entry.record in of_event else []
            if times:
                known = [at for at in times if at is not None]
                yield entry, max(known) if len(known) == len(times) else None
        end = first
