"""Judging a record: steps 0 to 10, numbered as in docs/spec/opening.md.

One pure function of the record, the reader's view and ``now``. Receiving, ``event open`` and
``event verify`` all call it; none of them checks anything of its own.

==  ==========================================================================================
0   sizes; exactly one of each header
1   the proof is the one text of itself; its origin is this deployment, topic and partition
2   the signature, by a stream key of the origin's agency that was valid at log time
3   inclusion under the signed checkpoint
4   continuity (broker/judging/continuity.py)
5   the layout; is a wrap for me?
6   the contract governs this topic, sender and reader at log time
7   session key and group keys (broker/envelope/opening.py)
8   commitments and decryption
9   type, addressed agencies, grouping, padding and consent are what the contract gives
10  the event's model, restricted to what I am granted; a known id is the same event
==  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from broker.errors import RefusedError
from broker.event import OpenedEvent
from broker.judging import continuity
from broker.judging.continuity_types import (
    ContinuityError,
    EquivocationError,
    LogPosition,
    Placement,
)
from broker.judging.decryption import Ahead, interpret, open_ahead
from broker.judging.partition_state import Place
from broker.judging.reader_context import ReaderContext
from broker.judging.state_limits import Room
from broker.judging.verification import VerifiedRecord, verify_record
from broker.record import Record
from contracts.values import value_class

Outcome: TypeAlias = Literal[
    "opened", "not_addressed", "repeat", "before_start", "leaf", "refused", "deferred"
]

DEFERRED_CODES: Final = frozenset(
    {
        "early",
        "manifest_expired",
        "key_unknown",
        "receipt_awaited",
        "contract_unknown",
        "wrap_budget",
        "state_full",
    }
)
"""Refusals that time or news may cure; receiving waits, a file is judged as it stands."""

STAGE_RECORDS: Final = 64
"""Records of a batch that go through a stage together."""


@value_class(frozen=True, slots=True)
class Judgement:
    """What became of a record.

    Attributes:
        outcome: see docs/spec/opening.md.
        verified: set from step 4 on.
        placement: set when continuity moved (or stood), that is from step 5 on.
        event: set when opened.
        refusal: set when refused or deferred.
        equivocation: the record contradicts what its sender signed; its partition must stop.
    """

    outcome: Outcome
    verified: VerifiedRecord | None = None
    placement: Placement | None = None
    event: OpenedEvent | None = None
    refusal: RefusedError | None = None
    equivocation: bool = False


def judge(record: Record, view: ReaderContext, now: int) -> Judgement:
    """Steps 0 to 10.

    Args:
        record: as Kafka or a file gave it.
        view: what the reader knows.
        now: the reader's clock, ms.
    """
    return _judge_verified(_verified(record, view, now), view, now)


def judge_each(
    records: Sequence[Record], view: ReaderContext, now: int
) -> Iterator[tuple[Record, Judgement]]:
    """``judge`` for a batch, with the same answers a fifth faster (docs/benchmarks.md).

    The records are taken ``STAGE_RECORDS`` at a time, and by stages, so that the code of each stage
    and the values stay in the processor's caches. Steps 0 to 3 ask for public material only. What
    can be decrypted without trying a new wrap is decrypted next; it decides nothing. From step 4
    on a record is judged after the one before it: the caller has ``view`` take up each judgement
    before it asks for the next.

    Args:
        records: in the order in which they came.
        view: what the reader knows.
        now: the reader's clock, ms.
    """
    if len(records) == 1:  # a stage of one saves nothing
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
    if isinstance(verified, RefusedError):
        outcome: Outcome = "deferred" if verified.code in DEFERRED_CODES else "refused"
        return Judgement(outcome, refusal=verified)
    placed = place_record(verified, view)
    if placed.outcome in {"refused", "deferred", "repeat", "before_start"}:
        return placed
    if verified.fact.leaf_only:
        return replace(placed, outcome="leaf")
    return open_record(placed, view, now, ahead)


# --- step 4 --------------------------------------------------------------------------------------


def place_record(verified: VerifiedRecord, view: ReaderContext) -> Judgement:
    """Step 4. The outcome is ``opened`` where the later steps still have to be taken."""
    where = (verified.origin.agency, verified.origin.topic, verified.origin.partition)
    outcome: Outcome
    try:
        placement = _placed(verified.fact, view, where)
    except EquivocationError as error:
        refusal = RefusedError(4, error.code, str(error))
        return Judgement("refused", verified, refusal=refusal, equivocation=True)
    except ContinuityError as error:
        outcome = "deferred" if error.code in DEFERRED_CODES else "refused"
        return Judgement(outcome, verified, refusal=RefusedError(4, error.code, str(error)))
    if placement.verdict in {"repeat", "before_start"}:
        outcome = "repeat" if placement.verdict == "repeat" else "before_start"
        return Judgement(outcome, verified, placement)
    return Judgement("opened", verified, placement)


def _placed(fact: LogPosition, view: ReaderContext, where: Place) -> Placement:
    """The placement; at the limit of a sender's state after what goes first has gone.

    In this order: what a revoked key signed, then of this partition and then of the others what is
    complete or was passed over (docs/spec/streams.md, "Limits").
    """
    recall = view.recall(*where)

    def room() -> Room:
        return view.room(where[0])

    try:
        return continuity.place(view.state(*where), fact, recall, room, forget=False)
    except ContinuityError as error:
        if error.code != "state_full":
            raise
    view.forget_doubted(where[0])
    try:
        return continuity.place(view.state(*where), fact, recall, room)
    except ContinuityError as error:
        if error.code != "state_full" or not view.forget_passed(where):
            raise
    return continuity.place(view.state(*where), fact, recall, room)


# --- steps 5 to 10 -------------------------------------------------------------------------------


def open_record(
    placed: Judgement, view: ReaderContext, now: int, ahead: Ahead | None = None
) -> Judgement:
    """Steps 5 to 10 for a record that has its place; a retry from quarantine enters here."""
    assert placed.verified is not None
    try:
        event = interpret(placed.verified, view, now, ahead)
    except RefusedError as error:
        if error.code in DEFERRED_CODES:  # it keeps its place until waiting is over
            return Judgement("deferred", placed.verified, placed.placement, refusal=error)
        return Judgement("refused", placed.verified, placed.placement, None, error)
    if event is None:
        return Judgement("not_addressed", placed.verified, placed.placement)
    known = view.known(event.source, event.id)
    if known is None:
        return Judgement("opened", placed.verified, placed.placement, event)
    if known.type == event.type and known.same(event.flat):  # step 10
        return replace(placed, outcome="repeat")
    reused = RefusedError(10, "id_reused", "this id was used for another event")
    return replace(placed, outcome="refused", refusal=reused)
