"""Figures part of a vocabulary, compiled and checked: the dimensions by which cases are counted.

A dimension names one leaf of each event type that gives its value. The leaf has a code or a truth
value and identifies no person, so what is kept of a case for figures is depersonalised
(docs/spec/figures.md, "Counting").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from contracts.strict_yaml import Fault, TreePath
from contracts.vocabulary.figures_forms import CorrectionForm, DimensionForm, FiguresForm
from contracts.vocabulary.format import FieldForm, VocabularyForm

__all__ = [
    "NOT_STATED", "ONE_ALONE", "SEVERAL_AREAS", "SOURCE", "THIRD_PARTY_REPORT", "UNIT_AREA",
    "Dimension", "Figures", "compiled_figures", "faulty_figures",
]  # fmt: skip

SOURCE: Final = "source"
"""Dimension that every partnership has: the role of the agency that minted the case."""
UNIT_AREA: Final = "unit_area"
"""Dimension with `recording`: the area of the agency that recorded the case."""
NOT_STATED: Final = "not-stated"
"""Value of a dimension about which no event says anything."""
THIRD_PARTY_REPORT: Final = "third-party-report"
"""Value of the recording dimension of a case that only third-party reporting services stated."""
SEVERAL_AREAS: Final = "several-areas"
"""Value of the area of an agency that has several."""
ONE_ALONE: Final = "one-alone"
"""Value in combination of a case that has one value of a dimension with several."""
_TRUTH: Final[Mapping[str, str]] = {"true": "Yes", "false": "No"}


@dataclass(frozen=True, slots=True)
class Dimension:
    """One characteristic by which cases are counted.

    Attributes:
        label: the characteristic in words.
        several: whether a case may have several values at once.
        codes: value to its label, in the order of the code list; `NOT_STATED` is not in it.
        leaves: event type to the leaf path that gives the value; empty for `SOURCE` and
            `UNIT_AREA`, which follow from the agencies.
    """

    name: str
    label: str
    several: bool
    codes: Mapping[str, str]
    leaves: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """Dimensions and rules of counting.

    Attributes:
        dimensions: name to dimension, in the order of the file.
        answer: leaf path of the answer about consent to statistics; None if none is needed.
        corrected: event type that corrects an earlier event; None if none does.
        recording: name of the dimension that says as what a case was recorded; None if none does.
        third_party: name in words of a case that only third-party reporting services stated.
        areas: code of an area to its name; empty without `recording`.
        area_dimensions: names of the dimensions whose values are areas.
    """

    dimensions: Mapping[str, Dimension]
    answer: str | None
    corrected: CorrectionForm | None
    recording: str | None
    third_party: str
    areas: Mapping[str, str]
    area_dimensions: frozenset[str] = frozenset()


def compiled_figures(form: VocabularyForm) -> Figures | None:
    """Return the figures part of a vocabulary whose references were checked; None without one."""
    part = form.figures
    if part is None:
        return None
    answers = {} if form.consent is None else form.consent.answers
    recording = part.recording
    areas = {} if recording is None else form.code_lists[recording.areas].codes
    dimensions = {
        name: Dimension(name, one.label, one.several, _codes(form, one), one.leaves)
        for name, one in part.dimensions.items()
    }
    of_areas = {name for name, one in dimensions.items() if areas and one.codes == areas}
    return Figures(
        dimensions=MappingProxyType(dimensions),
        answer=next((path for path, scope in answers.items() if scope == part.consent), None),
        corrected=part.corrected,
        recording=None if recording is None else recording.dimension,
        third_party="" if recording is None else recording.third_party,
        areas=areas,
        area_dimensions=frozenset() if recording is None else frozenset({UNIT_AREA, *of_areas}),
    )


def _codes(form: VocabularyForm, dimension: DimensionForm) -> Mapping[str, str]:
    event_type, path = next(iter(dimension.leaves.items()))
    fields = {name: field for name, field, _, _ in form.leaves_of(event_type)}
    code = fields[path].value.code
    return _TRUTH if code is None else form.code_lists[code].codes


def faulty_figures(
    form: VocabularyForm, leaves: Mapping[str, Mapping[str, FieldForm]]
) -> Iterator[Fault]:
    """Yield each name of the figures part that is not defined, and each part that does not fit.

    Args:
        form: the vocabulary.
        leaves: event type to its leaves by path.
    """
    part = form.figures
    if part is None:
        return
    at: TreePath = ("figures",)
    scopes = {} if form.consent is None else form.consent.scopes
    if part.consent is not None and part.consent not in scopes:
        yield (*at, "consent"), f"{part.consent} is not a scope"
    for name, dimension in part.dimensions.items():
        yield from _dimension((*at, "dimensions", name), form, name, dimension, leaves)
    yield from _correction(part, leaves)
    yield from _recording(part, form)


def _dimension(
    at: TreePath,
    form: VocabularyForm,
    name: str,
    dimension: DimensionForm,
    leaves: Mapping[str, Mapping[str, FieldForm]],
) -> Iterator[Fault]:
    if name in {SOURCE, UNIT_AREA}:
        yield at, "this dimension follows from the agencies and keeps its meaning"
    values: set[str] = set()
    for event_type, path in dimension.leaves.items():
        field = leaves.get(event_type, {}).get(path)
        place: TreePath = (*at, "leaves", event_type)
        if field is None:
            yield place, f"{path} is not a field of {event_type}"
            continue
        value = field.value
        if value.code is None and value.kind != "boolean":
            yield place, f"{path} has neither a code nor a truth value"
            continue
        values.add(value.code or "boolean")
        if field.identifies:
            yield place, f"{path} identifies a person, and figures must not"
        if field.longest is not None and not dimension.several:
            yield place, f"{path} has several values, so the dimension needs several: true"
        yield from _fits(place, form, value.code)
    if len(values) > 1:
        yield at, "the fields of a dimension have one code list"


def _fits(at: TreePath, form: VocabularyForm, name: str | None) -> Iterator[Fault]:
    """Yield a fault if a list takes codes that it does not have, or those of the engine."""
    if name is None:
        return
    listed = form.code_lists[name]
    if listed.others is not None:
        yield at, f"figures are counted by {name}, so this list cannot have others"
    for code in (NOT_STATED, ONE_ALONE, THIRD_PARTY_REPORT, SEVERAL_AREAS):
        if code in listed.codes:
            yield at, f"{name} has the code {code}, which figures use with a meaning of their own"


def _correction(
    part: FiguresForm, leaves: Mapping[str, Mapping[str, FieldForm]]
) -> Iterator[Fault]:
    corrected = part.corrected
    if corrected is None:
        return
    at: TreePath = ("figures", "corrected")
    fields = leaves.get(corrected.type)
    if fields is None:
        yield (*at, "type"), f"{corrected.type} is not an event type of this file"
        return
    for member, kind, several in (
        ("source", "agency", False),
        ("id", "uuid", False),
        ("withdrawn", "leaf_path", True),
    ):
        path = getattr(corrected, member)
        field = fields.get(path)
        if field is None or field.value.kind != kind or (field.longest is not None) != several:
            what = f"a list or set of the kind {kind}" if several else f"of the kind {kind}"
            yield (*at, member), f"{path} is not a field of {corrected.type} that is {what}"


def _recording(part: FiguresForm, form: VocabularyForm) -> Iterator[Fault]:
    recording = part.recording
    if recording is None:
        return
    at: TreePath = ("figures", "recording")
    dimension = part.dimensions.get(recording.dimension)
    if dimension is None or dimension.several:
        yield (*at, "dimension"), f"{recording.dimension} is not a dimension of one value"
    if recording.areas not in form.code_lists:
        yield (*at, "areas"), f"{recording.areas} is not a code list of this file"
    else:
        yield from _fits((*at, "areas"), form, recording.areas)
