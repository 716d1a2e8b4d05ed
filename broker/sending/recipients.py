"""Rows of the recipients of accepted events, for the state of an event at each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from broker.sending.addressees import NOT_AT_ALL
from broker.sending.sealing import Prepared
from broker.store.rows import NewRecipientRow


def recipient_rows(
    events: Sequence[Prepared], seqs: Sequence[int], now: int
) -> list[NewRecipientRow]:
    """Return a row for each recipient of each event.

    Args:
        events: the events, each with its records.
        seqs: number in the outbox of each record, in the order of the events and their records.
        now: ms.
    """
    numbers = iter(seqs)
    return [row for event in events for row in _of_event(event, numbers, now)]


def _of_event(event: Prepared, numbers: Iterator[int], now: int) -> Iterator[NewRecipientRow]:
    every = event.in_force.contract.report_every_ms
    for drafted in event.drafts:
        seq = next(numbers)
        clear_id = None if drafted.clear_text == event.event_id else drafted.clear_text
        for key, _ in drafted.recipients:
            yield NewRecipientRow(event.event_id, key.agency, clear_id, seq, every)
    for one in event.not_sealed:
        if one.reason in NOT_AT_ALL:
            yield NewRecipientRow(
                event.event_id, one.agency, None, None, None, "refused", one.reason, now
            )
        else:
            yield NewRecipientRow(event.event_id, one.agency, None, None, every)
