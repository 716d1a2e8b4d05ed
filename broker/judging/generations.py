"""Step 4 between generations: links, and how many are kept (docs/spec/streams.md, "Generations").

A sender opens a new generation whenever its relay takes the outbox's lock. Index 0 of each names
its predecessor's size and root, so a reader knows where one log ended and the next began, sees what
is missing at the end of the one before, and sees a sender that went back on what it had signed.
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
"""Generations of one sender's partition that a reader keeps apart; the oldest complete ones go."""


def follow_link(
    placement: Placement, name: str, link: GenerationLink, recall: StreamHistory
) -> Placement:
    """Close the predecessor that index 0 of a generation names, and all that the link passes over.

    Args:
        placement: of index 0, in its own generation.
        name: that generation.
        link: what index 0 names.
        recall: lookups into what was taken.

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
        # a link that passes over a generation which nothing has succeeded rolls it back
        if passed.end is None:
            alarms.append("rollback")
        end = passed.size if passed.end is None else passed.end
        generations[other] = replace(passed, end=end, passed=True)
    held = generations.get(link.name)
    if held is not None:
        ended = _end(replace(held, passed=False), link, recall)
    elif link.name > state.start:
        ended = _missed(link, recall)
    else:  # it follows what lies before my start, and I hold what came after that
        ended = _End(None, alarms=("rollback",))
    if ended.held is not None:
        generations[link.name] = ended.held
    return replace(
        placement,
        state=replace(state, generations=generations),
        gap=ended.gap,
        alarms=tuple(dict.fromkeys((*alarms, *ended.alarms))),
        kept=(*placement.kept, *ended.kept),
    )


@value_class(frozen=True, slots=True)
class _End:
    """A generation as a link ends it; ``held`` is None where nothing is held of it."""

    held: Generation | None
    gap: tuple[str, int, int] | None = None
    alarms: tuple[str, ...] = ()
    kept: tuple[tuple[str, StoredCheckpoint], ...] = ()


def _missed(link: GenerationLink, recall: StreamHistory) -> _End:
    """The end of a generation of which no record came: all of it is a gap."""
    named, kept = _named_checkpoint(link, recall)
    gap = Gap(0, link.size - 1, Frontier(0, ()), None, link.root)
    held = Generation(
        link.name, 0, link.size, Frontier(0, ()), named, (gap,), end=link.size, linked=False
    )
    return _End(held, (link.name, gap.first, gap.last), ("gap",), kept)


def _end(held: Generation, link: GenerationLink, recall: StreamHistory) -> _End:
    """The end of a generation that is held, as (size, root) of the link say."""
    if link.size <= held.start:  # nothing that is held can be compared with it
        return _End(_closed(held, link), alarms=("rollback",))
    _, kept = _named_checkpoint(link, recall)
    known = held.frontier_at(link.size)
    if known is not None and known.root() != link.root:
        raise EquivocationError("one size has two roots", link.size)
    if held.end is not None and link.size >= held.end:
        # of several successors the lowest named size counts
        return _End(held, alarms=("rollback",), kept=kept)
    if link.size > held.size:
        gap = Gap(held.size, link.size - 1, held.frontier, None, link.root)
        ended = replace(held, size=link.size, gaps=(*held.gaps, gap), end=link.size)
        return _End(ended, (held.name, gap.first, gap.last), ("gap",), kept)
    rolled_back = link.size < held.size or held.end is not None
    return _End(_closed(held, link), alarms=("rollback",) if rolled_back else (), kept=kept)


def _named_checkpoint(
    link: GenerationLink, recall: StreamHistory
) -> tuple[StoredCheckpoint, tuple[tuple[str, StoredCheckpoint], ...]]:
    """The rule of checkpoints for the one that a link names, and what is to be kept of it."""
    above = recall.above(link.name, link.size - 1)
    if above is not None and above.size == link.size:
        if above.root != link.root:
            raise EquivocationError("a link names another root for a known size", link.size)
        return above, ()
    if above is not None and link.size > above.lowest:
        raise EquivocationError("a link names a size inside of a batch", link.size)
    # a link says nothing of the time at which that checkpoint was signed: 0 is "not known"
    named = StoredCheckpoint(link.size, link.root, 0, link.size)
    return named, ((link.name, named),)


def _closed(held: Generation, link: GenerationLink) -> Generation:
    """Close at the named size: what is missing at or above it will never come (superseded)."""
    end = link.size if held.end is None else min(link.size, held.end)
    gaps: list[Gap] = []
    for gap in held.gaps:
        if gap.last < end:
            gaps.append(gap)
        elif gap.first < end:
            gaps.append(Gap(gap.first, end - 1, gap.before, None, link.root))
    return replace(held, end=end, gaps=tuple(gaps))


# --- how many are kept ---------------------------------------------------------------------------


def without_oldest(state: PartitionState, linked_to: str) -> PartitionState:
    """Forget the oldest generations that are closed and complete, then what was passed over.

    A thief can leave as many generations with gaps as are kept. Their owner does not name them, and
    must not be shut out by them.

    Args:
        state: with the newest generation in it.
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
    # what is older than the oldest that is kept is now before the start
    return replace(state, generations=generations, start=min(generations))
