"""Generations and the links between them (docs/spec/streams.md, "Generations").

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
    LogPosition,
    Placement,
    StreamHistory,
    frontier_at,
    kept_of,
    refuse_leaf,
    require_root,
    with_generation,
)
from broker.judging.partition_state import Gap, Generation, PartitionState, StoredCheckpoint
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import Frontier

MAX_GENERATIONS: Final = 64
"""Generations of one sender's partition that a reader keeps apart; the oldest complete ones go."""


def place_unknown_generation(
    state: PartitionState, fact: LogPosition, recall: StreamHistory
) -> Placement:
    name = fact.generation
    if name < state.start:
        late = fact.log_time > state.log_time
        return Placement("before_start", state, alarms=("before_start_late",) if late else ())
    if name < state.newest:
        raise ContinuityError("unlinked", "no known generation leads to this one")
    refuse_leaf(fact)
    if fact.log_time < state.log_time:
        raise ContinuityError("log_time_fell", "the log time is before that of an earlier record")
    kept = kept_of(fact)
    frontier = Frontier(fact.index, fact.left)
    gaps: tuple[Gap, ...] = ()
    if fact.index:
        gaps = (Gap(0, fact.index - 1, Frontier(0, ()), frontier),)
    newest = Generation(
        name,
        0,
        fact.index + 1,
        frontier.append(fact.leaf),
        kept,
        gaps,
        linked=fact.link is not None,
        signer=fact.signer,
    )
    grown = with_generation(replace(state, newest=name), newest, fact.log_time)
    more: tuple[tuple[str, StoredCheckpoint], ...] = ()
    alarms: tuple[str, ...] = ()
    gap: tuple[str, int, int] | None = None
    if fact.link is not None:
        grown, more, alarms, gap = linked(grown, name, fact.link, recall)
    else:
        gap = (name, 0, fact.index - 1)
        alarms = ("gap",)
    grown = _pruned(grown, fact.link.name if fact.link is not None else name)
    return Placement("link", grown, gap=gap, alarms=alarms, kept=((name, kept), *more))


def linked(
    state: PartitionState, name: str, link: GenerationLink, recall: StreamHistory
) -> tuple[
    PartitionState,
    tuple[tuple[str, StoredCheckpoint], ...],
    tuple[str, ...],
    tuple[str, int, int] | None,
]:
    """Close the predecessor that generation ``name`` names, and all that it passes over."""
    alarms: list[str] = []
    kept: tuple[tuple[str, StoredCheckpoint], ...] = ()
    gap: tuple[str, int, int] | None = None
    generations = dict(state.generations)
    generations[name] = replace(generations[name], linked=True)
    for other in sorted(generations):
        if not link.name < other < name:
            continue
        passed = generations[other]
        # a link that passes over a generation which nothing has succeeded rolls it back
        if passed.end is None:
            alarms.append("rollback")
        end = passed.size if passed.end is None else passed.end
        generations[other] = replace(passed, end=end, passed=True)
    if link.name in generations:
        generations[link.name] = replace(generations[link.name], passed=False)
    held = generations.get(link.name)
    if held is None:
        if link.name > state.start:
            missed, kept = _checked(link, recall)
            generations[link.name] = Generation(
                link.name,
                0,
                link.size,
                Frontier(0, ()),
                missed,
                (Gap(0, link.size - 1, Frontier(0, ()), None, link.root),),
                end=link.size,
                linked=False,
            )
            gap = (link.name, 0, link.size - 1)
            alarms.append("gap")
        else:  # it follows what lies before my start, and I hold what came after that
            alarms.append("rollback")
    else:
        held, gap, alarm, kept = _ended(held, link, recall)
        generations[link.name] = held
        alarms += alarm
    return replace(state, generations=generations), kept, tuple(dict.fromkeys(alarms)), gap


def _ended(
    held: Generation, link: GenerationLink, recall: StreamHistory
) -> tuple[
    Generation, tuple[str, int, int] | None, list[str], tuple[tuple[str, StoredCheckpoint], ...]
]:
    """A successor names (size, root) of a generation that is held."""
    if link.size <= held.start:  # nothing that is held can be compared with it
        return _closed(held, link), None, ["rollback"], ()
    _, kept = _checked(link, recall)
    require_root(frontier_at(held, link.size), link.root)
    if held.end is not None and link.size >= held.end:
        # of several successors the lowest named size counts
        return held, None, ["rollback"], kept
    if link.size > held.size:
        gap = Gap(held.size, link.size - 1, held.frontier, None, link.root)
        ended = replace(held, size=link.size, gaps=(*held.gaps, gap), end=link.size)
        return ended, (held.name, gap.first, gap.last), ["gap"], kept
    rolled_back = link.size < held.size or held.end is not None
    return _closed(held, link), None, ["rollback"] if rolled_back else [], kept


def _checked(
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


def _pruned(state: PartitionState, linked_to: str) -> PartitionState:
    """Forget the oldest generations that are closed and complete, then what was passed over.

    A thief can leave as many generations with gaps as are kept. Their owner does not name them, and
    must not be shut out by them.
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
