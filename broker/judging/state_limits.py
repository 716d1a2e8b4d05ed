"""Limits of a reader's state for one sender, in bytes and gaps (docs/spec/streams.md, "Limits").

The count is a function of indices only, so every reader computes the same number: it assumes that
no frontiers share a node and that each has as many nodes as its size allows. The stored state is
never larger. A record that fills a gap or follows the last one never adds to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from broker.judging.partition_state import Generation, PartitionState

MAX_STATE_BYTES: Final = 8 * 2**20
"""Maximum bytes of state for one sender over all its partitions."""
MAX_STATE_GAPS: Final = 8192
"""Maximum open gaps of one sender over all its partitions."""

GENERATION_BYTES: Final = 512
GAP_BYTES: Final = 64
DIGIT_BYTES: Final = 64
"""Bytes per binary digit of a size: one node as text in a generation, or two in a gap."""
LONGEST_SIZE: Final = 63
"""Binary digits of the greatest size; the newest generation grows, so it counts as that long."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes and gaps that remain for a sender, or that a state needs."""

    bytes: int = MAX_STATE_BYTES
    gaps: int = MAX_STATE_GAPS

    def __add__(self, other: Room) -> Room:
        return Room(self.bytes + other.bytes, self.gaps + other.gaps)

    def __sub__(self, other: Room) -> Room:
        return Room(self.bytes - other.bytes, self.gaps - other.gaps)

    def takes(self, growth: Room) -> bool:
        """Return whether there is room for a growth. A state that does not grow always has room."""
        return (growth.bytes <= 0 or growth.bytes <= self.bytes) and (
            growth.gaps <= 0 or growth.gaps <= self.gaps
        )


NOTHING: Final = Room(0, 0)


def room_in_all() -> Room:
    """Return the whole limit of a sender without state."""
    return Room(MAX_STATE_BYTES, MAX_STATE_GAPS)


def partition_state_size(state: PartitionState | None) -> Room:
    """Return the size of a partition's state."""
    total = NOTHING
    if state is not None:
        for name, held in state.generations.items():
            total += _generation_size(held, newest=name == state.newest)
    return total


def growth(before: PartitionState | None, after: PartitionState) -> Room:
    """Return by how much one state is larger than another; equal generations are not counted."""
    total = NOTHING
    old = before.generations if before is not None else {}
    old_newest = before.newest if before is not None else ""
    for name, held in after.generations.items():
        was = old.get(name)
        if was is held and (name == after.newest) == (name == old_newest):
            continue
        total += _generation_size(held, newest=name == after.newest)
        if was is not None:
            total -= _generation_size(was, newest=name == old_newest)
    for name, held in old.items():
        if name not in after.generations:
            total -= _generation_size(held, newest=name == old_newest)
    return total


def _generation_size(held: Generation, *, newest: bool) -> Room:
    digits = held.start.bit_length() + (LONGEST_SIZE if newest else held.size.bit_length())
    gap_digits = sum((gap.last + 1).bit_length() for gap in held.gaps)
    return Room(
        GENERATION_BYTES + GAP_BYTES * len(held.gaps) + DIGIT_BYTES * (digits + gap_digits),
        len(held.gaps),
    )


# --- making room ---------------------------------------------------------------------------------


def forgettable(state: PartitionState, keep: Collection[str] = ()) -> Iterator[str]:
    """Yield generations in the order in which they are forgotten when a sender has no room left.

    First those that are closed and complete, oldest first, then those that were passed over.

    Args:
        state: the partition.
        keep: names that stay.
    """
    held = {
        name: one
        for name, one in sorted(state.generations.items())
        if name != state.newest and name not in keep
    }
    complete = [name for name, one in held.items() if one.end is not None and not one.gaps]
    passed = [name for name, one in held.items() if one.passed]
    yield from dict.fromkeys((*complete, *passed))


def without(state: PartitionState, name: str) -> PartitionState:
    """Return the state without a generation; older ones are then before the start."""
    generations = {held: one for held, one in state.generations.items() if held != name}
    return replace(state, generations=generations, start=min(generations))


def smallest(state: PartitionState) -> PartitionState:
    """Return the state without everything forgettable; the same object if there is nothing."""
    for name in tuple(forgettable(state)):
        state = without(state, name)
    return state


def without_affected(state: PartitionState, affected: Collection[bytes]) -> PartitionState:
    """Return the state without the gaps that revoked keys revealed.

    Records missing there would be refused at step 2. The sender publishes them again in a later
    generation, which begins with everything that some reader had not confirmed, and no reader
    confirms a gap.

    Args:
        state: the partition.
        affected: key ids of revoked keys.
    """
    generations = {
        name: replace(held, gaps=()) if held.gaps and held.signer in affected else held
        for name, held in state.generations.items()
    }
    return replace(state, generations=generations)
