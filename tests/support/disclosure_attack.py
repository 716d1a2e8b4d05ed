"""Attacks on published figures, written apart from the code that protects them.

An attacker sees the figures and marks of releases and may know the cases of one contributor. The
attacker is given more than the marks say: of each hidden cell that no other primary cell contains,
whether its count is small or not. Ranges are found by linear programming, or by trying all worlds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from broker.figures.disclosure import Cell, Counts, Figure, Mark, Release


@dataclass(frozen=True)
class Range:
    """Range that an attacker finds of a hidden count; a contributor, of that of the others."""

    key: str
    attacker: str | None
    low: float
    high: float
    threshold: int

    @property
    def narrowed(self) -> bool:
        """It is a proper part of 1 to below the threshold."""
        inside = self.low > 1e-6 and self.high < self.threshold - 1e-6
        whole = self.low <= 1 + 1e-6 and self.high >= self.threshold - 1 - 1e-6
        return inside and not whole

    @property
    def narrowed_change(self) -> bool:
        """It lies between no change and a change by the threshold, without these two."""
        return self.low > 1e-6 and self.high < self.threshold - 1e-6


@dataclass(frozen=True)
class Fact:
    atoms: frozenset[str]
    low: float
    high: float


def value(counts: Counts, atoms: frozenset[str], without: str | None = None) -> int:
    return sum(
        number for atom in atoms for name, number in counts.get(atom, {}).items() if name != without
    )


def shown_limits(shown: int, base: int) -> tuple[int, int]:
    fits = [
        count
        for count in range(max(0, shown - base), shown + base + 1)
        if nearest(count, base) == shown
    ]
    return fits[0], fits[-1]


def nearest(count: int, base: int) -> int:
    """Rounded half up, by trying the multiples."""
    multiples = [(abs(count - one), -one) for one in range(0, count + base + 1, base)]
    return -min(multiples)[1]


def facts(
    counts: Counts, releases: Sequence[Release], attacker: str | None, *, trusting: bool = True
) -> Iterator[Fact]:
    """All that follows at once from the figures: limits of counts."""
    primary = [
        figure.cell
        for release in releases
        for figure in release.figures
        if figure.mark is Mark.PRIMARY
        and is_small(counts, figure.cell)
        and not is_changed(counts, figure)
    ]
    empty = {
        atom
        for release in releases
        for figure in release.figures
        if figure.shown == 0 and not value(counts, figure.cell.atoms)
        for atom in figure.cell.atoms
    }
    for release in releases:
        for figure in release.figures:
            cell = figure.cell
            mine = value(counts, cell.atoms) - value(counts, cell.atoms, attacker)
            if figure.shown is not None:
                low, high = shown_limits(figure.shown, release.round_to)
                now = value(counts, cell.atoms)
                if is_changed(counts, figure):
                    if trusting:
                        yield Fact(cell.atoms, min(low, now), max(high, now))
                    continue
                if figure.shown == 0 and value(counts, cell.atoms) == 0:
                    high = 0
                if high > 0:
                    low = max(low, min(cell.threshold, value(counts, cell.atoms)))
                yield Fact(cell.atoms, low, high)
                others = value(counts, cell.atoms, attacker)
                if attacker is not None:
                    if others == 0:
                        yield Fact(cell.atoms, mine, mine)
                    elif others >= cell.threshold:
                        yield Fact(cell.atoms, mine + cell.threshold, np.inf)
            elif is_changed(counts, figure):
                continue
            elif figure.mark is Mark.SECONDARY:
                if value(counts, cell.atoms) and not is_small(counts, cell):
                    yield Fact(cell.atoms, cell.threshold, np.inf)
                    others = value(counts, cell.atoms, attacker)
                    if attacker is not None and others == 0:
                        yield Fact(cell.atoms, mine, mine)
                    elif attacker is not None:
                        yield Fact(cell.atoms, mine + cell.threshold, np.inf)
            elif figure.mark is Mark.PRIMARY and not any(
                cell.atoms - empty < one.atoms - empty for one in primary
            ):
                if 0 < value(counts, cell.atoms) < cell.threshold:
                    yield Fact(cell.atoms, 1, cell.threshold - 1)
                else:
                    yield Fact(cell.atoms, min(cell.threshold, value(counts, cell.atoms)), np.inf)


def is_changed(counts: Counts, figure: Figure) -> bool:
    """The counts differ from those of which the figure was made."""
    names = {name for atom in figure.cell.atoms for name in counts.get(atom, {})}
    return any(
        figure.by_contributor.get(name, 0)
        != sum(counts.get(atom, {}).get(name, 0) for atom in figure.cell.atoms)
        for name in names | set(figure.by_contributor)
    )


def is_small(counts: Counts, cell: Cell) -> bool:
    whole = value(counts, cell.atoms)
    names = {name for atom in cell.atoms for name in counts.get(atom, {})}
    parts = [value(counts, cell.atoms, name) for name in names]
    return any(0 < one < cell.threshold for one in [whole, *parts])


def hidden(releases: Sequence[Release]) -> list[Figure]:
    shown = {
        figure.cell.key
        for release in releases
        for figure in release.figures
        if figure.shown is not None
    }
    return [
        figure
        for release in releases
        for figure in release.figures
        if figure.shown is None and figure.cell.key not in shown
    ]


def differences(releases: Sequence[Release]) -> list[Cell]:
    """Shown cells less smaller shown cells within them."""
    shown = [
        figure.cell
        for release in releases
        for figure in release.figures
        if figure.shown is not None
    ]
    return [
        Cell(
            f"{whole.key} less {part.key}",
            whole.atoms - part.atoms,
            max(whole.threshold, part.threshold),
        )
        for whole in shown
        for part in shown
        if part.atoms < whole.atoms
    ]


def linear_attack(
    counts: Counts, releases: Sequence[Release], attacker: str | None = None
) -> list[Range]:
    """The range of each hidden count that is small for an attacker, by linear programming."""
    targets = [figure.cell for figure in hidden(releases)] + differences(releases)
    small = [cell for cell in targets if 0 < value(counts, cell.atoms, attacker) < cell.threshold]
    return [
        Range(cell.key, attacker, *ends, cell.threshold)
        for cell, ends in zip(small, _ends(counts, releases, attacker, small), strict=True)
    ]


def _ends(
    counts: Counts,
    releases: Sequence[Release],
    attacker: str | None,
    cells: Sequence[Cell],
    *,
    trusting: bool = True,
) -> Iterator[tuple[float, float]]:
    """Least and largest count of the others in each cell."""
    atoms = sorted(
        {atom for release in releases for one in release.figures for atom in one.cell.atoms}
    )
    column = {atom: position for position, atom in enumerate(atoms)}
    solver = _solver()
    for atom in atoms:
        solver.addVar(float(counts.get(atom, {}).get(attacker or "", 0)), highspy.kHighsInf)
    for fact in facts(counts, releases, attacker, trusting=trusting):
        members = [column[atom] for atom in sorted(fact.atoms)]
        high = highspy.kHighsInf if fact.high == np.inf else float(fact.high)
        solver.addRow(float(fact.low), high, len(members), members, [1.0] * len(members))
    for cell in cells:
        mine = value(counts, cell.atoms) - value(counts, cell.atoms, attacker)
        ends = []
        for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
            for atom in atoms:
                solver.changeColCost(column[atom], 1.0 if atom in cell.atoms else 0.0)
            solver.changeObjectiveSense(sense)
            solver.clearSolver()  # from the last answer it sometimes finds none
            solver.run()
            status = solver.getModelStatus()
            bounded = status == highspy.HighsModelStatus.kOptimal
            assert bounded or status == highspy.HighsModelStatus.kUnbounded, status
            ends.append(solver.getInfo().objective_function_value - mine if bounded else np.inf)
        yield ends[0], ends[1]


def change_attack(
    now: Counts, releases: Sequence[Release], attacker: str | None = None
) -> list[Range]:
    """The range of each small change of a count since an earlier release that shows it."""
    shown = [one for release in releases[:-1] for one in release.figures if one.shown is not None]
    cells = [one.cell for one in shown]
    found = []
    for figure, (low, high) in zip(
        shown, _ends(now, releases, attacker, cells, trusting=False), strict=True
    ):
        cell = figure.cell
        old = sum(number for name, number in figure.by_contributor.items() if name != attacker)
        change = value(now, cell.atoms, attacker) - old
        if 0 < abs(change) < cell.threshold:
            ends = (low - old, high - old) if change > 0 else (old - high, old - low)
            found.append(Range(cell.key, attacker, *ends, cell.threshold))
    return found


def enumeration_attack(
    counts: Counts, releases: Sequence[Release], most: int, attacker: str | None = None
) -> list[tuple[Range, frozenset[int]]]:
    """The same by trying every world with at most `most` cases in each atom; with all values."""
    atoms = sorted(
        {atom for release in releases for one in release.figures for atom in one.cell.atoms}
    )
    column = {atom: position for position, atom in enumerate(atoms)}
    least = [counts.get(atom, {}).get(attacker or "", 0) for atom in atoms]
    worlds = np.array(list(itertools.product(*[range(low, most + 1) for low in least])))
    for fact in facts(counts, releases, attacker):
        totals = worlds[:, [column[atom] for atom in fact.atoms]].sum(axis=1)
        worlds = worlds[(totals >= fact.low) & (totals <= fact.high)]
    found = []
    for figure in hidden(releases):
        cell = figure.cell
        others = value(counts, cell.atoms, attacker)
        if 0 < others < cell.threshold:
            mine = value(counts, cell.atoms) - others
            values = worlds[:, [column[atom] for atom in cell.atoms]].sum(axis=1) - mine
            possible = frozenset(values.tolist())
            found.append(
                (Range(cell.key, attacker, min(possible), max(possible), cell.threshold), possible)
            )
    return found


def attackers(counts: Counts) -> list[str | None]:
    """The public, and each contributor."""
    return [None, *sorted({name for one in counts.values() for name in one})]


def all_narrowed(counts: Counts, releases: Sequence[Release]) -> list[Range]:
    """Ranges that some attacker narrows."""
    return [
        one
        for attacker in attackers(counts)
        for one in linear_attack(counts, releases, attacker)
        if one.narrowed
    ]


def _solver() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def published_as(
    counts: Counts, cells: Sequence[Cell], marks: Mapping[str, Mark | None]
) -> Release:
    """Exact figures of which those with a mark are hidden, whether that is safe or not."""
    return Release(
        tuple(
            Figure(
                cell,
                None if cell.key in marks else value(counts, cell.atoms),
                marks.get(cell.key),
                {
                    name: mine
                    for name in sorted({name for one in counts.values() for name in one})
                    if (mine := sum(counts.get(atom, {}).get(name, 0) for atom in cell.atoms))
                },
            )
            for cell in cells
        ),
        1,
    )


def table(categories: Sequence[Sequence[str]], threshold: int | Mapping[int, int]) -> list[Cell]:
    """Every cell of a table, with margins: `*` stands for all categories of a dimension."""
    cells = []
    for chosen in itertools.product(*[["*", *one] for one in categories]):
        fixed = sum(one != "*" for one in chosen)
        atoms = frozenset(
            "|".join(atom)
            for atom in itertools.product(*categories)
            if all(a in ("*", b) for a, b in zip(chosen, atom, strict=True))
        )
        limit = threshold if isinstance(threshold, int) else threshold[fixed]
        cells.append(Cell("|".join(chosen), atoms, limit))
    return cells
