"""Continuity: step 4 (docs/spec/streams.md, "Continuity", "Links" and "Order").

`Partition` is what a reader keeps of one sender's partition. `place` either moves it and says how,
or refuses and leaves it as it was, except that an equivocation stops it. The numbers in comments
are those of "Order".
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum

from tests.conformance.generations import Gap, Generation, Seen
from tests.conformance.proofs import Link
from tests.conformance.refusals import RefusedError

MAX_GENERATIONS = 64
MAX_GAPS = 1024
MAX_STATE_BYTES = 8388608
MAX_STATE_GAPS = 8192


class Verdict(Enum):
    """Kind of a record that its stream accepts."""

    START = "start"
    NEXT = "next"
    JUMP = "jump"
    LINK = "link"
    FILL = "fill"
    REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Placement:
    """Result of placing a record: its kind, and the gap that it revealed, both ends included."""

    verdict: Verdict
    gap: tuple[int, int] | None = None


@dataclass(slots=True)
class Partition:
    """One sender's partition of one topic."""

    generations: dict[str, Generation] = field(default_factory=dict)
    forgotten: dict[str, Generation] = field(default_factory=dict)
    last_time: int = 0
    stopped: bool = False
    siblings: list[Partition] = field(default_factory=list)

    @property
    def start(self) -> str:
        return min(self.generations)

    @property
    def newest(self) -> str:
        return max(self.generations)

    def place(self, name: str, seen: Seen, link: Link | None) -> Placement:
        """Step 4 for one record of the generation `name`.

        Raises:
            RefusedError: at step 4.
        """
        counted = self.counted()
        before = self._kept() if self._nearly_at_limit(counted) else None
        try:
            placement = self._place(name, seen, link)
        except RefusedError as refusal:
            self.stopped = self.stopped or refusal.code == "equivocation"
            raise
        if placement.verdict is not Verdict.NEXT and not self._fits(counted):
            keep = {name} | ({link.name} if link is not None else set())
            if not self._make_room(counted, keep):
                assert before is not None
                self.generations, self.forgotten, self.last_time = before
                raise RefusedError(4, "state_full")
        return placement

    def _kept(self) -> tuple[dict[str, Generation], dict[str, Generation], int]:
        """Copy of a large state, to restore it if the record is too much."""
        return deepcopy(self.generations), dict(self.forgotten), self.last_time

    # Limits

    def _nearly_at_limit(self, counted: tuple[int, int]) -> bool:
        """Return True if one more record may be too much: two generations and a gap in each."""
        room = self._room()
        most = 2 * (512 + 64 * 126) + 2 * (64 + 64 * 63)
        return counted[0] + most > room[0] or counted[1] + 2 > room[1]

    def _room(self) -> tuple[int, int]:
        """Bytes and gaps that the sender's other partitions leave to this one."""
        others = [other.counted() for other in self.siblings if other is not self]
        return (
            MAX_STATE_BYTES - sum(size for size, _ in others),
            MAX_STATE_GAPS - sum(gaps for _, gaps in others),
        )

    def counted(self) -> tuple[int, int]:
        """Bytes and gaps that this partition counts as."""
        size = gaps = 0
        for name, one in self.generations.items():
            digits = 63 if name == self.newest else one.size.bit_length()
            size += 512 + 64 * (one.start.bit_length() + digits)
            size += sum(64 + 64 * (gap.last + 1).bit_length() for gap in one.gaps)
            gaps += len(one.gaps)
        return size, gaps

    def _fits(self, before: tuple[int, int]) -> bool:
        """Return True if the record added nothing, or the sender is within its limit with it."""
        size, gaps = self.counted()
        room = self._room()
        return (size <= before[0] or size <= room[0]) and (gaps <= before[1] or gaps <= room[1])

    def _make_room(self, before: tuple[int, int], keep: set[str]) -> bool:
        """Let go of what goes first, here one by one and elsewhere all that there are."""
        for name in self._forgettable(keep):
            self.forgotten[name] = self.generations.pop(name)
            if self._fits(before):
                return True
        for other in self.siblings:
            if other is not self:
                for name in other._forgettable(set()):
                    other.forgotten[name] = other.generations.pop(name)
        return self._fits(before)

    def _forgettable(self, keep: set[str]) -> list[str]:
        free = [name for name in sorted(self.generations) if name not in keep | {self.newest}]
        held = self.generations
        complete = [name for name in free if held[name].end is not None and not held[name].gaps]
        return complete + [n for n in free if held[n].passed and n not in complete]

    def _place(self, name: str, seen: Seen, link: Link | None) -> Placement:
        if not self.generations:  # 1
            _refuse_leaf(seen)
            generation = Generation.beginning(seen)
            self.generations[name] = generation
            self.last_time = seen.time
            return Placement(Verdict.START)
        if self.stopped:  # 2
            raise RefusedError(4, "stream_stopped")
        held = self.generations.get(name)
        if held is None:
            return self._open(name, seen, link)  # 3
        if seen.index >= held.size:
            return self._grow(name, held, seen)  # 4
        if seen.index < held.start:  # 5
            raise RefusedError(4, "before_start")
        gap = held.gap_at(seen.index)
        if gap is not None:
            return self._fill(name, held, gap, seen, link)  # 6
        if seen.index not in held.leaves:  # 7
            raise RefusedError(4, "superseded")
        held.check_repeat(seen)  # 8
        if seen.index in held.without_content and not seen.leaf_only:
            held.without_content.discard(seen.index)
            return Placement(Verdict.FILL)
        return Placement(Verdict.REPEAT)

    def _not_fallen(self, seen: Seen) -> None:
        if seen.time < self.last_time:
            raise RefusedError(4, "log_time_fell")

    def _open(self, name: str, seen: Seen, link: Link | None) -> Placement:
        if name < self.start:
            raise RefusedError(4, "before_start")
        if name < self.newest:
            raise RefusedError(4, "unlinked")
        _refuse_leaf(seen)
        self._not_fallen(seen)
        if link is not None:
            self._compare(link)
        before = deepcopy(self.generations) if self._nearly_full else None
        generation = Generation.beginning(seen)
        gap: tuple[int, int] | None
        if link is not None:
            gap = self._follow(name, link)
        else:
            gap = (0, seen.index - 1)
            generation.start = 0
            generation.gaps.append(Gap(*gap, left={}, right=seen.left))
        self.generations[name] = generation
        self._forget_complete()
        if link is not None:
            self._forget_between(link.name, name)
        if before is not None and len(self.generations) > MAX_GENERATIONS:
            self.generations = before
            raise RefusedError(4, "generations_many")
        self.last_time = seen.time
        return Placement(Verdict.LINK if link is not None else Verdict.JUMP, gap)

    def _grow(self, name: str, held: Generation, seen: Seen) -> Placement:
        if name != self.newest:
            raise RefusedError(4, "superseded")
        _refuse_leaf(seen)
        self._not_fallen(seen)
        held.check_checkpoint(seen)
        gap = None
        if seen.index == held.size:
            if seen.left != held.frontier:
                raise RefusedError(4, "equivocation")
        else:
            if len(held.gaps) >= MAX_GAPS:
                raise RefusedError(4, "gaps_many")
            held.check_jump(seen)
            gap = (held.size, seen.index - 1)
            held.gaps.append(Gap(*gap, left=held.frontier or {}, right=seen.left))
        held.append(seen)
        self.last_time = seen.time
        return Placement(Verdict.NEXT if gap is None else Verdict.JUMP, gap)

    def _fill(
        self, name: str, held: Generation, gap: Gap, seen: Seen, link: Link | None
    ) -> Placement:
        held.check_checkpoint(seen)
        after = held.check_fill(gap, seen)
        if link is not None:
            self._compare(link)
        parts = gap.without(seen, after)
        if len(parts) > 1 and len(held.gaps) >= MAX_GAPS:  # only a split makes more
            raise RefusedError(4, "gaps_many")
        position = held.gaps.index(gap)
        held.gaps[position : position + 1] = parts
        held.keep(seen)
        revealed = self._follow(name, link) if link is not None else None
        return Placement(Verdict.FILL, revealed)

    # Links

    def _never_met(self, link: Link) -> bool:
        return link.name not in self.generations and link.name > self.start

    def _compare(self, link: Link) -> None:
        """The comparisons of a link with what is held of the generation it names."""
        held = self.generations.get(link.name)
        if held is None and self._never_met(link):
            held = self.forgotten.get(link.name)  # its checkpoints are kept
        if held is None or link.size <= held.start:
            return
        held.check_link(link.size, link.root)

    def _follow(self, name: str, link: Link) -> tuple[int, int] | None:
        """Close what a link closes; the gap that it reveals in the predecessor."""
        for other, passed in self.generations.items():
            if link.name < other < name:
                passed.passed = True
                passed.end = passed.size if passed.end is None else passed.end
        held = self.generations.get(link.name)
        if held is not None:
            held.passed = False
            return held.close(link.size, link.root)
        if not self._never_met(link):
            return None
        anew = Generation.never_met(link.size, link.root)
        if link.name in self.forgotten:
            anew.checkpoints = self.forgotten[link.name].checkpoints | anew.checkpoints
        self.generations[link.name] = anew
        return (0, link.size - 1)

    @property
    def _nearly_full(self) -> bool:
        """Return True if one more generation, and perhaps its predecessor, may be too many."""
        return len(self.generations) + 2 > MAX_GENERATIONS

    def _forget_complete(self) -> None:
        """Of too many generations, forget the oldest that are closed and without gaps."""
        for name in sorted(self.generations):
            if len(self.generations) <= MAX_GENERATIONS:
                return
            if self.generations[name].end is not None and not self.generations[name].gaps:
                self.forgotten[name] = self.generations.pop(name)

    def _forget_between(self, predecessor: str, newest: str) -> None:
        """Of those that are still too many, forget the oldest that the newest one passes over."""
        for name in sorted(self.generations):
            if len(self.generations) > MAX_GENERATIONS and predecessor < name < newest:
                self.forgotten[name] = self.generations.pop(name)


def _refuse_leaf(seen: Seen) -> None:
    if seen.leaf_only:
        raise RefusedError(4, "leaf_not_wanted")
