"""Sample values of the fields of a vocabulary, always the same.

A vocabulary that comes with the software has a file of samples, `NAME.examples.json`. Where a field
is not in it, and for all other vocabularies, the value follows from the field's own kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from contracts.vocabulary.event_types import JSON
from contracts.vocabulary.format import FieldForm, Value, VocabularyForm
from contracts.vocabulary.patterns import parse_pattern
from contracts.vocabulary.vocabulary import Vocabulary

__all__ = ["sample_values"]

_FOLDER: Final = Path(__file__).parents[1] / "vocabularies"
_BUILT_IN: Final[Mapping[str, JSON]] = {
    "uuid": "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38",
    "day": "2025-03-08",
    "time_of_day": "21:40",
    "instant": "2025-03-08T21:40:00.000Z",
    "agency": "other-agency-1",
    "email": "zephyrine@mail.example",
    "language": "bfi",
    "leaf_path": "note",
    "boolean": True,
}


def sample_values(vocabulary: Vocabulary, event_type: str) -> Mapping[str, JSON]:
    """Return a valid value for each leaf of an event type, by path; every consent is given.

    Raises:
        EventError: `type_unknown`.
    """
    written = _written(vocabulary.form.vocabulary)
    known = {**written.get("shared", {}), **written.get("own", {}).get(event_type, {})}
    return {
        path: known[path] if path in known else _field(vocabulary.form, leaf.form)
        for path, leaf in vocabulary.type(event_type).leaves.items()
    }


@cache
def _written(name: str) -> dict[str, Any]:
    path = _FOLDER / f"{name}.examples.json"
    content: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return content


def _field(form: VocabularyForm, field: FieldForm) -> JSON:
    value = _value(form, field.value)
    return value if field.longest is None else [value]


def _value(form: VocabularyForm, value: Value) -> JSON:
    if value.object is not None:
        fields = form.items[value.object].fields
        return {name: _value(form, each.value) for name, each in fields.items()}
    if value.code is not None:
        return next(iter(form.code_lists[value.code].codes))
    assert value.kind is not None
    if value.kind in _BUILT_IN:
        return _BUILT_IN[value.kind]
    kind = form.kinds[value.kind]
    if kind.integer is not None:
        return max(kind.integer.lowest, min(kind.integer.highest, 1))
    if kind.text is not None:
        return ("Sample text. " * (kind.text.shortest // 13 + 1))[: kind.text.longest].strip()
    assert kind.pattern is not None
    return "".join(
        min(step.characters, key=lambda one: (not one.isalnum(), one)) * max(step.fewest, 1)
        for step in parse_pattern(kind.pattern)
    )
