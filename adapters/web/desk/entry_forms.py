"""Forms that are generated from the vocabulary: what the browser sent, and faults for the page.

The name of an input is the path of its leaf. A day has three inputs (``.day``, ``.month``,
``.year``), an instant has a fourth (``.time``). The number of an item of a list follows the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from adapters.web.desk.wording import FAULTS, label_at, place_of
from adapters.web.visit import Form
from broker.operations.desk.answers import Problem
from broker.operations.desk.entry_fields import EntryField

MOST_ITEMS: Final = 20
"""Most items of a list that a page shows at once."""


def texts_of(
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


def faults_of(
    problems: Iterable[Problem],
    fields: Iterable[EntryField],
    translate: Callable[[str], str],
) -> list[tuple[str, str]]:
    """Return (id of the input, sentence) of each problem.

    Args:
        problems: the problems.
        fields: the fields that were asked for.
        translate: returns a text in the reader's language.
    """
    by_path = {field.path: field for field in fields}
    found = []
    for problem in problems:
        sentence = translate(FAULTS[problem.fault]) % {"field": label_at(problem, by_path)}
        if problem.detail and problem.fault in ("needed", "wrong_form"):
            sentence = f"{sentence}. {problem.detail}"
        found.append((place_of(problem), sentence))
    return found
