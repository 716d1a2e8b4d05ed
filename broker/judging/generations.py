"""Rules between generations (step 4): links, and the number of generations that are stored.

A sender opens a new generation whenever its relay takes the outbox's lock. Index 0 of each names
its predecessor's size and root. So a reader knows where one log ended and the next began, sees
records missing at the end of the earlier one, and detects a sender that rolled back what it had
signed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.judging.continuity_types import (
    ContinuityError,
    EquivocationError,
    Placement,
    StreamHistory,
)
from broker.judging.partition_state import Gap, Generation, PartitionState, StoredCheckpoint
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import Frontier
from contracts.values import value_class

MAX_GENERATIONS: Final = 64
"""Maximum number of generations per sender's partition; the oldest complete ones are forgotten."""


def follow_link(
    placement: Placement, name: str, link: GenerationLink, history: StreamHistory
) -> Placement:
    """Close the predecessor that index 0 names, and all generations that the link passes over.

    Args:
        placement: placement of index 0 in its own generation.
        name: that generation.
        link: the link in index 0.
        history: look-ups in the accepted records.

    Raises:
        EquivocationError: the link contradicts what the sender signed before.
    """
    state = placement.state
    generations = dict(state.generations)
    generations[name] = replace(generations[name], linked=True)
    alarms: list[str] = []
    for other in sorted(generations):
        if not link.name < other < name:
            continue
        passed = generations[other]
        # Rollback: the link passes over a generation that has no successor.
        if passed.end is None:
            alarms.append("rollback")
        end = passed.size if passed.end is None else passed.end
        generations[other] = replace(passed, end=end, passed=True)
    held = generations.get(link.name)
    if held is not None:
        ended = _end(replace(held, passed=False), link, history)
    elif link.name > state.start:
        ended = _missed(link, history)
    else:  # the named generation is from before this reader's start, and has another successor
        ended = _End(None, alarms=("rollback",))
    if ended.held is not None:
        generations[link.name] = ended.held
    return replace(
        placement,
        state=replace(state, generations=generations),
        gap=ended.gap,
        alarms=tuple(dict.fromkeys((*alarms, *ended.alarms))),
        checkpoints=(*placement.checkpoints, *ended.checkpoints),
    )


@value_class(frozen=True, slots=True)
class _End:
    """End of a generation by a link; ``held`` is None if this reader has nothing of it."""

    held: Generation | None
    gap: tuple[str, int, int] | None = None
    alarms: tuple[str, ...] = ()
    checkpoints: tuple[tuple[str, StoredCheckpoint], ...] = ()


def _missed(link: GenerationLink, history: StreamHistory) -> _End:
    """Return the end of a generation of which no record arrived: all of it is a gap."""
    named, checkpoints = _named_checkpoint(link, history)
    gap = Gap(0, link.size - 1, Frontier(0, ()), None, link.root)
    held = Generation(
        link.name, 0, link.size, Frontier(0, ()), named, (gap,), end=link.size, linked=False
    )
    return _End(held, (link.name, gap.first, gap.last), ("gap",), checkpoints)


def _end(held: Generation, link: GenerationLink, history: StreamHistory) -> _End:
    """Return the end of a known generation by the link's (size, root)."""
    if link.size <= held.start:  # there is no state to compare it with
        return _End(_closed(held, link), alarms=("rollback",))
    _, checkpoints = _named_checkpoint(link, history)
    known = held.frontier_at(link.size)
    if known is not None and known.root() != link.root:
        raise EquivocationError("roots", link.size)
    if held.end is not None and link.size >= held.end:
        # Another successor named this size or a lower one. The lowest named size counts.
        return _End(held, alarms=("rollback",), checkpoints=checkpoints)
    if link.size > held.size:
        gap = Gap(held.size, link.size - 1, held.frontier, None, link.root)
        ended = replace(held, size=link.size, gaps=(*held.gaps, gap), end=link.size)
        return _End(ended, (held.name, gap.first, gap.last), ("gap",), checkpoints)
    rolled_back = link.size < held.size or held.end is not None
    return _End(
        _closed(held, link), alarms=("rollback",) if rolled_back else (), checkpoints=checkpoints
    )


def _named_checkpoint(
    link: GenerationLink, history: StreamHistory
) -> tuple[StoredCheckpoint, tuple[tuple[str, StoredCheckpoint], ...]]:
    """Compare the checkpoint that a link names with the known checkpoints of that generation.

    Returns:
        The checkpoint at the named size, and the checkpoints to store, each with its generation.

    Raises:
        EquivocationError: the link contradicts a known checkpoint.
    """
    above = history.above(link.name, link.size - 1)
    if above is not None and above.size == link.size:
        if above.root != link.root:
            raise EquivocationError("link_root", link.size)
        return above, ()
    if above is not None and link.size > above.lowest:
        raise EquivocationError("link_in_batch", link.size)
    # a link does not give the time of that checkpoint's signature: 0 means unknown
    named = StoredCheckpoint(link.size, link.root, 0, link.size)
    return named, ((link.name, named),)


def _closed(held: Generation, link: GenerationLink) -> Generation:
    """Close at the named size: records at or above it will never arrive (superseded)."""
    end = link.size if held.end is None else min(link.size, held.end)
    gaps: list[Gap] = []
    for gap in held.gaps:
        if gap.last < end:
            gaps.append(gap)
        elif gap.first < end:
            gaps.append(Gap(gap.first, end - 1, gap.before, None, link.root))
    return replace(held, end=end, gaps=tuple(gaps))


# --- number of stored generations ----------------------------------------------------------------


def without_oldest(state: PartitionState, linked_to: str) -> PartitionState:
    """Forget the oldest closed and complete generations, then those that were passed over.

    An attacker who has the stream key can open so many generations with gaps that the limit is
    reached. The owner's next generation passes them over. They are forgotten then; otherwise the
    reader would refuse the owner's generations (denial of service).

    Args:
        state: the state with the newest generation in it.
        linked_to: the generation that the newest one names, or the newest one itself.

    Raises:
        ContinuityError: ``generations_many``.
    """
    generations = dict(state.generations)
    complete = [n for n, held in generations.items() if held.end is not None and not held.gaps]
    passed = [name for name in generations if linked_to < name < state.newest]
    for name in dict.fromkeys((*sorted(complete), *sorted(passed))):
        if len(generations) <= MAX_GENERATIONS:
            break
        del generations[name]
    if len(generations) > MAX_GENERATIONS:
        raise ContinuityError("generations_many", "too many generations of this sender have gaps")
    # generations older than the oldest stored one are now before the start
    return replace(state, generations=generations, start=min(generations))
