"""Reading of what a person typed: texts become values of the event, and problems name the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from broker.event import JSON
from broker.keys.instant import format_instant
from broker.operations.desk.entry_fields import Control, EntryField
from broker.uk_time import UK
from contracts.errors import EventError
from contracts.vocabulary.event_types import EventType

Texts: TypeAlias = Mapping[str, "Sequence[str] | Sequence[Mapping[str, str]]"]
"""Typed answers by leaf path: texts, or for a list of objects one mapping for each."""
Fault: TypeAlias = Literal[
    "missing", "needed", "not_a_number", "not_a_day", "not_a_time", "not_yes_or_no", "not_listed",
    "too_long", "too_many", "wrong_form",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerProblem:
    """One reason why what a person typed cannot be sent.

    Attributes:
        path: leaf path.
        fault: what is wrong.
        item: number of the item of a list, from 0.
        part: name of the field of the item.
        detail: a rule of the vocabulary in words, for `needed`; what is expected, for `wrong_form`.
    """

    path: str
    fault: Fault
    item: int | None = None
    part: str | None = None
    detail: str = ""


_IN_LIST: Final = re.compile(r"\[([0-9]+)\](?:\.([a-z_]+))?")


class _WrongError(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


def read_answers(
    of_type: EventType, fields: Sequence[EntryField], texts: Texts
) -> tuple[dict[str, JSON], tuple[AnswerProblem, ...]]:
    """Return the leaves that the texts state, and every problem.

    Args:
        of_type: type of the event.
        fields: the fields that were asked for.
        texts: what the person typed; what was not asked for is not read.
    """
    flat: dict[str, JSON] = {}
    problems: list[AnswerProblem] = []
    for field in fields:
        value, found = _value(field, texts.get(field.path, ()))
        if not found and value is not None:
            value, found = _accepted(of_type, field, value)
        if not found and value is not None:
            flat[field.path] = value
        elif not found and field.required:
            found = [AnswerProblem(field.path, "missing")]
        problems += found
    asked = [field.path for field in fields]
    faulty = {problem.path for problem in problems}
    lacking = of_type.lacking(flat.keys()) & frozenset(asked) - faulty
    problems += [AnswerProblem(path, "missing") for path in asked if path in lacking]
    problems += [
        AnswerProblem(path, "needed", detail=condition.text)
        for condition in of_type.conditions
        for path in condition.required
        if path in asked and path not in faulty | lacking and _lacks(condition.missing, flat, path)
    ]
    order = {path: number for number, path in enumerate(asked)}
    return flat, tuple(sorted(problems, key=lambda one: order[one.path]))


def _lacks(
    missing: Callable[[Mapping[str, object], Sequence[str]], str | None],
    flat: Mapping[str, JSON],
    path: str,
) -> bool:
    return missing(flat, (path,)) == path


def _accepted(
    of_type: EventType, field: EntryField, value: JSON
) -> tuple[JSON, list[AnswerProblem]]:
    """Return the value as it is typed, or in the spelling that the vocabulary expects."""
    found = _checked(of_type, field.path, value)
    if found and field.example is not None and isinstance(value, str):
        for spelling in _spellings(value):
            if not _checked(of_type, field.path, spelling):
                return spelling, []
    return value, found


def _spellings(text: str) -> tuple[str, ...]:
    """Return a text in capitals, without spaces, and as a postcode: `nw11aa` is NW1 1AA."""
    capitals = text.upper()
    joined = "".join(capitals.split())
    return capitals, joined, f"{joined[:-_INWARD]} {joined[-_INWARD:]}"


def _checked(of_type: EventType, path: str, value: JSON) -> list[AnswerProblem]:
    """Check one value against the vocabulary."""
    try:
        of_type.restricted(frozenset({path})).check({path: value})
    except EventError as error:
        place = _IN_LIST.fullmatch((error.where or "").removeprefix(path))
        item, part = (int(place[1]), place[2]) if place else (None, None)
        return [AnswerProblem(path, "wrong_form", item, part, error.detail)]
    return []


def _value(
    field: EntryField, typed: Sequence[str] | Sequence[Mapping[str, str]]
) -> tuple[JSON | None, list[AnswerProblem]]:
    if field.control == "items":
        return _items(field, [one for one in typed if isinstance(one, Mapping)])
    texts = [one.strip() for one in typed if isinstance(one, str) and one.strip()]
    if field.control == "texts":
        texts = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    if not texts:
        return None, []
    try:
        several = field.control in ("several", "texts")
        return _several(field, texts) if several else _one(field, texts[0]), []
    except _WrongError as wrong:
        return None, [AnswerProblem(field.path, wrong.fault)]


def _several(field: EntryField, texts: list[str]) -> JSON:
    if len(texts) > field.most:
        raise _WrongError("too_many")
    if field.options and not field.others and not field.options.keys() >= set(texts):
        raise _WrongError("not_listed")
    return list(texts)


def _items(
    field: EntryField, typed: Sequence[Mapping[str, str]]
) -> tuple[JSON | None, list[AnswerProblem]]:
    items: list[JSON] = []
    problems: list[AnswerProblem] = []
    for number, one in enumerate(typed):
        texts = {part.path: one.get(part.path, "").strip() for part in field.fields}
        if not any(texts.values()):
            continue
        item: dict[str, JSON] = {}
        for part in field.fields:
            text = texts[part.path]
            try:
                if text:
                    item[part.path] = _one(part, text)
                elif part.required:
                    raise _WrongError("missing")
            except _WrongError as wrong:
                problems.append(AnswerProblem(field.path, wrong.fault, number, part.path))
        items.append(item)
    if len(items) > field.most:
        problems.append(AnswerProblem(field.path, "too_many"))
    return (items or None), problems


def _one(field: EntryField, text: str) -> JSON:
    read = _READERS.get(field.control)
    if read is not None:
        return read(field, text)
    if field.longest is not None and len(text) > field.longest:
        raise _WrongError("too_long")
    return text


def _number(field: EntryField, text: str) -> JSON:
    if not re.fullmatch(r"-?[0-9]{1,10}", text):
        raise _WrongError("not_a_number")
    number = int(text)
    low, high = field.lowest, field.highest
    if (low is not None and number < low) or (high is not None and number > high):
        raise _WrongError("not_a_number")
    return number


def _yes_no(_field: EntryField, text: str) -> JSON:
    if text not in ("yes", "no"):
        raise _WrongError("not_yes_or_no")
    return text == "yes"


def _code(field: EntryField, text: str) -> JSON:
    if text not in field.options and not field.others:
        raise _WrongError("not_listed")
    return text


def _day(_field: EntryField, text: str) -> JSON:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise _WrongError("not_a_day") from None


def _time(_field: EntryField, text: str) -> JSON:
    found = re.fullmatch(r"([0-9]{1,2})[:.]([0-9]{2})", text)
    if found is None or int(found[1]) > _LAST_HOUR or int(found[2]) > _LAST_MINUTE:
        raise _WrongError("not_a_time")
    return f"{int(found[1]):02d}:{found[2]}"


def _instant(_field: EntryField, text: str) -> JSON:
    """Read a day and a time in the United Kingdom, such as ``2026-11-30 14:05``."""
    try:
        local = datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M").replace(tzinfo=UK)
    except ValueError:
        raise _WrongError("not_a_time") from None
    return format_instant(int(local.timestamp()) * 1000)


_INWARD: Final = 3
"""Characters of the second half of a postcode."""
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59
_READERS: Final[Mapping[Control, Callable[[EntryField, str], JSON]]] = {
    "number": _number,
    "yes_no": _yes_no,
    "one": _code,
    "day": _day,
    "time": _time,
    "instant": _instant,
}
