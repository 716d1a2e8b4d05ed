"""Tables of a release, protected together with the earlier releases of the same period.

A cell names a value for some dimensions; its cases are those of the atoms that have them. Releases
remember cells by these names, so that later counts are compared with what was published
(docs/spec/figures.md, "Releases").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod
from typing import Final, TypeAlias

import orjson

from broker.figures.combined import base_of, combined_values
from broker.figures.counting import CountedPart, CountsOf, Subject
from broker.figures.counts_held import NotCounted
from broker.figures.dimension_values import label_of, missing_value, values_of
from broker.figures.disclosure import (
    Cell,
    Figure,
    Mark,
    Release,
    UnprotectedError,
    protect,
    require_few_cells,
    threshold_for,
)
from contracts.model import Contract
from contracts.terms import StatisticalControl
from contracts.vocabulary.figures import NOT_STATED, SOURCE, Figures

__all__ = [
    "WITHOUT_CONSENT", "Published", "PublishedFigure", "ValueGoneError", "Where", "label_of",
    "limit_of", "publish", "values_of",
]  # fmt: skip

Where: TypeAlias = tuple[tuple[str, str], ...]
"""Dimensions with the value of a cell, by name; empty for the total."""
WITHOUT_CONSENT: Final[Where] = (("consent", "missing"),)
"""Cell of the cases that are not counted for want of consent."""
_WITHOUT_CONSENT_ATOM: Final = "without consent"


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """A cell as a release shows it.

    Attributes:
        where: its dimensions and values.
        threshold: counts from 1 to below this are hidden.
        shown: the rounded number of cases or referrals; None if it is hidden.
        mark: the reason for which it is hidden.
        by_contributor: exact cases of each agency when it was published; it is never shown.
        kept: whether it repeats an earlier release, and counts of earlier releases have changed
            since: this one or others.
    """

    where: Where
    threshold: int
    shown: int | None
    mark: Mark | None
    by_contributor: Mapping[str, int]
    kept: bool = False

    @property
    def empty(self) -> bool:
        """Return whether the release says that there is no case, or repeats that."""
        return self.shown == 0


@dataclass(frozen=True, slots=True)
class Published:
    """A release: what was published of a period, and from which counts.

    Attributes:
        by: dimensions of its table.
        round_to: base of the shown numbers.
        figures: the cells.
        contributors: agency to the hash of its counts, hexadecimal.
        of: what the numbers are of.
        not_counted: the other parties that send events, with the reason.
    """

    by: tuple[str, ...]
    round_to: int
    figures: tuple[PublishedFigure, ...]
    contributors: Mapping[str, str]
    of: Subject = "cases"
    not_counted: Mapping[str, NotCounted] = field(default_factory=dict, compare=False)

    def factors(self, dimension: str) -> int | None:
        """Return the values of a dimension over all cases: a case with two values counts twice.

        The sum of shown numbers, so it tells nothing that the release hides.

        Args:
            dimension: one of the table.

        Returns:
            None if one of the numbers is hidden.
        """
        total = 0
        for figure in self.figures:
            if len(figure.where) == 1 and figure.where[0][0] == dimension:
                if figure.where[0][1] == NOT_STATED:
                    continue
                if figure.shown is None:
                    return None
                total += figure.shown
        return total

    @property
    def values(self) -> Sequence[tuple[str, str]]:
        """Return each dimension and value that a cell names, once, in their order."""
        places = (figure.where for figure in self.figures if figure.where != WITHOUT_CONSENT)
        return list(dict.fromkeys(one for where in places for one in where))

    @property
    def by_place(self) -> Mapping[Where, PublishedFigure]:
        """Return the figures by their dimensions and values."""
        return {figure.where: figure for figure in self.figures}


class ValueGoneError(Exception):
    """The agreement no longer has a value of an earlier table, so nothing protects that table.

    Attributes:
        dimension: name of its dimension.
        value: the value.
    """

    def __init__(self, dimension: str, value: str) -> None:
        super().__init__(dimension, value)
        self.dimension = dimension
        self.value = value


def publish(
    counts: Sequence[CountsOf],
    contract: Contract,
    figures: Figures,
    control: StatisticalControl,
    by: Sequence[str],
    earlier: Sequence[Published],
    of: Subject = "cases",
) -> Published:
    """Return the release of a table by some dimensions.

    Every release has the overview of the period: the total, the cells of the sources and of the
    recording, and the cases without consent. In the first release the overview is protected before
    the rest of the table, so that none of it is hidden for the sake of a smaller cell.

    Args:
        counts: of one period and agreement, one of each agency.
        contract: the agreement.
        figures: by what it counts cases, or referrals.
        control: its disclosure control.
        by: names of dimensions, each once.
        earlier: every earlier release of the period, of cases or of referrals, oldest first.
        of: of what the table is.

    Raises:
        ValueGoneError: the agreement no longer has a value of an earlier table.
        UnprotectedError: no choice of hidden figures is safe; nothing may be published.
        TooLargeError: the table has too many cells, or to protect it takes too much work.
    """
    require_few_cells(prod(1 + len(values_of(name, contract, figures)) for name in by))
    remembered = dict.fromkeys(value for one in earlier for value in one.values)
    if (gone := missing_value(remembered, contract, figures)) is not None:
        raise ValueGoneError(*gone)
    always = (SOURCE,) if figures.recording is None else (SOURCE, figures.recording)
    overview = [place for name in always for place in _places((name,), contract, figures)]
    overview = list(dict.fromkeys([*overview, WITHOUT_CONSENT]))
    places = list(dict.fromkeys([*_places(by, contract, figures), *overview]))
    used = {name for where in places for name, _ in where}
    used |= {name for name, _ in remembered}
    parts = [part for one in counts if (part := one.part(of)) is not None]
    atoms = _Atoms(parts, sorted(used - {WITHOUT_CONSENT[0][0]}), figures)

    def released(some: Sequence[Where], before: Sequence[Release]) -> Release:
        return protect(
            atoms.counts,
            [Cell(_key(one), atoms.of(one), limit_of(one, control, figures)) for one in some],
            round_to=control.round_to,
            secondary=control.secondary_suppression,
            earlier=before,
        )

    before = [_as_release(one, atoms) for one in earlier]
    try:
        release = released(places, before or [released(overview, [])])
    except UnprotectedError:
        if before:
            raise
        release = released(places, [])
    return Published(
        by=tuple(by),
        round_to=control.round_to,
        figures=tuple(
            PublishedFigure(
                where, one.cell.threshold, one.shown, one.mark, one.by_contributor, one.kept
            )
            for where, one in zip(places, release.figures, strict=True)
        ),
        contributors={one.agency: one.digest.hex() for one in parts},
        of=of,
    )


def limit_of(where: Where, control: StatisticalControl, figures: Figures) -> int:
    """Return the threshold of a cell.

    Args:
        where: its dimensions and values.
        control: terms of the agreement.
        figures: by what is counted.
    """
    names = [base_of(name, figures) or name for name, _ in where]
    return threshold_for(control, names, figures.area_dimensions)


def _places(names: Sequence[str], contract: Contract, figures: Figures) -> Iterator[Where]:
    """Yield the cells of a table with its margins, the total first."""
    for number in range(len(names) + 1):
        for some in combinations(names, number):
            for values in product(*(values_of(name, contract, figures) for name in some)):
                yield tuple(sorted(zip(some, values, strict=True)))


def _key(where: Where) -> str:
    return orjson.dumps(where).decode()


class _Atoms:
    """Counts by the dimensions that some cell names; the others are added up.

    Args:
        parts: one of each agency.
        names: these dimensions, sorted.
        figures: by what is counted.
    """

    def __init__(
        self, parts: Sequence[CountedPart], names: Sequence[str], figures: Figures
    ) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self._with: dict[tuple[str, str], set[str]] = {}
        for one in parts:
            bases = [base_of(name, figures) for name in names]
            positions = [
                one.dimensions.index(base or name) for name, base in zip(names, bases, strict=True)
            ]
            for values, cases in one.atoms.items():
                kept = [
                    values[position] if base is None else combined_values(values[position])
                    for position, base in zip(positions, bases, strict=True)
                ]
                atom = orjson.dumps(kept).decode()
                self._add(atom, one.agency, cases)
                for name, codes in zip(names, kept, strict=True):
                    for code in codes:
                        self._with.setdefault((name, code), set()).add(atom)
        self._cases = frozenset(self.counts)
        self._with[WITHOUT_CONSENT[0]] = {_WITHOUT_CONSENT_ATOM}
        for one in parts:
            self._add(_WITHOUT_CONSENT_ATOM, one.agency, one.without_consent)

    def _add(self, atom: str, agency: str, cases: int) -> None:
        of_atom = self.counts.setdefault(atom, {})
        of_atom[agency] = of_atom.get(agency, 0) + cases

    def of(self, where: Where) -> frozenset[str]:
        """Return the atoms of a cell."""
        if not where:
            return self._cases
        first, *others = (self._with.get(one, set()) for one in where)
        return frozenset(first.intersection(*others))


def _as_release(published: Published, atoms: _Atoms) -> Release:
    return Release(
        tuple(
            Figure(
                Cell(_key(one.where), atoms.of(one.where), one.threshold),
                one.shown,
                one.mark,
                one.by_contributor,
                one.kept,
            )
            for one in published.figures
        ),
        published.round_to,
    )
