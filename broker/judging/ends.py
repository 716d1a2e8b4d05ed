"""Judging of records that state a time before their sender's part ended.

docs/spec/streams.md, "Ends". A part ends by a suspension, a departure or a removal. A sender writes
its log time itself, and so does a thief of its key. So such a record counts only if it reached this
reader soon after the end, or if a receipt of another party confirms that it existed in time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from broker.errors import RefusedError
from broker.judging.partition_state import PartitionState
from broker.judging.reader_context import ReaderContext
from broker.judging.verification import VerifiedRecord, folds
from broker.registry.contract_in_force import ContractInForce
from contracts.durations import MINUTE_MS

SUSPENSION_WINDOW_MS: Final = 10 * MINUTE_MS
"""Time after a suspension in which a reader accepts records that state an earlier time.

It is short: a suspension is the first step against a thief of the sender's keys.
"""
RECEIPTS_AFTER_MS: Final = 5 * MINUTE_MS
"""Time after an end up to which receipts count.

Readers publish a receipt when they learn of an end.
"""
FOLD_WITHIN_MS: Final = 10 * MINUTE_MS
"""Time for which a record waits for missing leaves that a receipt covers.

It begins again with each record that arrives.
"""
FOLD_AWAITED: Final = "fold_awaited"
NOT_HEARD: Final = "not_heard"


@dataclass(frozen=True, slots=True)
class End:
    """End of a party's part in a contract.

    Attributes:
        at: time of the end, ms.
        window: time after the end, ms, in which earlier records are accepted without a receipt.
        witnesses: other parties that take part at that time; their receipts count.
    """

    at: int
    window: int
    witnesses: frozenset[str]


def ends_of(in_force: ContractInForce, verified: VerifiedRecord, reader: str) -> list[End]:
    """Return the ends of the sender's part that are later than the record's log time.

    A version without the sender, which replaces this one, ends its part too (removal).
    """
    sender, contract = verified.origin.agency, in_force.contract
    stated = in_force.stops(sender)
    if not stated and not in_force.successors:  # for nearly every record
        return []
    removals = [
        End(newer.effect, newer.contract.changeover_ms, frozenset(newer.contract.by_id))
        for newer in in_force.successors
        if verified.log_time < newer.effect
        and sender not in newer.contract.by_id
        and reader in newer.contract.by_id
    ]
    stops = [
        End(
            stop.since_ms,
            SUSPENSION_WINDOW_MS if stop.state == "suspended" else contract.changeover_ms,
            frozenset(
                party.id
                for party in contract.parties
                if party.id != sender and in_force.stop_at(party.id, stop.since_ms) is None
            ),
        )
        for stop in stated
        if verified.log_time < stop.since_ms
    ]
    return removals + stops


def require_heard(
    verified: VerifiedRecord,
    ends: Collection[End],
    context: ReaderContext,
    state: PartitionState | None,
    arrived: int,
) -> None:
    """Check that a record existed before its sender's part ended.

    Args:
        verified: the record.
        ends: ends of its sender's part.
        context: what the reader knows.
        state: state of the sender's partition, with this record in it.
        arrived: when this reader placed the record, ms of its own clock.

    Raises:
        RefusedError: step 6, `fold_awaited`: a receipt may cover it, and the leaves below are not
            all here; or `not_heard`: no receipt covers it.
    """
    for end in ends:
        if verified.log_time >= end.at or arrived < end.at + end.window:
            continue
        origin = verified.origin
        stated = context.receipts(
            origin.format(), verified.position.index, end.at + RECEIPTS_AFTER_MS, end.witnesses
        )
        if not stated:
            raise RefusedError(6, NOT_HEARD, "it came after its sender's part ended, unconfirmed")
        if (verified.position.size, verified.position.root) in stated:
            continue
        held = None if state is None else state.generations.get(origin.generation)
        index, place = verified.position.index, origin.place
        if held is None or not any(
            folds(held, index, size, root, context, place) for size, root in stated
        ):
            raise RefusedError(6, FOLD_AWAITED, "records that a receipt covers are not here yet")
