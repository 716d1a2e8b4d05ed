"""Facts: codes of one event about a case for figures, without what identifies a person.

A leaf gives a value only if the agreement lets it be used for statistics (docs/spec/figures.md,
"Facts").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from contracts.events import JSON
from contracts.model import Contract
from contracts.terms import EventTerms
from contracts.vocabulary.figures import Figures
from contracts.vocabulary.figures_forms import CorrectionForm

__all__ = ["Corrected", "Fact", "case_figures", "fact_of", "format_fact", "parse_fact"]


@dataclass(frozen=True, slots=True)
class Corrected:
    """Part of an earlier event that an event withdraws.

    Attributes:
        source: agency of the earlier event.
        event: its id.
        dimensions: names of the dimensions of which a leaf is withdrawn, sorted.
        answer: whether the answer about consent is withdrawn.
    """

    source: str
    event: str
    dimensions: tuple[str, ...]
    answer: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """Statement of one event about a case.

    Attributes:
        source: agency of the event.
        event: its id.
        time_ms: when it was said, ms.
        values: dimension to its codes, sorted; only dimensions that the event says something about.
        asked: whether an event of its type asks for the consent that figures need.
        answer: the answer; None if the event has none.
        corrected: what it withdraws; None if it corrects nothing.
    """

    source: str
    event: str
    time_ms: int
    values: Mapping[str, tuple[str, ...]]
    asked: bool = False
    answer: bool | None = None
    corrected: Corrected | None = None


def case_figures(contract: Contract) -> Figures | None:
    """Return what figures count under an agreement; None if it has no purpose of statistics."""
    return contract.vocabulary.figures if contract.statistics_purposes else None


def fact_of(
    contract: Contract,
    figures: Figures,
    event_type: str,
    flat: Mapping[str, JSON],
    source: str,
    event: str,
    time_ms: int,
) -> Fact:
    """Return what an event says for figures.

    Args:
        contract: agreement of the event.
        figures: what it counts (``counts``).
        event_type: type of the event, which the agreement has.
        flat: valid leaves by dotted path.
        source: agency of the event.
        event: id of the event.
        time_ms: when it was said, ms.
    """
    terms = contract.event_types[event_type]
    values: dict[str, tuple[str, ...]] = {}
    for name, dimension in figures.dimensions.items():
        path = dimension.leaves.get(event_type)
        if path is not None and path in flat and _for_statistics(contract, terms, path):
            found = tuple(sorted(set(_codes(flat[path]))))
            if found:
                values[name] = found
    rule = figures.corrected
    corrects = rule is not None and rule.type == event_type
    answer = flat.get(figures.answer) if figures.answer is not None else None
    return Fact(
        source=source,
        event=event,
        time_ms=time_ms,
        values=values,
        asked=figures.answer in terms.fields and not corrects,
        answer=answer if isinstance(answer, bool) else None,
        corrected=_corrected(figures, rule, flat) if rule is not None and corrects else None,
    )


def _for_statistics(contract: Contract, terms: EventTerms, path: str) -> bool:
    field = terms.fields.get(path)
    return field is not None and not contract.statistics_purposes.isdisjoint(field.purposes)


def _codes(value: JSON) -> list[str]:
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(code) for code in value] if isinstance(value, list) else [str(value)]


def _corrected(
    figures: Figures, rule: CorrectionForm, flat: Mapping[str, JSON]
) -> Corrected | None:
    source, event, withdrawn = (flat.get(path) for path in (rule.source, rule.id, rule.withdrawn))
    if not isinstance(source, str) or not isinstance(event, str):
        return None
    paths = {str(path) for path in withdrawn} if isinstance(withdrawn, list) else set()
    return Corrected(
        source=source,
        event=event,
        dimensions=tuple(
            sorted(
                name
                for name, dimension in figures.dimensions.items()
                if not paths.isdisjoint(dimension.leaves.values())
            )
        ),
        answer=figures.answer in paths,
    )


def format_fact(fact: Fact) -> bytes:
    """Format a fact for the state; source and event id stand beside it."""
    corrected = fact.corrected
    return orjson.dumps(
        {
            "time": fact.time_ms,
            "values": dict(fact.values),
            "asked": fact.asked,
            "answer": fact.answer,
            "corrected": None
            if corrected is None
            else [corrected.source, corrected.event, corrected.dimensions, corrected.answer],
        }
    )


def parse_fact(source: str, event: str, content: bytes) -> Fact:
    """Return the fact that ``formatted`` wrote."""
    said = orjson.loads(content)
    corrected = said["corrected"]
    return Fact(
        source=source,
        event=event,
        time_ms=said["time"],
        values={name: tuple(codes) for name, codes in said["values"].items()},
        asked=said["asked"],
        answer=said["answer"],
        corrected=None
        if corrected is None
        else Corrected(corrected[0], corrected[1], tuple(corrected[2]), corrected[3]),
    )
