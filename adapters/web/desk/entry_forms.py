"""Forms that are generated from the vocabulary: what the browser sent, and faults for the page.

The name of an input is the path of its leaf. A day has three inputs (``.day``, ``.month``,
``.year``), an instant has a fourth (``.time``). The number of an item of a list follows the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from adapters.web.desk.wording import heading_words, id_of
from adapters.web.visit import Form
from broker.operations.desk.answers import AnswerProblem, Fault
from broker.operations.desk.entry_fields import EntryField
from contracts.phrases import N_, Phrase, grouped, joined, phrase

Faults: TypeAlias = Sequence[tuple[str, str]]
"""(id of the input, sentence) of each fault."""
MOST_ITEMS: Final = 20
"""Most items of a list that a page shows at once."""


def typed_texts(
    form: Form, fields: Iterable[EntryField]
) -> dict[str, Sequence[str] | list[dict[str, str]]]:
    """Return what a person typed for some fields, by leaf path."""
    return {
        field.path: _items(form, field) if field.control == "items" else _texts(form, field)
        for field in fields
    }


def _texts(form: Form, field: EntryField) -> list[str]:
    if field.control in ("day", "instant"):
        return [_day(form, field.path, with_time=field.control == "instant")]
    return [text for text in form.all(field.path) if text.strip()]


def _day(form: Form, path: str, *, with_time: bool) -> str:
    parts = [re.sub(r"[-\s]", "", form.text(f"{path}.{part}")) for part in ("year", "month", "day")]
    text = "-".join(parts) if any(parts) else ""
    time = form.text(f"{path}.time") if with_time else ""
    return f"{text} {time}".strip()


def _items(form: Form, field: EntryField) -> list[dict[str, str]]:
    found = []
    for number in range(min(field.most, MOST_ITEMS)):
        item = {part.path: form.text(f"{field.path}.{number}.{part.path}") for part in field.fields}
        if any(item.values()):
            found.append(item)
    return found


FAULTS: Final[Mapping[Fault, Phrase]] = {
    "missing": N_("Enter: %(field)s"),
    "needed": N_("Enter: %(field)s"),
    "not_a_number": N_("%(field)s must be a whole number"),
    "not_a_day": N_("%(field)s must be a real day, such as 27 3 2026"),
    "not_a_time": N_("%(field)s must be a time, such as 14:05"),
    "not_yes_or_no": N_("Choose yes or no: %(field)s"),
    "not_listed": N_("Choose from the list: %(field)s"),
    "too_long": N_("%(field)s must be %(most)s characters or fewer"),
    "too_many": N_("%(field)s must have %(most)s entries or fewer"),
    "wrong_form": N_("%(field)s is not in the form that is expected"),
}
"""Sentence for each fault."""
_CHOSEN: Final = frozenset({"yes_no", "one", "several"})
_CHOOSE: Final = N_("Choose: %(field)s")
_RANGE: Final = N_("%(field)s must be a whole number from %(lowest)s to %(highest)s")
_LIKE: Final = N_("%(field)s must be in this form: %(example)s")


def faults_of(
    problems: Iterable[AnswerProblem],
    fields: Iterable[EntryField],
) -> list[tuple[str, str]]:
    """Return (id of the input, sentence) of each problem.

    Args:
        problems: the problems.
        fields: the fields that were asked for.
    """
    by_path = {field.path: field for field in fields}
    return [(place_of(one), _sentence(one, by_path[one.path])) for one in problems]


def _sentence(problem: AnswerProblem, of: EntryField) -> Phrase:
    field = next((one for one in of.fields if one.path == problem.part), of)
    most = of.most if problem.fault == "too_many" else field.longest or 0
    said = phrase(
        _template(problem.fault, field),
        field=heading_words(field.label),
        most=grouped(most),
        lowest=field.lowest,
        highest=field.highest,
        example=field.example,
    )
    if problem.fault == "needed" and problem.detail:
        return joined(". ", (said, problem.detail))
    return said


def _template(fault: Fault, field: EntryField) -> Phrase:
    """Return the sentence for a fault of a field, with places for its values."""
    if fault in ("missing", "needed") and field.control in _CHOSEN:
        return _CHOOSE
    if fault == "not_a_number" and field.lowest is not None and field.highest is not None:
        return _RANGE
    if fault == "wrong_form" and field.example is not None:
        return _LIKE
    return FAULTS[fault]


def place_of(problem: AnswerProblem) -> str:
    """Return the id of the input that a problem is about."""
    if problem.item is None:
        return id_of(problem.path)
    place = f"{id_of(problem.path)}-{problem.item}"
    return place if problem.part is None else f"{place}-{problem.part}"
