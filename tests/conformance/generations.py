"""One generation of a stream, as a reader holds it (docs/spec/streams.md, "Continuity").

The checks raise `equivocation` and change nothing; the changes check nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.conformance import merkle
from tests.conformance.merkle import Frontier
from tests.conformance.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as continuity sees it. `left` is the frontier of [0, index) that its path shows;
    `size`, `root` and `time` (seconds) are its checkpoint's.
    """

    index: int
    leaf: bytes
    left: Frontier
    size: int
    root: bytes
    time: int
    leaf_only: bool


@dataclass(slots=True)
class StoredCheckpoint:
    """A checkpoint that was met, or named by a link (then its time is not known)."""

    size: int
    root: bytes
    time: int | None
    lowest: int


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Missing records from `first` to `last`, the frontier before them, and what must come after:
    a frontier, or a root that a link named.
    """

    first: int
    last: int
    left: Frontier
    right: Frontier | None = None
    root: bytes | None = None

    def without(self, seen: Seen, after: Frontier) -> list[Gap]:
        """Return the rest of the gap when one record of it has arrived."""
        parts = []
        if seen.index > self.first:
            parts.append(Gap(self.first, seen.index - 1, left=self.left, right=seen.left))
        if seen.index < self.last:
            parts.append(Gap(seen.index + 1, self.last, after, self.right, self.root))
        return parts


def _equivocation() -> RefusedError:
    return RefusedError(4, "equivocation")


@dataclass(slots=True)
class Generation:
    """`frontier` is that of [0, size), None where only a link named the size."""

    start: int
    size: int
    frontier: Frontier | None
    end: int | None = None
    passed: bool = False
    gaps: list[Gap] = field(default_factory=list)
    leaves: dict[int, bytes] = field(default_factory=dict)
    without_content: set[int] = field(default_factory=set)
    checkpoints: dict[int, StoredCheckpoint] = field(default_factory=dict)

    @classmethod
    def beginning(cls, seen: Seen) -> Generation:
        """One of which this record is the first that is held."""
        generation = cls(start=seen.index, size=seen.index, frontier=seen.left)
        generation.append(seen)
        return generation

    @classmethod
    def never_met(cls, size: int, root: bytes) -> Generation:
        """One that is known from a link only: all of it is a gap."""
        generation = cls(start=0, size=size, frontier=None, end=size)
        generation.gaps.append(Gap(0, size - 1, left={}, root=root))
        generation.checkpoints[size] = StoredCheckpoint(size, root, None, size)
        return generation

    def gap_at(self, index: int) -> Gap | None:
        return next((gap for gap in self.gaps if gap.first <= index <= gap.last), None)

    def _next_kept(self, index: int) -> StoredCheckpoint | None:
        """N: the kept checkpoint of the smallest size above an index."""
        return self.checkpoints.get(min((s for s in self.checkpoints if s > index), default=-1))

    def _held_roots(self) -> Iterator[tuple[int, bytes]]:
        """The roots of the frontiers that are held: the head, and both ends of each gap."""
        if self.frontier is not None:
            yield self.size, merkle.fold(self.frontier)
        for gap in self.gaps:
            yield gap.first, merkle.fold(gap.left)
            if gap.right is not None:
                yield gap.last + 1, merkle.fold(gap.right)

    def check_checkpoint(self, seen: Seen) -> None:
        """Batches do not overlap, times do not fall, and no size has two roots."""
        kept = self._next_kept(seen.index)
        if kept is not None:
            if seen.size == kept.size:
                if seen.root != kept.root or kept.time not in (None, seen.time):
                    raise _equivocation()
            elif seen.size > kept.lowest or (kept.time is not None and seen.time > kept.time):
                raise _equivocation()
        below = self.checkpoints.get(
            max((s for s in self.checkpoints if s < seen.size), default=-1)
        )
        if below is not None and below.time is not None and seen.time < below.time:
            raise _equivocation()
        if any(size == seen.size and root != seen.root for size, root in self._held_roots()):
            raise _equivocation()

    def check_jump(self, seen: Seen) -> None:
        """Check a jump: its left-hand nodes must agree with the head and the stored checkpoint."""
        if self.frontier is not None and merkle.disagree(self.frontier, seen.left):
            raise _equivocation()
        self._check_root(seen.index, seen.left)

    def check_fill(self, gap: Gap, seen: Seen) -> Frontier:
        """The frontier after the record, if it fits the gap."""
        if seen.index == gap.first:
            if seen.left != gap.left:
                raise _equivocation()
        elif merkle.disagree(gap.left, seen.left):
            raise _equivocation()
        self._check_root(seen.index, seen.left)
        after = merkle.append(seen.left, seen.index, seen.leaf)
        if seen.index == gap.last:
            if gap.right is not None and after != gap.right:
                raise _equivocation()
            if gap.root is not None and merkle.fold(after) != gap.root:
                raise _equivocation()
        return after

    def _check_root(self, size: int, frontier: Frontier) -> None:
        kept = self.checkpoints.get(size)
        if kept is not None and merkle.fold(frontier) != kept.root:
            raise _equivocation()

    def check_repeat(self, seen: Seen) -> None:
        """A record that is known has the same leaf and the same checkpoint."""
        kept = self._next_kept(seen.index)
        if kept is None or self.leaves[seen.index] != seen.leaf:
            raise _equivocation()
        if (kept.size, kept.root) != (seen.size, seen.root) or kept.time not in (None, seen.time):
            raise _equivocation()

    def check_link(self, size: int, root: bytes) -> None:
        """A link's size and root are compared like a checkpoint of unknown time."""
        kept = self._next_kept(size - 1)
        if kept is not None and (root != kept.root if size == kept.size else size > kept.lowest):
            raise _equivocation()
        if any(size == held and root != other for held, other in self._held_roots()):
            raise _equivocation()

    def folds(self, first: int, size: int, root: bytes) -> bool:
        """Return True if every leaf from an index to a size is held and leads to a root."""
        kept = self.checkpoints.get(size)
        return (
            size <= self.size
            and kept is not None
            and kept.root == root
            and kept.lowest < size
            and not any(gap.first < size and gap.last >= first for gap in self.gaps)
        )

    def append(self, seen: Seen) -> None:
        """Take a record at or above the head; what lies between is a gap already."""
        self.size = seen.index + 1
        self.frontier = merkle.append(seen.left, seen.index, seen.leaf)
        self.keep(seen)

    def keep(self, seen: Seen) -> None:
        """Remember a record's leaf and checkpoint."""
        self.leaves[seen.index] = seen.leaf
        if seen.leaf_only:
            self.without_content.add(seen.index)
        kept = self.checkpoints.setdefault(
            seen.size, StoredCheckpoint(seen.size, seen.root, seen.time, seen.index)
        )
        kept.time = seen.time
        kept.lowest = min(kept.lowest, seen.index)

    def close(self, size: int, root: bytes) -> tuple[int, int] | None:
        """End at what a successor names; of several the lowest counts.

        Returns:
            The gap up to the named size, if that is more than was held.
        """
        revealed = None
        if size > self.start:
            self.checkpoints.setdefault(size, StoredCheckpoint(size, root, None, size))
        if self.end is None and size > self.size:
            revealed = (self.size, size - 1)
            self.gaps.append(Gap(*revealed, left=self.frontier or {}, root=root))
            self.size, self.frontier = size, None
        self.gaps = [
            gap if gap.last < size else Gap(gap.first, size - 1, gap.left, root=root)
            for gap in self.gaps
            if gap.first < size
        ]
        self.end = size if self.end is None else min(self.end, size)
        return revealed
