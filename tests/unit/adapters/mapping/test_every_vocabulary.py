"""A mapping file can carry every field of every shipped vocabulary, in both directions.

The file of each test has one column for each field, named like the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.base import Context, Row
from adapters.full_events import opened
from adapters.mapped import _Loaded
from adapters.mapping import MemoryLinks, parse_mapping
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.format import FieldForm, Value
from contracts.vocabulary.known import named_vocabulary
from contracts.vocabulary.samples import sample_values

FORMS = {
    "day": "date", "time_of_day": "time", "instant": "datetime", "boolean": "flag",
    "uuid": "uuid", "agency": "partner",
}  # fmt: skip
TYPES = [
    (name, event_type)
    for name in ("hate-crime", "domestic-abuse", "victim-information")
    for event_type in named_vocabulary(name).event_types
]


def part(words: Vocabulary, column: str, path: str, value: Value) -> dict[str, Any]:
    """Return the column of a value that is no list."""
    found: dict[str, Any] = {"column": column, "paths": [path]}
    if value.code is not None:
        return found | {"kind": "code", "table": value.code}
    kind = value.kind or ""
    if kind in FORMS:
        return found | {"kind": FORMS[kind]}
    own = words.form.kinds.get(kind)
    if own is not None and own.integer is not None:
        limits = {"minimum": own.integer.lowest, "maximum": own.integer.highest}
        return found | {"kind": "integer"} | limits
    return found | {"limit": 8_000, "multiline": True}


def column(words: Vocabulary, path: str, form: FieldForm) -> dict[str, Any]:
    """Return the column of a field."""
    value = form.value
    if form.longest is None:
        return part(words, path, path, value)
    found: dict[str, Any] = {"column": path, "paths": [path]}
    if value.code is not None:
        return found | {"kind": "codes", "table": value.code}
    if value.object is None:
        return found | {"kind": "leaves" if value.kind == "leaf_path" else "texts", "limit": 8_000}
    fields = words.form.items[value.object].fields
    parts = [part(words, name, name, each.value) for name, each in fields.items()]
    return found | {"kind": "records", "parts": parts}


def lists(columns: list[dict[str, Any]]) -> Iterator[str]:
    for one in columns:
        if "table" in one:
            yield one["table"]
        yield from lists(one.get("parts", []))


def loaded(name: str, event_type: str) -> _Loaded:
    words = named_vocabulary(name)
    leaves = words.type(event_type).leaves
    ids = {words.case}
    number = next((p for p in ("referral_id", "request_id") if p in leaves), None)
    if words.referrals is not None:
        found = {words.referrals.made.id, words.referrals.changed.id} & leaves.keys()
        number = next(iter(found), number)
    ids |= {number} if number else set()
    columns = [column(words, path, leaf.form) for path, leaf in leaves.items() if path not in ids]
    kind: dict[str, Any] = {"type": event_type}
    if number:
        kind |= {"referral": "new", "referral_field": number}
    document = {
        "mapping": "every", "version": "1", "source": "a test", "vocabulary": name,
        "format": {"type": "csv"},
        "roles": {
            "kind": "Kind", "recipients": "To", "case": "Case", "shared_case": "Shared case",
            "referral": "Number", "shared_referral": "Shared number", "rest": "Rest",
        },
        "kinds": {"row": kind},
        "tables": {
            each: {"list": each, "codes": {code: code for code in words.code_lists[each].codes}}
            for each in sorted(set(lists(columns)))
        },
        "columns": columns,
    }  # fmt: skip
    return _Loaded(parse_mapping(json.dumps(document).encode(), "mapping.yaml"))


@pytest.mark.parametrize(("name", "event_type"), TYPES)
def test_a_written_event_reads_back_as_the_same_data(name: str, event_type: str) -> None:
    own = loaded(name, event_type)
    words = named_vocabulary(name)
    flat = dict(sample_values(words, event_type))
    names = sorted({"partner-one", "partner-two", *agencies(flat)})
    partners = {f"P{at}": agency for at, agency in enumerate(names)}
    context = Context("this-agency", partners, MemoryLinks())
    row = own.rows.to_row(opened(event_type, flat), context)
    content = own.format.write([row], own.written)
    (item,) = own.format.read(content, own.written)
    assert isinstance(item, Row)
    outgoing = own.rows.to_event(item, context)
    assert outgoing is not None
    back = words.type(event_type).flatten(outgoing.event.data)
    assert back == {path: ordered(words, event_type, path, flat[path]) for path in flat}
    rest = item.values["Rest"]
    assert isinstance(rest, str)
    assert not any(f"({path})" in rest for path in flat)


def ordered(words: Vocabulary, event_type: str, path: str, value: Any) -> Any:
    """Return a value as it is read: an unordered set of codes is in sorted order."""
    form = words.type(event_type).leaves[path].form
    return sorted(value) if form.set_of is not None and form.value.code is not None else value


def agencies(value: Any) -> Iterator[str]:
    """Yield every text that has the form of an agency's id."""
    if isinstance(value, str) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", value):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from agencies(each)
    elif isinstance(value, list):
        for each in value:
            yield from agencies(each)
