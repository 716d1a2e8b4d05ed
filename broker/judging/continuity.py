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
from broker.judging.state_limits import (
    Room,
    forgettable,
    growth,
    partition_state_size,
    room_in_all,
    without,
)
from broker.tlog.merkle import Frontier

MAX_GAPS: Final = 1024
"""Maximum number of open gaps of one generation.

A host that drops every second record reaches it.
"""


def place(
    state: PartitionState | None,
    position: LogPosition,
    history: StreamHistory,
    room: Callable[[], Room] | None = None,
    *,
    forget: bool = True,
) -> Placement:
    """Decide the position of a record.

    Args:
        state: this reader's state of the sender's partition.
        position: the place that steps 1 to 3 verified.
        history: look-ups in the accepted records.
        room: () -> the sender's remaining limit over all its partitions; None if it has no other.
        forget: whether generations of this partition may be forgotten to make room.

    Raises:
        EquivocationError: it contradicts what the sender signed before.
        ContinuityError: ``log_time_fell``, ``unlinked``, ``superseded``, ``stream_stopped``,
            ``leaf_not_wanted``, ``gaps_many``, ``generations_many`` or ``state_full``.
    """
    placement = _in_its_generation(state, position, history)
    if placement.verdict == "next" or placement.state is state:
        return placement
    if position.link is not None and placement.verdict != "start":  # index 0 names its predecessor
        placement = follow_link(placement, position.generation, position.link, history)
    if placement.verdict == "link":
        linked_to = position.link.name if position.link is not None else position.generation
        placement = replace(placement, state=without_oldest(placement.state, linked_to))
    left = room_in_all() - partition_state_size(state) if room is None else room()
    return _within(left, placement, state, position, forget=forget)


def _in_its_generation(
    state: PartitionState | None, position: LogPosition, history: StreamHistory
) -> Placement:
    if state is None:
        return _start(position)
    if state.stopped:
        raise ContinuityError("stream_stopped", "this sender's partition is stopped")
    known = state.generations.get(position.generation)
    if known is None:
        return _new_generation(state, position)
    if position.index < known.size:
        return _known_index(state, known, position, history)
    if position.generation != state.newest:
        raise ContinuityError("superseded", "the generation was closed below this index")
    return _grow(state, known, position)


def _within(
    left: Room,
    placement: Placement,
    state: PartitionState | None,
    position: LogPosition,
    *,
    forget: bool,
) -> Placement:
    """Return the placement if the sender has room.

    Otherwise forget complete or passed-over generations.
    """
    if left.takes(growth(state, placement.state)):
        return placement
    smaller, alarms = placement.state, placement.alarms
    keep = {position.generation} | ({position.link.name} if position.link is not None else set())
    for name in forgettable(smaller, keep) if forget else ():
        if smaller.generations[name].gaps:
            alarms = (*alarms, "gaps_forgotten")
        smaller = without(smaller, name)
        if left.takes(growth(state, smaller)):
            return replace(placement, state=smaller, alarms=tuple(dict.fromkeys(alarms)))
    raise ContinuityError("state_full", "the state of this sender has reached its size limit")


# --- a record at the head -----------------------------------------------------------------------


def _start(position: LogPosition) -> Placement:
    _refuse_leaf(position)
    checkpoint = position.checkpoint()
    frontier = Frontier(position.index, position.left)
    first = Generation(
        position.generation,
        position.index,
        position.index + 1,
        frontier.append(position.leaf),
        checkpoint,
        base=frontier if position.index else None,
        signer=position.signer,
    )
    state = PartitionState(
        position.generation, position.generation, position.log_time, {position.generation: first}
    )
    return Placement("start", state, checkpoints=((position.generation, checkpoint),))


def _new_generation(state: PartitionState, position: LogPosition) -> Placement:
    """Handle *link*: the first record that this reader meets of a generation above the newest."""
    name = position.generation
    if name < state.start:
        late = position.log_time > state.log_time
        return Placement("before_start", state, alarms=("before_start_late",) if late else ())
    if name < state.newest:
        raise ContinuityError("unlinked", "no link from a known generation leads to this one")
    _refuse_leaf(position)
    _require_later(state, position)
    checkpoint = position.checkpoint()
    frontier = Frontier(position.index, position.left)
    gap = Gap(0, position.index - 1, Frontier(0, ()), frontier) if position.index else None
    newest = Generation(
        name,
        0,
        position.index + 1,
        frontier.append(position.leaf),
        checkpoint,
        (gap,) if gap is not None else (),
        linked=position.link is not None,
        signer=position.signer,
    )
    return Placement(
        "link",
        replace(state, newest=name).having(newest, position.log_time),
        gap=(name, gap.first, gap.last) if gap is not None else None,
        alarms=("gap",) if gap is not None else (),
        checkpoints=((name, checkpoint),),
    )


def _grow(state: PartitionState, held: Generation, position: LogPosition) -> Placement:
    """Handle *next* and *jump*: an index at or above the present size of the newest generation."""
    _refuse_leaf(position)
    _require_later(state, position)
    latest = held.latest
    if latest.size > position.index:  # the batch that is being read
        _require_same_checkpoint(latest, position)
        checkpoints: tuple[tuple[str, StoredCheckpoint], ...] = ()
    else:
        latest = position.checkpoint()
        checkpoints = ((held.name, latest),)
    if position.index == held.size:
        if position.left != held.frontier.hashes:
            raise EquivocationError("history", position.index)
        grown = Generation(  # like ``replace`` at a third of the cost: every record takes this path
            held.name,
            held.start,
            position.index + 1,
            held.frontier.append(position.leaf),
            latest,
            held.gaps,
            held.end,
            held.linked,
            held.base,
            held.passed,
            held.signer,
        )
        return Placement("next", state.having(grown, position.log_time), checkpoints=checkpoints)
    if len(held.gaps) >= MAX_GAPS:
        raise ContinuityError("gaps_many", "too many gaps of this generation are open")
    frontier = Frontier(position.index, position.left)
    _require_shared_prefix(held.frontier, frontier)
    if position.index == held.latest.size:
        _require_root(frontier, held.latest.root)
    gap = Gap(held.size, position.index - 1, held.frontier, frontier)
    grown = replace(
        held,
        size=position.index + 1,
        frontier=frontier.append(position.leaf),
        latest=latest,
        gaps=(*held.gaps, gap),
        signer=position.signer,
    )
    return Placement(
        "jump",
        state.having(grown, position.log_time),
        gap=(held.name, gap.first, gap.last),
        alarms=("gap",),
        checkpoints=checkpoints,
    )


