"""Judgement of a received record: steps 0 to 10, numbered as in docs/spec/opening.md.

The judgement depends only on the record, the reader's context and ``now``: no I/O, no clock. The
caller owns the cache. The cache saves time and never changes a judgement.

A wrap is a session key that is encrypted for one recipient. Trying a wrap is expensive, so the
number of new wraps of each sender is limited (denial of service). The context gives the limit, and
the judgement gives the number of tried wraps.

Receiving, ``event open`` and ``event verify`` call this module. They have no checks of their own.

====  ======================================================  ====================================
step  what is checked                                         where
====  ======================================================  ====================================
0     sizes; exactly one of each header                       verification.py
1     form of the proof; it names this place in Kafka         verification.py
2     signature, by a stream key that was valid at log time   verification.py, trials.py
3     inclusion under the signed checkpoint                   verification.py
4     continuity: position, repeat, gap, rollback, fork       continuity.py, generations.py
5     layout; the wrap for this reader, if there is one       decryption.py
6     contract: topic, sender, reader and log time            contract_check.py
7     key list, session key and group keys                    broker/envelope/opening.py
8     commitments and decryption of the groups                broker/envelope/opening.py
9     type, agencies, grouping, padding, consent              contracts/decision.py, decryption.py
10    model of the event type; repeat of an accepted event id event_types.py, decryption.py
====  ======================================================  ====================================

Log time is the time in the signed checkpoint of a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging import continuity
from broker.judging.continuity_types import (
    ContinuityError,
    EquivocationError,
    Placement,
)
from broker.judging.decryption import Ahead, WrapCount, open_ahead, open_record
from broker.judging.judgements import (
    BeforeStart,
    Deferred,
    Equivocation,
    Judgement,
    LeafTaken,
    NotAddressed,
    Opened,
    Refused,
    Repeat,
    Unplaced,
    Unverified,
    may_wait,
)
from broker.judging.partition_state import PartitionState
from broker.judging.reader_context import ReaderContext
from broker.judging.state_limits import Room, growth
from broker.judging.verification import VerifiedRecord, verify_record
from broker.judging.verification_cache import VerificationCache
from broker.record import Record
from broker.tlog.checkpoint import Place

STAGE_RECORDS: Final = 64
"""Number of records that one stage processes before the next stage starts."""


def judge(record: Record, context: ReaderContext, cache: VerificationCache, now: int) -> Judgement:
    """Judge one record: steps 0 to 10.

    Args:
        record: as read from Kafka or from a file, unchecked.
        context: the reader's keys, contracts and stream states.
        cache: cached results of expensive checks. Pass the same object for each record.
        now: the reader's clock, ms.
    """
    return _judge_verified(_verified(record, context, cache, now), context, cache, now)


def judge_each(
    records: Sequence[Record], context: ReaderContext, cache: VerificationCache, now: int
) -> Iterator[tuple[Record, Judgement]]:
    """Judge a batch. The results are those of ``judge``, about 20 % faster (docs/benchmarks.md).

    The caller must apply each judgement to ``context`` before it requests the next one.

    The function processes ``STAGE_RECORDS`` records in stages, so that code and data stay in the
    processor's caches. The first stage verifies them (steps 0 to 3). The second stage decrypts each
    record whose wrap is already cached. Steps 5 to 8 use this result later. The last stage judges
    the records one by one from step 4.

    Args:
        records: in the order of arrival.
        context: the reader's keys, contracts and stream states.
        cache: cached results of expensive checks. Pass the same object for each batch.
        now: the reader's clock, ms.
    """
    if len(records) == 1:  # stages save no time for a single record
        yield records[0], judge(records[0], context, cache, now)
        return
    for at in range(0, len(records), STAGE_RECORDS):
        stage = records[at : at + STAGE_RECORDS]
        verified = [_verified(record, context, cache, now) for record in stage]
        ahead = [
            None if isinstance(found, RefusedError) else open_ahead(found, context, cache.sessions)
            for found in verified
        ]
        for record, found, opened in zip(stage, verified, ahead, strict=True):
            yield record, _judge_verified(found, context, cache, now, opened)


def _verified(
    record: Record, context: ReaderContext, cache: VerificationCache, now: int
) -> VerifiedRecord | RefusedError:
    try:
        return verify_record(record, context, cache, now)
    except RefusedError as refusal:
        return refusal


def _judge_verified(
    verified: VerifiedRecord | RefusedError,
    context: ReaderContext,
    cache: VerificationCache,
    now: int,
    ahead: Ahead | None = None,
) -> Judgement:
    if isinstance(verified, RefusedError):  # steps 0 to 3
        return may_wait(Unverified(verified))
    placement = place_record(verified, context)  # step 4
    if not isinstance(placement, Placement):
        return placement
    if placement.verdict == "repeat":
        return Repeat(verified, placement)
    if placement.verdict == "before_start":
        return BeforeStart(verified, placement)
    if verified.position.leaf_only:
        return LeafTaken(verified, placement)
    return _judge_content(verified, placement, context, cache, now, ahead)  # steps 5 to 10


# --- step 4 --------------------------------------------------------------------------------------


def place_record(
    verified: VerifiedRecord, context: ReaderContext
) -> Placement | Unplaced | Deferred | Equivocation:
    """Find the position of a record in its sender's stream (step 4).

    Returns:
        The placement, or the judgement of a record without a valid position.
    """
    relief: dict[Place, PartitionState] = {}
    try:
        placement = _placed(verified, context, relief)
    except EquivocationError as error:
        refusal = RefusedError(4, error.code, str(error))
        return Equivocation(verified, refusal, tuple(relief.items()))
    except ContinuityError as error:
        refusal = RefusedError(4, error.code, str(error))
        return may_wait(Unplaced(verified, refusal, tuple(relief.items())))
    return replace(placement, relief=tuple(relief.items())) if relief else placement


def _placed(
    verified: VerifiedRecord, context: ReaderContext, relief: dict[Place, PartitionState]
) -> Placement:
    """Place a record. If the sender's state is full, remove old entries from it first.

    Entries are removed in this order, until there is room (docs/spec/streams.md, "Limits"):

    1. in all partitions of the sender, gaps that were revealed by a key that is revoked now;
    2. in this partition, generations that are complete or were passed over;
    3. such generations in the sender's other partitions.

    ``relief`` receives the reduced states.
    """
    position, where = verified.position, verified.origin.place
    history = context.history(where)

    def room() -> Room:
        left = context.room(where.agency)
        for place, smaller in relief.items():
            left -= growth(context.state(place), smaller)
        return left

    try:  # within the limit
        return continuity.place(context.state(where), position, history, room, forget=False)
    except ContinuityError as error:
        if error.code != "state_full":
            raise
    relief.update(context.affected(where.agency))
    try:  # after removing gaps of revoked keys; ``place`` may forget old generations too
        return continuity.place(relief.get(where, context.state(where)), position, history, room)
    except ContinuityError as error:
        passed = context.passed(where, relief) if error.code == "state_full" else {}
        if not passed:
            raise
    relief.update(passed)  # after removing old generations of other partitions
    return continuity.place(relief.get(where, context.state(where)), position, history, room)


# --- steps 5 to 10 -------------------------------------------------------------------------------


def _judge_content(
    verified: VerifiedRecord,
    placement: Placement,
    context: ReaderContext,
    cache: VerificationCache,
    now: int,
    ahead: Ahead | None,
) -> Judgement:
    wraps = WrapCount(context.wraps_left(verified.origin.agency))
    try:
        event = open_record(verified, context, cache, now, wraps, ahead, state=placement.state)
    except RefusedError as refusal:
        return may_wait(Refused(verified, placement, refusal, wraps=wraps.tried))
    if isinstance(event, OpenedEvent):
        return Opened(verified, placement, event, wraps=wraps.tried)
    if event == "not_addressed":
        return NotAddressed(verified, placement, wraps=wraps.tried)
    return Repeat(verified, placement, wraps=wraps.tried)
