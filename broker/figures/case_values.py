"""Facts of a case, folded into its value of each dimension.

A pure function of a set: neither the order of arrival nor a repeat changes the result
(docs/spec/figures.md, "Facts of a case").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from broker.figures.facts import Corrected, Fact
from contracts.parties import Party
from contracts.vocabulary.figures import (
    NOT_STATED,
    SEVERAL_AREAS,
    SOURCE,
    THIRD_PARTY_REPORT,
    UNIT_AREA,
    Dimension,
    Figures,
)

__all__ = ["CaseValues", "Stated", "after_corrections", "consented", "values_of_case"]

CaseValues: TypeAlias = Mapping[str, tuple[str, ...]]
"""Dimension to the values of a case, sorted; one value unless the dimension has several."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact without what corrections withdrew."""

    source: str
    event: str
    values: Mapping[str, tuple[str, ...]]
    asked: bool
    answer: bool | None


def values_of_case(
    facts: Iterable[Fact], figures: Figures, parties: Mapping[str, Party], agency: str
) -> CaseValues | None:
    """Return the values of a case; None if it is not counted for want of consent.

    Args:
        facts: of one case, in any order; a second fact of the same event is passed over.
        figures: what is counted.
        parties: parties of the agreement by agency id.
        agency: the agency that minted the case.
    """
    stated = after_corrections(facts)
    if figures.answer is not None and not consented(stated):
        return None
    values = {
        name: _value(dimension, stated)
        for name, dimension in figures.dimensions.items()
        if name != figures.recording
    }
    if figures.recording is not None:
        value, recorder = _recording(figures.recording, stated, parties)
        values[figures.recording] = (value,)
        values[UNIT_AREA] = (_area(figures, parties.get(recorder)),)
    party = parties.get(agency)
    values[SOURCE] = (NOT_STATED if party is None else party.role,)
    return values


def after_corrections(facts: Iterable[Fact]) -> list[Stated]:
    """Return the facts in their order, each once and without what its own agency withdrew."""
    once = {(fact.source, fact.event): fact for fact in facts}
    withdrawn: dict[tuple[str, str], list[Corrected]] = {}
    for fact in once.values():
        if fact.corrected is not None and fact.corrected.source == fact.source:
            withdrawn.setdefault((fact.source, fact.corrected.event), []).append(fact.corrected)
    ordered = sorted(once.values(), key=lambda fact: (fact.time_ms, fact.source, fact.event))
    return [_without(fact, withdrawn.get((fact.source, fact.event), [])) for fact in ordered]


def _without(fact: Fact, corrections: Sequence[Corrected]) -> Stated:
    gone = {name for one in corrections for name in one.dimensions}
    return Stated(
        fact.source,
        fact.event,
        {name: codes for name, codes in fact.values.items() if name not in gone},
        fact.asked,
        None if any(one.answer for one in corrections) else fact.answer,
    )


def consented(stated: Sequence[Stated]) -> bool:
    """Return whether the last answer is yes, or no event asked."""
    answers = [one.answer for one in stated if one.answer is not None]
    return answers[-1] if answers else not any(one.asked for one in stated)


def _value(dimension: Dimension, stated: Sequence[Stated]) -> tuple[str, ...]:
    last = {
        one.source if dimension.several else "": one.values[dimension.name]
        for one in stated
        if dimension.name in one.values
    }
    return tuple(sorted({code for codes in last.values() for code in codes})) or (NOT_STATED,)


def _recording(
    name: str, stated: Sequence[Stated], parties: Mapping[str, Party]
) -> tuple[str, str]:
    """Return as what the case was recorded, and the agency that recorded it; or an empty name."""
    stating = [one for one in stated if name in one.values]
    recorded = [one for one in stating if not _takes_reports(parties.get(one.source))]
    if recorded:
        return recorded[-1].values[name][0], recorded[-1].source
    return (THIRD_PARTY_REPORT if stating else NOT_STATED), ""


def _takes_reports(party: Party | None) -> bool:
    return party is not None and party.third_party_reporting


def _area(figures: Figures, party: Party | None) -> str:
    if party is None:
        return NOT_STATED
    area, *others = party.area
    return area if area in figures.areas and not others else SEVERAL_AREAS
