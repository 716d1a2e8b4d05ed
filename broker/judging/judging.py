"""Judge of a record: steps 0 to 10, numbered as in docs/spec/opening.md.

One function of the record, the reader's view and ``now``: no I/O, no clock. What is remembered
belongs to the caller's view: caches that save work and change no answer, and ``try_wrap``, which
counts the new wraps of a sender. Receiving, ``event open`` and ``event verify`` all call it; none
of them checks anything of its own.

==  ========================================================================================== 0
sizes; exactly one of each header 1   the proof is the one text of itself; its origin is this
deployment, topic and partition 2   the signature, by a stream key of the origin's agency that was
valid at log time 3   inclusion under the signed checkpoint 4   continuity
(broker/judging/continuity.py) 5   the layout; is a wrap for me? 6   the contract governs this
topic, sender and reader at log time 7   session key and group keys (broker/envelope/opening.py) 8
commitments and decryption 9   type, addressed agencies, grouping, padding and consent are what the
contract gives 10  the event's model, restricted to what I am granted; a known id is the same event
==  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging import continuity
from broker.judging.continuity_types import (
    ContinuityError,
    EquivocationError,
    LogPosition,
    Placement,
)
from broker.judging.decryption import Ahead, open_ahead, open_record
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
from broker.judging.reader_context import ReaderContext
from broker.judging.state_limits import Room
from broker.judging.verification import VerifiedRecord, verify_record
from broker.record import Record
from broker.tlog.checkpoint import Place

STAGE_RECORDS: Final = 64
"""Number of records of a batch that pass each stage together."""


def judge(record: Record, view: ReaderContext, now: int) -> Judgement:
    """Apply steps 0 to 10.

    Args:
        record: the record from Kafka or a file.
        view: the reader's context.
        now: the reader's clock, ms.
    """
    return _judge_verified(_verified(record, view, now), view, now)


def judge_each(
    records: Sequence[Record], view: ReaderContext, now: int
) -> Iterator[tuple[Record, Judgement]]:
    """``judge`` for a batch, with the same answers a fifth faster (docs/benchmarks.md).

    The records are taken ``STAGE_RECORDS`` at a time, and by stages, so that the code of each stage
    and the values stay in the processor's caches. Steps 0 to 3 ask for public material only. What
    can be decrypted without trying a new wrap is decrypted next; it decides nothing. From step 4 on
    a record is judged after the one before it: the caller has ``view`` take up each judgement
    before it asks for the next.

    Args:
        records: in the order of arrival.
        view: the reader's context.
        now: the reader's clock, ms.
    """
    if len(records) == 1:  # a stage of one record saves nothing
        yield records[0], judge(records[0], view, now)
        return
    for at in range(0, len(records), STAGE_RECORDS):
        stage = records[at : at + STAGE_RECORDS]
        verified = [_verified(record, view, now) for record in stage]
        ahead = [
            None if isinstance(found, RefusedError) else open_ahead(found, view)
            for found in verified
        ]
        for record, found, opened in zip(stage, verified, ahead, strict=True):
            yield record, _judge_verified(found, view, now, opened)


def _verified(record: Record, view: ReaderContext, now: int) -> VerifiedRecord | RefusedError:
    try:
        return verify_record(record, view, now)
    except RefusedError as refusal:
        return refusal


def _judge_verified(
    verified: VerifiedRecord | RefusedError,
    view: ReaderContext,
    now: int,
    ahead: Ahead | None = None,
) -> Judgement:
    if isinstance(verified, RefusedError):  # steps 0 to 3
        return may_wait(Unverified(verified))
    placement = place_record(verified, view)  # step 4
    if not isinstance(placement, Placement):
        return placement
    if placement.verdict == "repeat":
        return Repeat(verified, placement)
    if placement.verdict == "before_start":
        return BeforeStart(verified, placement)
    if verified.fact.leaf_only:
        return LeafTaken(verified, placement)
    return _judge_content(verified, placement, view, now, ahead)  # steps 5 to 10


# --- step 4 --------------------------------------------------------------------------------------


def place_record(
    verified: VerifiedRecord, view: ReaderContext
) -> Placement | Unplaced | Deferred | Equivocation:
    """Apply step 4: the position of a record in its sender's stream."""
    try:
        return _placed(verified.fact, view, verified.origin.place)
    except EquivocationError as error:
        return Equivocation(verified, RefusedError(4, error.code, str(error)))
    except ContinuityError as error:
        return may_wait(Unplaced(verified, RefusedError(4, error.code, str(error))))


def _placed(fact: LogPosition, view: ReaderContext, where: Place) -> Placement:
    """Return the placement; at the limit of a sender's state, forget state first.

    The order is: gaps revealed by a revoked key, then complete or skipped generations of this
    partition, then those of other partitions (docs/spec/streams.md, "Limits").
    """
    recall = view.recall(where)

    def room() -> Room:
        return view.room(where.agency)

    try:
        return continuity.place(view.state(where), fact, recall, room, forget=False)
    except ContinuityError as error:
        if error.code != "state_full":
            raise
    view.forget_doubted(where.agency)
    try:
        return continuity.place(view.state(where), fact, recall, room)
    except ContinuityError as error:
        if error.code != "state_full" or not view.forget_passed(where):
            raise
    return continuity.place(view.state(where), fact, recall, room)


# --- steps 5 to 10 -------------------------------------------------------------------------------


def _judge_content(
    verified: VerifiedRecord,
    placement: Placement,
    view: ReaderContext,
    now: int,
    ahead: Ahead | None,
) -> Judgement:
    try:
        event = open_record(verified, view, now, ahead)
    except RefusedError as refusal:
        return may_wait(Refused(verified, placement, refusal))
    if isinstance(event, OpenedEvent):
        return Opened(verified, placement, event)
    if event == "not_addressed":
        return NotAddressed(verified, placement)
    return Repeat(verified, placement)
