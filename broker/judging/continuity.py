"""Continuity check (step 4): position of a verified record in its sender's stream.

Pure: ``place`` takes this reader's state of one sender's partition and the position that steps 1 to
3 verified, and returns the verdict and the next state. Nothing is changed in place, so a failed
transaction needs no undo.

A stream is a Merkle log. The left-hand nodes of the inclusion path of index m *are* the frontier of
[0, m). A reader that stores its own frontier compares the two and so knows, without a consistency
proof, that it has the same prefix that the sender signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from broker.judging.continuity_types import (
    ContinuityError,
    EquivocationError,
    LogPosition,
    Placement,
    StreamHistory,
)
from broker.judging.generations import follow_link, without_oldest
from broker.judging.partition_state import Gap, Generation, PartitionState, StoredCheckpoint
from broker.judging.state_limits import Room, forgettable, growth, room_in_all, size_of, without
from broker.tlog.merkle import Frontier

MAX_GAPS: Final = 1024
"""Maximum number of open gaps of one generation.

A host that drops every second record reaches it.
"""


def place(
    state: PartitionState | None,
    fact: LogPosition,
    recall: StreamHistory,
    room: Callable[[], Room] | None = None,
    *,
    forget: bool = True,
) -> Placement:
    """Decide the position of a record.

    Args:
        state: this reader's state of the sender's partition.
        fact: the position that steps 1 to 3 verified.
        recall: look-ups in the accepted records.
        room: () -> the sender's remaining limit over all its partitions; None if it has no other.
        forget: whether generations of this partition may be forgotten to make room.

    Raises:
        EquivocationError: it contradicts what the sender signed before.
        ContinuityError: ``log_time_fell``, ``unlinked``, ``superseded``, ``stream_stopped``,
            ``leaf_not_wanted``, ``gaps_many``, ``generations_many`` or ``state_full``.
    """
    placement = _in_its_generation(state, fact, recall)
    if placement.verdict == "next" or placement.state is state:
        return placement
    if fact.link is not None and placement.verdict != "start":  # index 0 names its predecessor
        placement = follow_link(placement, fact.generation, fact.link, recall)
    if placement.verdict == "link":
        linked_to = fact.link.name if fact.link is not None else fact.generation
        placement = replace(placement, state=without_oldest(placement.state, linked_to))
    left = room_in_all() - size_of(state) if room is None else room()
    return _within(left, placement, state, fact, forget=forget)


def _in_its_generation(
    state: PartitionState | None, fact: LogPosition, recall: StreamHistory
) -> Placement:
    if state is None:
        return _start(fact)
    if state.stopped:
        raise ContinuityError("stream_stopped", "this sender's partition is stopped")
    known = state.generations.get(fact.generation)
    if known is None:
        return _new_generation(state, fact)
    if fact.index < known.size:
        return _known_index(state, known, fact, recall)
    if fact.generation != state.newest:
        raise ContinuityError("superseded", "the generation ended below this index")
    return _grow(state, known, fact)


def _within(
    left: Room,
    placement: Placement,
    state: PartitionState | None,
    fact: LogPosition,
    *,
    forget: bool,
) -> Placement:
    """Return the placement if the sender has room.

    Otherwise forget complete or passed-over generations.
    """
    if left.takes(growth(state, placement.state)):
        return placement
    smaller, alarms = placement.state, placement.alarms
    keep = {fact.generation} | ({fact.link.name} if fact.link is not None else set())
    for name in forgettable(smaller, keep) if forget else ():
        if smaller.generations[name].gaps:
            alarms = (*alarms, "gaps_forgotten")
        smaller = without(smaller, name)
        if left.takes(growth(state, smaller)):
            return replace(placement, state=smaller, alarms=tuple(dict.fromkeys(alarms)))
    raise ContinuityError("state_full", "the state of this sender has reached its size limit")


# --- a record at the head -----------------------------------------------------------------------


def _start(fact: LogPosition) -> Placement:
    _refuse_leaf(fact)
    kept = fact.checkpoint()
    frontier = Frontier(fact.index, fact.left)
    first = Generation(
        fact.generation,
        fact.index,
        fact.index + 1,
        frontier.append(fact.leaf),
        kept,
        base=frontier if fact.index else None,
        signer=fact.signer,
    )
    state = PartitionState(
        fact.generation, fact.generation, fact.log_time, {fact.generation: first}
    )
    return Placement("start", state, kept=((fact.generation, kept),))


def _new_generation(state: PartitionState, fact: LogPosition) -> Placement:
    """Handle *link*: the first record that this reader meets of a generation above the newest."""
    name = fact.generation
    if name < state.start:
        late = fact.log_time > state.log_time
        return Placement("before_start", state, alarms=("before_start_late",) if late else ())
    if name < state.newest:
        raise ContinuityError("unlinked", "no known generation leads to this one")
    _refuse_leaf(fact)
    _require_later(state, fact)
    kept = fact.checkpoint()
    frontier = Frontier(fact.index, fact.left)
    gap = Gap(0, fact.index - 1, Frontier(0, ()), frontier) if fact.index else None
    newest = Generation(
        name,
        0,
        fact.index + 1,
        frontier.append(fact.leaf),
        kept,
        (gap,) if gap is not None else (),
        linked=fact.link is not None,
        signer=fact.signer,
    )
    return Placement(
        "link",
        replace(state, newest=name).having(newest, fact.log_time),
        gap=(name, gap.first, gap.last) if gap is not None else None,
        alarms=("gap",) if gap is not None else (),
        kept=((name, kept),),
    )


def _grow(state: PartitionState, held: Generation, fact: LogPosition) -> Placement:
    """Handle *next* and *jump*: an index at or above the present size of the newest generation."""
    _refuse_leaf(fact)
    _require_later(state, fact)
    latest = held.latest
    if latest.size > fact.index:  # the batch that is being read
        _require_same_checkpoint(latest, fact)
        kept: tuple[tuple[str, StoredCheckpoint], ...] = ()
    else:
        latest = fact.checkpoint()
        kept = ((held.name, latest),)
    if fact.index == held.size:
        if fact.left != held.frontier.hashes:
            raise EquivocationError("the record continues another history", fact.index)
        grown = Generation(  # like ``replace`` at a third of the cost: every record takes this path
            held.name,
            held.start,
            fact.index + 1,
            held.frontier.append(fact.leaf),
            latest,
            held.gaps,
            held.end,
            held.linked,
            held.base,
            held.passed,
            held.signer,
        )
        return Placement("next", state.having(grown, fact.log_time), kept=kept)
    if len(held.gaps) >= MAX_GAPS:
        raise ContinuityError("gaps_many", "too many gaps of this generation are open")
    frontier = Frontier(fact.index, fact.left)
    _require_shared_prefix(held.frontier, frontier)
    if fact.index == held.latest.size:
        _require_root(frontier, held.latest.root)
    gap = Gap(held.size, fact.index - 1, held.frontier, frontier)
    grown = replace(
        held,
        size=fact.index + 1,
        frontier=frontier.append(fact.leaf),
        latest=latest,
        gaps=(*held.gaps, gap),
        signer=fact.signer,
    )
    return Placement(
        "jump",
        state.having(grown, fact.log_time),
        gap=(held.name, gap.first, gap.last),
        alarms=("gap",),
        kept=kept,
    )


# --- an index behind the head -------------------------------------------------------------------


def _known_index(
    state: PartitionState, held: Generation, fact: LogPosition, recall: StreamHistory
) -> Placement:
    """Handle *fill*, *repeat*, or a record from before the start."""
    if fact.index < held.start:  # only the reader's first generation starts above 0
        return Placement("before_start", state)
    for gap in held.gaps:
        if gap.first <= fact.index <= gap.last:
            return _fill(state, held, gap, fact, recall)
    remembered = recall.leaf(fact.generation, fact.index)
    if remembered is None:
        raise ContinuityError("superseded", "the index is above the head at which it was closed")
    leaf, content_missing = remembered
    if leaf != fact.leaf:
        raise EquivocationError("one index has two different records", fact.index)
    above = recall.above(fact.generation, fact.index)
    if above is not None:
        _require_same_checkpoint(above, fact)
    if content_missing and not fact.leaf_only:
        return Placement("fill", state)
    return Placement("repeat", state)


def _fill(
    state: PartitionState, held: Generation, gap: Gap, fact: LogPosition, recall: StreamHistory
) -> Placement:
    kept = _fit_between(held.name, fact, recall)
    _require_root(held.frontier_at(fact.size), fact.root)
    here = Frontier(fact.index, fact.left)
    pieces: list[Gap] = []
    if fact.index == gap.first:
        if fact.left != gap.before.hashes:
            raise EquivocationError("the record continues another history", fact.index)
    else:
        _require_shared_prefix(gap.before, here)
        pieces.append(Gap(gap.first, fact.index - 1, gap.before, here))
    after = here.append(fact.leaf)
    signed = recall.at(held.name, here.size)
    if signed is not None:
        _require_root(here, signed.root)
    if fact.index == gap.last:
        _require_end(gap, after)
    else:
        pieces.append(Gap(fact.index + 1, gap.last, after, gap.after, gap.root))
    gaps = tuple(piece for old in held.gaps for piece in (pieces if old is gap else (old,)))
    if len(gaps) > max(MAX_GAPS, len(held.gaps)):  # a fill in the middle splits a gap in two
        raise ContinuityError("gaps_many", "too many gaps of this generation are open")
    filled = replace(held, gaps=gaps)
    return Placement("fill", state.having(filled, state.log_time), kept=kept)


def _require_end(gap: Gap, after: Frontier) -> None:
    if gap.after is not None and gap.after.hashes != after.hashes:
        raise EquivocationError(
            "the records of a gap do not lead to the frontier after it", after.size
        )
    if gap.root is not None and after.root() != gap.root:
        raise EquivocationError("the records do not fold to the end that was named", after.size)


# --- small rules ---------------------------------------------------------------------------------


def _refuse_leaf(fact: LogPosition) -> None:
    if fact.leaf_only:
        raise ContinuityError("leaf_not_wanted", "a leaf replay is taken only to fill a gap")


def _require_later(state: PartitionState, fact: LogPosition) -> None:
    if fact.log_time < state.log_time:
        raise ContinuityError("log_time_fell", "the log time is before that of an earlier record")


def _require_root(frontier: Frontier | None, root: bytes) -> None:
    """Check the signed root against the frontier, if that is known for the size."""
    if frontier is not None and frontier.root() != root:
        raise EquivocationError("one size has two roots", frontier.size)


def _require_same_checkpoint(kept: StoredCheckpoint, fact: LogPosition) -> None:
    if kept.size != fact.size:
        raise EquivocationError("two batches overlap", fact.size)
    if kept.root != fact.root:
        raise EquivocationError("one size has two roots", fact.size)
    if kept.time != fact.log_time and kept.time:
        raise EquivocationError("one checkpoint was signed for two times", fact.size)


def _fit_between(
    generation: str, fact: LogPosition, recall: StreamHistory
) -> tuple[tuple[str, StoredCheckpoint], ...]:
    """Apply the rule of checkpoints to a record behind the head."""
    above = recall.above(generation, fact.index)
    kept = fact.checkpoint()
    if above is not None and above.size == fact.size:
        _require_same_checkpoint(above, fact)
        kept = replace(above, lowest=min(above.lowest, fact.index), time=fact.log_time)
    elif above is not None:
        if fact.size > above.lowest:
            raise EquivocationError("two batches overlap", fact.size)
        if above.time and fact.log_time > above.time:
            raise EquivocationError("times fall along sizes", fact.size)
    below = recall.below(generation, fact.size)
    if below is not None and below.time > fact.log_time:
        raise EquivocationError("times fall along sizes", fact.size)
    return ((generation, kept),)


def _require_shared_prefix(mine: Frontier, other: Frontier) -> None:
    """Check that the perfect subtrees that two frontiers share are the same nodes."""
    at = 0
    for bit in range(max(mine.size, other.size).bit_length() - 1, -1, -1):
        subtree = 1 << bit
        if mine.size & subtree != other.size & subtree:
            return
        if mine.size & subtree:
            if mine.hashes[at] != other.hashes[at]:
                raise EquivocationError("the record continues another history", other.size)
            at += 1
