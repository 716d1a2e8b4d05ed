"""Runs of records under a revoked key (docs/spec/opening.md, "Receipts that cover")."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance import merkle
from tests.conformance.merkle import Frontier

RUNS_OF_A_GENERATION = 8


@dataclass(slots=True)
class Run:
    """Leaves of successive indices; `frontiers[n]` is the one before the n-th leaf."""

    first: int
    leaves: list[bytes]
    frontiers: list[Frontier]
    proved: int = 0

    @property
    def next_index(self) -> int:
        return self.first + len(self.leaves)

    def proves(self, index: int, leaf: bytes) -> bool:
        """Return True if the leaf is one of those that were proved."""
        return self.first <= index < self.proved and self.leaves[index - self.first] == leaf


def try_leaf(runs: list[Run], index: int, leaf: bytes, left: Frontier) -> Run:
    """Add a leaf to the run that it continues, or to a new one."""
    for run in runs:
        at = index - run.first
        if 0 <= at < len(run.leaves) and run.leaves[at] == leaf:
            return run
        if index == run.next_index and left == run.frontiers[-1]:
            run.leaves.append(leaf)
            run.frontiers.append(merkle.append(left, index, leaf))
            runs.remove(run)
            runs.append(run)
            return run
    begun = Run(index, [leaf], [left, merkle.append(left, index, leaf)])
    runs.append(begun)
    del runs[:-RUNS_OF_A_GENERATION]
    return begun


def prove(runs: list[Run], size: int, frontier: Frontier) -> None:
    """Runs that reach a proved frontier are proved up to there, or go."""
    for run in list(runs):
        if not run.first < size <= run.next_index or size <= run.proved:
            continue
        if run.frontiers[size - run.first] == frontier:
            run.proved = size
        else:
            runs.remove(run)