# --- an index behind the head -------------------------------------------------------------------


def _known_index(
    state: PartitionState, held: Generation, position: LogPosition, history: StreamHistory
) -> Placement:
    """Handle *fill*, *repeat*, or a record from before the start."""
    if position.index < held.start:  # only the reader's first generation starts above 0
        return Placement("before_start", state)
    for gap in held.gaps:
        if gap.first <= position.index <= gap.last:
            return _fill(state, held, gap, position, history)
    remembered = history.leaf(position.generation, position.index)
    if remembered is None:
        raise ContinuityError("superseded", "the index is above the end of the closed generation")
    leaf, content_missing = remembered
    if leaf != position.leaf:
        raise EquivocationError("records", position.index)
    above = history.above(position.generation, position.index)
    if above is not None:
        _require_same_checkpoint(above, position)
    if content_missing and not position.leaf_only:
        return Placement("fill", state)
    return Placement("repeat", state)


def _fill(
    state: PartitionState, held: Generation, gap: Gap, position: LogPosition, history: StreamHistory
) -> Placement:
    checkpoints = _fit_between(held.name, position, history)
    _require_root(held.frontier_at(position.size), position.root)
    here = Frontier(position.index, position.left)
    pieces: list[Gap] = []
    if position.index == gap.first:
        if position.left != gap.before.hashes:
            raise EquivocationError("history", position.index)
    else:
        _require_shared_prefix(gap.before, here)
        pieces.append(Gap(gap.first, position.index - 1, gap.before, here))
    after = here.append(position.leaf)
    signed = history.at(held.name, here.size)
    if signed is not None:
        _require_root(here, signed.root)
    if position.index == gap.last:
        _require_end(gap, after)
    else:
        pieces.append(Gap(position.index + 1, gap.last, after, gap.after, gap.root))
    gaps = tuple(piece for old in held.gaps for piece in (pieces if old is gap else (old,)))
    if len(gaps) > max(MAX_GAPS, len(held.gaps)):  # a fill in the middle splits a gap in two
        raise ContinuityError("gaps_many", "too many gaps of this generation are open")
    filled = replace(held, gaps=gaps)
    return Placement("fill", state.having(filled, state.log_time), checkpoints=checkpoints)


def _require_end(gap: Gap, after: Frontier) -> None:
    if gap.after is not None and gap.after.hashes != after.hashes:
        raise EquivocationError("gap_end", after.size)
    if gap.root is not None and after.root() != gap.root:
        raise EquivocationError("named_end", after.size)


# --- small rules ---------------------------------------------------------------------------------


def _refuse_leaf(position: LogPosition) -> None:
    if position.leaf_only:
        raise ContinuityError("leaf_not_wanted", "a leaf replay is taken only to fill a gap")


def _require_later(state: PartitionState, position: LogPosition) -> None:
    if position.log_time < state.log_time:
        raise ContinuityError("log_time_fell", "the log time is before that of an earlier record")


def _require_root(frontier: Frontier | None, root: bytes) -> None:
    """Check the signed root against the frontier, if that is known for the size."""
    if frontier is not None and frontier.root() != root:
        raise EquivocationError("roots", frontier.size)


def _require_same_checkpoint(checkpoint: StoredCheckpoint, position: LogPosition) -> None:
    if checkpoint.size != position.size:
        raise EquivocationError("overlap", position.size)
    if checkpoint.root != position.root:
        raise EquivocationError("roots", position.size)
    if checkpoint.time != position.log_time and checkpoint.time:
        raise EquivocationError("two_times", position.size)


def _fit_between(
    generation: str, position: LogPosition, history: StreamHistory
) -> tuple[tuple[str, StoredCheckpoint], ...]:
    """Apply the rule of checkpoints to a record behind the head."""
    above = history.above(generation, position.index)
    checkpoint = position.checkpoint()
    if above is not None and above.size == position.size:
        _require_same_checkpoint(above, position)
        checkpoint = replace(
            above, lowest=min(above.lowest, position.index), time=position.log_time
        )
    elif above is not None:
        if position.size > above.lowest:
            raise EquivocationError("overlap", position.size)
        if above.time and position.log_time > above.time:
            raise EquivocationError("time_order", position.size)
    below = history.below(generation, position.size)
    if below is not None and below.time > position.log_time:
        raise EquivocationError("time_order", position.size)
    return ((generation, checkpoint),)


def _require_shared_prefix(mine: Frontier, other: Frontier) -> None:
    """Check that the perfect subtrees that two frontiers share are the same nodes."""
    at = 0
    for bit in range(max(mine.size, other.size).bit_length() - 1, -1, -1):
        subtree = 1 << bit
        if mine.size & subtree != other.size & subtree:
            return
        if mine.size & subtree:
            if mine.hashes[at] != other.hashes[at]:
                raise EquivocationError("history", other.size)
            at += 1
