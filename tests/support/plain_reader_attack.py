"""Attack of a reader of several releases who knows the plain rules and nothing of the code.

The reader knows when each figure was made, and that counts may have changed before the next
release. So each moment has a system of its own: the figures that were made from its counts. Marks
are not used. Ranges are found by linear programming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import highspy

from broker.figures.disclosure import Cell, Counts, Figure, Release


@dataclass(frozen=True)
class Found:
    """Range of a number that the reader narrows to a proper part of what may be known."""

    reader: str | None
    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Made:
    """A figure, the moment from whose counts it was made, and the base of its rounding."""

    moment: int
    figure: Figure
    base: int


def plain_reader_attack(history: Sequence[tuple[Counts, Release]]) -> list[Found]:
    """Hidden counts, differences of shown ones, and changes that some reader narrows.

    Args:
        history: the releases, oldest first, with the counts that each was made from.
    """
    figures = _made(history)
    names = {name for counts, _ in history for of in counts.values() for name in of}
    return [
        found
        for reader in (None, *sorted(names))
        for moment, (counts, _) in enumerate(history)
        for found in _narrowed(reader, counts, moment, history, figures)
    ]


def _made(history: Sequence[tuple[Counts, Release]]) -> list[Made]:
    """Each figure once, at the first release that has it."""
    found: dict[tuple[object, ...], Made] = {}
    for moment, (_, release) in enumerate(history):
        for one in release.figures:
            made_of = tuple(sorted(one.by_contributor.items()))
            found.setdefault(
                (one.cell.key, one.shown, made_of), Made(moment, one, release.round_to)
            )
    return list(found.values())


def _narrowed(
    reader: str | None,
    counts: Counts,
    moment: int,
    history: Sequence[tuple[Counts, Release]],
    figures: Sequence[Made],
) -> Iterator[Found]:
    here = [one for one in figures if history[one.moment][0] == counts]
    shown = [one.figure.cell for one in here if one.figure.shown is not None]
    ranges = _Ranges(reader, counts, here)
    hidden = [one.figure.cell for one in here if one.figure.shown is None]
    for cell in (*hidden, *_differences(shown, counts)):
        others, most = _total(counts, cell, without=reader), cell.threshold - 1
        if 0 < others <= most:
            low, high = ranges.others(cell)
            if low > 1e-6 and high < most + 1 - 1e-6 and (low > 1 + 1e-6 or high < most - 1e-6):
                yield Found(reader, cell.key, low, high)
    for one in figures:
        if one.moment < moment and one.figure.shown is not None:
            cell = one.figure.cell
            old = sum(n for name, n in one.figure.by_contributor.items() if name != reader)
            change = _total(counts, cell, without=reader) - old
            if 0 < abs(change) < cell.threshold:
                low, high = (end - old for end in ranges.others(cell))
                low, high = (low, high) if change > 0 else (-high, -low)
                if low > 1e-6 and high < cell.threshold - 1e-6:
                    yield Found(reader, f"change of {cell.key}", low, high)


def _differences(shown: Sequence[Cell], counts: Counts) -> Iterator[Cell]:
    for whole in shown:
        for part in shown:
            if part.atoms < whole.atoms and _total(counts, part):
                limit = max(whole.threshold, part.threshold)
                yield Cell(f"{whole.key} less {part.key}", whole.atoms - part.atoms, limit)


def _total(counts: Counts, cell: Cell, without: str | None = None) -> int:
    return sum(
        n for atom in cell.atoms for name, n in counts.get(atom, {}).items() if name != without
    )


class _Ranges:
    """Ranges of counts of the others that agree with the figures of one moment."""

    def __init__(self, reader: str | None, counts: Counts, figures: Sequence[Made]) -> None:
        self._reader, self._counts = reader, counts
        atoms = sorted({atom for one in figures for atom in one.figure.cell.atoms})
        self._columns: Mapping[str, int] = {atom: at for at, atom in enumerate(atoms)}
        self._solver = highspy.Highs()
        self._solver.setOptionValue("output_flag", False)
        self._solver.setOptionValue("threads", 1)
        for atom in atoms:
            own = counts.get(atom, {}).get(reader or "", 0)
            self._solver.addVar(float(own), highspy.kHighsInf)
        for one in figures:
            if one.figure.shown is not None and one.figure.cell.atoms:
                self._bind(one)

    def _bind(self, one: Made) -> None:
        cell, shown = one.figure.cell, one.figure.shown or 0
        total, others = _total(self._counts, cell), _total(self._counts, cell, self._reader)
        own = total - others
        allowed = range(max(0, shown - one.base), shown + one.base + 1)
        fits = [
            count
            for count in allowed
            if (2 * count + one.base) // (2 * one.base) * one.base == shown
        ]
        low, high = fits[0], fits[-1]
        if total == 0:
            high = 0
        elif self._reader is not None and others == 0:
            low = high = own
        else:
            low = max(low, cell.threshold, own + cell.threshold * (self._reader is not None))
        columns = [self._columns[atom] for atom in sorted(cell.atoms)]
        self._solver.addRow(float(low), float(high), len(columns), columns, [1.0] * len(columns))

    def others(self, cell: Cell) -> tuple[float, float]:
        """Smallest and largest count of the others in a cell."""
        own = _total(self._counts, cell) - _total(self._counts, cell, self._reader)
        ends = []
        for sense, free in (
            (highspy.ObjSense.kMinimize, 0.0),
            (highspy.ObjSense.kMaximize, highspy.kHighsInf),
        ):
            for atom, column in self._columns.items():
                self._solver.changeColCost(column, 1.0 if atom in cell.atoms else 0.0)
            self._solver.changeObjectiveSense(sense)
            self._solver.clearSolver()
            self._solver.run()
            solved = self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
            unknown = not cell.atoms <= self._columns.keys()
            value = self._solver.getInfo().objective_function_value
            ends.append(value - own if solved and not (unknown and free) else free)
        return ends[0], ends[1]
