"""Trial of records under a revoked key, separate from continuity (docs/spec/opening.md, step 2).

A receipt older than the revocation covers everything below its size, if the leaves fold to its
root. Records with the receipt's own checkpoint prove that by their path. Earlier records have
earlier checkpoints, which an attacker with the key could have signed too. Their leaves are
collected here as a run. The run is covered once a proved record shows exactly that run on its left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from broker.tlog.merkle import Frontier

MAX_RUNS: Final = 8
"""Runs of one generation that are tried at once; the one with the oldest growth is dropped."""
MAX_TRIED: Final = 2**18
"""Maximum number of leaves that are tried at once, of all senders: 8 MiB of hashes.

Above it, the oldest generation of the sender with most leaves is dropped, so that no sender
displaces another's.
"""


@dataclass(slots=True)
class Run:
    """Consecutive leaves from ``first`` on; those below ``covered`` are trusted."""

    first: int
    base: Frontier
    head: Frontier
    leaves: list[bytes]
    covered: int = 0


@dataclass(slots=True)
class Trials:
    """The runs of every generation, by origin."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    """Number of leaves of each sender."""
    covered_more: bool = False
    """True if records that wait were covered since `findings` was last asked."""
    folded_elsewhere: list[tuple[str, int, int]] = field(default_factory=list)
    """(origin, first, last) of tried leaves of another history, to be requested again."""

    def findings(self) -> tuple[bool, list[tuple[str, int, int]]]:
        """``covered_more`` and ``folded_elsewhere`` since this was last asked."""
        found = self.covered_more, self.folded_elsewhere
        self.covered_more, self.folded_elsewhere = False, []
        return found

    def covers(self, origin: str, index: int, leaf: bytes) -> bool:
        """Return whether this leaf was tried at that index and is covered."""
        return any(
            run.first <= index < run.covered and run.leaves[index - run.first] == leaf
            for run in self.runs.get(origin, ())
        )

    def add(self, origin: str, index: int, leaf: bytes, left: tuple[bytes, ...]) -> Run:
        """Add a leaf: it continues a run, is already in one, or begins one."""
        runs = self.runs.setdefault(origin, [])
        for run in runs:
            at = index - run.first
            if 0 <= at < len(run.leaves) and run.leaves[at] == leaf:
                return run
            if index == run.head.size and left == run.head.hashes:
                run.head = run.head.append(leaf)
                run.leaves.append(leaf)
                self._count(origin, run)
                return run
        base = Frontier(index, left)
        run = Run(index, base, base.append(leaf), [leaf])
        runs.append(run)
        if len(runs) > MAX_RUNS:
            self._dropped(origin, runs.pop(0))
        self._count(origin, run)
        return run

    def meet(self, origin: str, proved: Frontier) -> None:
        """A frontier that is proved: runs that reach it are covered, or fold elsewhere.

        Runs are dropped if another history led to the proved one.
        """
        for run in list(self.runs.get(origin, ())):
            if not run.first < proved.size <= run.head.size or proved.size <= run.covered:
                continue
            reached = run.base.extend(run.leaves[: proved.size - run.first])
            if reached.hashes == proved.hashes:
                run.covered, self.covered_more = proved.size, True
            else:
                self.folded_elsewhere.append((origin, run.first, proved.size - 1))
                self.runs[origin].remove(run)
                self._dropped(origin, run)

    def prove_again(self) -> None:
        """Forget what is covered, because receipts may no longer count; keep the leaves."""
        for runs in list(self.runs.values()):
            for run in list(runs):
                run.covered = 0

    def _dropped(self, origin: str, run: Run) -> None:
        self.tried[_sender(origin)] -= len(run.leaves)

    def _count(self, origin: str, grown: Run) -> None:
        self.tried[_sender(origin)] += 1
        runs = self.runs[origin]
        if runs[-1] is not grown:
            runs.remove(grown)
            runs.append(grown)
        while self.tried.total() > MAX_TRIED:
            greatest, _ = self.tried.most_common(1)[0]
            oldest = next(name for name in self.runs if _sender(name) == greatest)
            for run in self.runs.pop(oldest):
                self._dropped(oldest, run)


def _sender(origin: str) -> str:
    """Return the second part of ``deployment/agency/topic/partition/generation``."""
    return origin.split("/", 2)[1]
