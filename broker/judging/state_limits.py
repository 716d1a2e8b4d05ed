"""Limits of what a reader keeps of one sender, in bytes and gaps (docs/spec/streams.md, "Limits").

The count is a function of indices only, so that every reader comes to the same number: as if no
frontiers shared a node and each had all the nodes that its size can have. What is stored is never
more. A record that fills a gap or follows the last one never adds to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from broker.judging.partition_state import Generation, PartitionState

MAX_STATE_BYTES: Final = 8 * 2**20
"""Bytes that a reader keeps of one sender over all its partitions."""
MAX_STATE_GAPS: Final = 8192
"""Open gaps that a reader keeps of one sender over all its partitions."""

GENERATION_BYTES: Final = 512
GAP_BYTES: Final = 64
DIGIT_BYTES: Final = 64
"""For each binary digit of a size: at most one node, in a generation as text, in a gap twice."""
LONGEST_SIZE: Final = 63
"""Binary digits of the greatest size; the newest generation grows, so it counts as that long."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes and gaps that are left to a sender, or that something takes."""

    bytes: int = MAX_STATE_BYTES
    gaps: int = MAX_STATE_GAPS

    def __add__(self, other: Room) -> Room:
        return Room(self.bytes + other.bytes, self.gaps + other.gaps)

    def __sub__(self, other: Room) -> Room:
        return Room(self.bytes - other.bytes, self.gaps - other.gaps)

    def takes(self, growth: Room) -> bool:
        """Whether there is room for a growth. What does not grow always has room."""
        return (growth.bytes <= 0 or growth.bytes <= self.bytes) and (
            growth.gaps <= 0 or growth.gaps <= self.gaps
        )


NOTHING: Final = Room(0, 0)


def room_in_all() -> Room:
    """What a sender has of which nothing is held."""
    return Room(MAX_STATE_BYTES, MAX_STATE_GAPS)


def size_of(state: PartitionState | None) -> Room:
    """What a partition's state takes."""
    total = NOTHING
    if state is not None:
        for name, held in state.generations.items():
            total += _generation_size(held, newest=name == state.newest)
    return total


def growth(before: PartitionState | None, after: PartitionState) -> Room:
    """What one state takes more than another; generations that are the same are not counted."""
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
    """Generations that go when a sender has no room left, in the order in which they go.

    First those that are closed and lack nothing, oldest first, then those that a link passed over.

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
    """The state without a generation; what is older than the oldest is now before the start."""
    generations = {held: one for held, one in state.generations.items() if held != name}
    return replace(state, generations=generations, start=min(generations))


def smallest(state: PartitionState) -> PartitionState:
    """The state without all that is forgettable; the same object if nothing is."""
    for name in tuple(forgettable(state)):
        state = without(state, name)
    return state


def without_doubted(state: PartitionState, doubted: Collection[bytes]) -> PartitionState:
    """The state without the gaps that revoked keys revealed.

    What is missing there is refused at step 2, and its sender publishes it again in a later
    generation: it begins with all that some reader had not confirmed, and no reader confirms a gap.

    Args:
        state: the partition.
        doubted: key ids of revoked keys.
    """
    generations = {
        name: replace(held, gaps=()) if held.gaps and held.signer in doubted else held
        for name, held in state.generations.items()
    }
    return replace(state, generations=generations)
