"""Table of a release as rows and columns with their totals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.figures.disclosure import Mark
from broker.figures.tables import PublishedFigure, Where, label_of, values_of
from broker.releases.figures_release import FiguresRelease
from contracts.phrases import Phrase


@dataclass(frozen=True, slots=True)
class Line:
    """One row.

    Attributes:
        label: its value in words.
        cells: a figure for each column.
        total: all its cases.
    """

    label: str
    cells: tuple[PublishedFigure, ...]
    total: PublishedFigure


@dataclass(frozen=True, slots=True)
class ReleaseTable:
    """A table of one or two dimensions.

    Attributes:
        rows: dimension of the rows in words.
        columns: dimension of the columns in words; empty if there is one dimension.
        heads: values of the columns in words.
        lines: rows with a case or a hidden number, in the order of the vocabulary.
        totals: all cases of each column.
        total: all cases.
        left_out: values without a case, which are not shown, in words.
    """

    rows: str
    columns: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    totals: tuple[PublishedFigure, ...]
    total: PublishedFigure
    left_out: tuple[str, ...]

    @property
    def hidden(self) -> Sequence[PublishedFigure]:
        """Return the cells and totals that are hidden."""
        found = [*self.totals, self.total]
        for line in self.lines:
            found += [*line.cells, line.total]
        return [one for one in found if one.shown is None]


@dataclass(frozen=True, slots=True)
class ReleaseTables:
    """Tables of a release.

    Attributes:
        main: the table by its two longest dimensions, or by the only one.
        parts: one table for each value of the third dimension, with the value in words.
        third: the third dimension in words; empty without one.
    """

    main: ReleaseTable
    parts: tuple[tuple[str, ReleaseTable], ...]
    third: str


def tables_of(release: FiguresRelease) -> ReleaseTables:
    """Return the tables of a release. The dimension with most values makes the rows."""
    names = sorted(release.published.by, key=lambda name: -len(_values(release, name)))
    rows, columns = names[0], names[1] if len(names) > 1 else None
    main = table_of(release, rows, columns)
    if len(names) < 3:
        return ReleaseTables(main, (), "")
    third = names[2]
    parts = tuple(
        (label, table_of(release, rows, columns, ((third, code),)))
        for code, label in _used(release, third).items()
    )
    return ReleaseTables(main, parts, label_of(third, release.figures))


def table_of(
    release: FiguresRelease, rows: str, columns: str | None = None, fixed: Where = ()
) -> ReleaseTable:
    """Return a table of a release.

    Args:
        release: the release.
        rows: dimension of the rows.
        columns: dimension of the columns.
        fixed: values of the other dimensions.
    """
    places = release.published.by_place

    def at(*where: tuple[str, str]) -> PublishedFigure:
        return places[tuple(sorted((*where, *fixed)))]

    heads = {} if columns is None else _used(release, columns)
    lines, empty = [], []
    for code, label in _values(release, rows).items():
        cells = tuple(at((rows, code), (columns or "", other)) for other in heads)
        line = Line(label, cells, at((rows, code)))
        if all(one.empty for one in (*cells, line.total)):
            empty.append(label)
        else:
            lines.append(line)
    return ReleaseTable(
        rows=label_of(rows, release.figures),
        columns="" if columns is None else label_of(columns, release.figures),
        heads=tuple(heads.values()),
        lines=tuple(lines),
        totals=tuple(at((columns or "", code)) for code in heads),
        total=at(),
        left_out=(*empty, *_unused(release, columns)),
    )


def is_small(figure: PublishedFigure) -> bool:
    """Return whether a hidden number is hidden for its own sake."""
    return figure.mark is Mark.PRIMARY


def _values(release: FiguresRelease, name: str) -> Mapping[str, str]:
    """Return the values of a dimension with their labels, which end without a full stop."""
    found = values_of(name, release.contract, release.figures)
    return {
        code: label if isinstance(label, Phrase) else label.rstrip(".")
        for code, label in found.items()
    }


def _used(release: FiguresRelease, name: str) -> Mapping[str, str]:
    """Return the values of a dimension with a case or a hidden number, with labels."""
    places = release.published.by_place
    return {
        code: label
        for code, label in _values(release, name).items()
        if not places[((name, code),)].empty
    }


def _unused(release: FiguresRelease, name: str | None) -> Iterator[str]:
    if name is not None:
        used = _used(release, name)
        for code, label in _values(release, name).items():
            if code not in used:
                yield label
