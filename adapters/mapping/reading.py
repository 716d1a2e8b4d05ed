"""Conversion of one column value to one leaf: dates, codes, limits, lists.

Reading is strict: a code that the table does not know, a date that does not exist or a text over
its limit is refused, never cut, passed through or guessed. Absent and unreadable differ: a value
that means 'not recorded' becomes no leaf (``is_absent``); any other value is read or refused.
``writing`` is the inverse.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from adapters.base import Context, FilePlace, MappingError
from adapters.formats.delimited import split_escaped
from adapters.mapping.characters import check_characters
from adapters.mapping.document import MappingDocument
from adapters.mapping.linking import partner_agency, referral_by_reference
from adapters.mapping.localtime import (
    has_short_year,
    in_century,
    parse_strictly,
    to_utc,
    zone_named,
)
from adapters.mapping.parts import LIST_KINDS, Column, ValueKind
from adapters.mapping.references import check_not_error, check_not_made, check_uuid
from broker.clock import now_ms
from broker.event import JSON

MAX_ITEMS = 100
"""Maximum number of items in one list."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Context for reading and writing a value.

    Attributes:
        document: the mapping file.
        context: partners and links.
        leaf_of: own column -> leaf of the current event type.
        column_of: leaf of the current event type -> own column.
        unlisted: whether the value may have codes that its list lacks; they are written as they
            are.
    """

    document: MappingDocument
    context: Context
    leaf_of: Mapping[str, str]
    column_of: Mapping[str, str]
    unlisted: bool = False


def is_absent(column: Column, value: object) -> bool:
    """Return whether a raw value means that nothing is recorded.

    This is the case for an absent column, null, blank text, or an empty list where a list is
    expected. Any other value is read or refused.
    """
    if isinstance(value, str):
        return not value.strip()
    return value is None or (value == [] and column.kind in LIST_KINDS)


def read_value(column: Column, value: object, place: FilePlace, terms: Terms) -> JSON | None:
    """Convert one raw value to a leaf.

    Args:
        column: its declaration.
        value: text, or a native value of a JSON or XML record; not empty.
        place: for errors.
        terms: tables, partners, links.

    Returns:
        The leaf, or None when the agency's code says 'not recorded'.

    Raises:
        MappingError: the value is refused.
    """
    return _READERS[column.kind](column, value, place, terms)


def raw_text(value: object, place: FilePlace) -> str:
    """Return a raw value as text without surrounding blanks. Raises MappingError(invalid_value)."""
    if isinstance(value, str):
        return value.strip()
    raise place.error(
        "invalid_value",
        f"a text is expected here, not {_kind_of(value)}",
        fix="Export the value as text, in quotes.",
    )


def _kind_of(value: object) -> str:
    """Return the kind of a native value, for a reason that does not repeat the value."""
    if value is None:
        return "null"
    names = {bool: "true or false", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")


def _text(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    text = raw_text(value, place).replace("\r\n", "\n")
    if len(text) > column.limit:
        raise place.error(
            "text_too_long",
            f"the text is longer than {column.limit} characters",
            fix="Shorten it in the source system.",
        )
    if column.reference:
        check_not_made(text, place)
    check_not_error(text, place)
    check_characters(text, place, multiline=column.multiline)
    return text


def _code(column: Column, value: object, place: FilePlace, terms: Terms) -> str | None:
    document = terms.document
    table = document.tables[column.table or ""]
    text = raw_text(value, place)
    if text in table.absent:
        return None
    shared = table.codes.get(text) or table.accepted.get(text)
    if shared is None:
        raise place.error(
            "unknown_value",
            f"the value is not in the code list '{column.table}' of the mapping "
            f"{document.mapping} {document.version}",
            fix="Correct the record, or add the code to the mapping file.",
        )
    return shared


def _codes(column: Column, value: object, place: FilePlace, terms: Terms) -> JSON | None:
    found = [_code(column, item, place, terms) for item in _items(column, value, place)]
    # Sorted, because a set has no first element: no strand may look like the main one.
    codes: list[JSON] = []
    codes.extend(sorted({code for code in found if code is not None}))
    return codes or None


def _texts(column: Column, value: object, place: FilePlace, terms: Terms) -> JSON:
    return [_text(column, item, place, terms) for item in _items(column, value, place)]


def _integer(column: Column, value: object, place: FilePlace, terms: Terms) -> int:
    native = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9
    expected = f"a whole number from {column.minimum} to {column.maximum} is expected"
    if not native and not isinstance(value, str):
        raise place.error("invalid_value", expected)
    text = str(value).strip()
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise place.error("invalid_value", expected)
    number = int(text)
    if not column.minimum <= number <= column.maximum:
        raise place.error("invalid_value", expected)
    return number


def _flag(column: Column, value: object, place: FilePlace, terms: Terms) -> bool | None:
    if isinstance(value, bool):
        return value
    flags = terms.document.flags
    if not isinstance(value, str):
        expected = f"true, false or one of {', '.join(flags.codes)} is expected"
        raise place.error("invalid_value", expected)
    text = value.strip()
    if text in flags.absent:
        return None
    answer = flags.readable.get(text)
    if answer is None:
        raise place.error("unknown_value", f"one of {', '.join(flags.codes)} is expected")
    return answer == "true"


def _leaf(item: object, place: FilePlace, terms: Terms) -> str:
    text = raw_text(item, place)
    leaf = terms.leaf_of.get(text)
    if leaf is None and terms.document.has_field(text):
        return text  # a field without a column is written by its path
    if leaf is None:
        raise place.error("unknown_column", "each item is the name of a column of this export")
    return leaf


def _leaves(column: Column, value: object, place: FilePlace, terms: Terms) -> JSON:
    return [_leaf(item, place, terms) for item in _items(column, value, place)]


def _record(column: Column, record: object, place: FilePlace, terms: Terms) -> JSON:
    if isinstance(record, str):
        texts = split_escaped(record, column.part_separator)
        if len(texts) != len(column.parts):
            names = column.part_separator.join(part.column for part in column.parts)
            raise place.error("invalid_value", f"each item has the parts {names}")
        record = {part.column: text for part, text in zip(column.parts, texts, strict=True)}
    if not isinstance(record, Mapping):
        raise place.error("invalid_value", "each item is a record")
    if not {part.column for part in column.parts}.issuperset(record):
        raise place.error("unknown_column", "a record has a part that the mapping does not know")
    found: dict[str, JSON] = {}
    for part in column.parts:
        raw = record.get(part.column)
        if is_absent(part, raw):
            continue
        value = read_value(part, raw, place.at(f"{column.column}.{part.column}"), terms)
        if value is not None:
            found[part.paths[0]] = value
    if not found:
        raise place.error("invalid_value", "an item of the list has no value in any part")
    return found


def _records(column: Column, value: object, place: FilePlace, terms: Terms) -> JSON:
    return [_record(column, item, place, terms) for item in _items(column, value, place)]


def _date(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    formats = column.formats or terms.document.date_formats
    text = raw_text(value, place)
    for pattern in formats:
        moment = _read_moment(text, pattern, column, terms)
        if moment is not None:
            _check_past(moment, column, place, terms)
            return moment.strftime("%Y-%m-%d")
    raise _date_error(formats, place, "date")


def _time(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    formats = column.formats or terms.document.time_formats
    text = raw_text(value, place)
    for pattern in formats:
        moment = _read_moment(text, pattern, column, terms)
        if moment is not None:
            return moment.strftime("%H:%M")
    raise _date_error(formats, place, "time")


_EXAMPLE: Final = datetime(2026, 11, 3, 21, 40)
_ZONE_NAME: Final = re.compile(r" ([A-Z]{2,5})$")


def _moment(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    formats = column.formats or terms.document.datetime_formats
    text, name = raw_text(value, place), ""
    zone = zone_named(terms.document.zone)
    if (named := _ZONE_NAME.search(text)) is not None:
        text, name = text[: named.start()], named[1]
    for pattern in formats:
        moment = _read_moment(text, pattern, column, terms)
        if moment is None or (name and pattern.endswith("Z")):
            continue
        _check_past(moment, column, place, terms)
        utc = moment if pattern.endswith("Z") else to_utc(moment, name, zone)
        if utc is None:
            raise place.error(
                "invalid_date",
                "the clocks changed: this local time did not happen, or happened twice",
                fix="Write the name of the zone after the time (in the UK GMT or BST).",
            )
        return utc.isoformat(timespec="milliseconds") + "Z"
    raise _date_error(formats, place, "date and time")


def _uuid(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    text = raw_text(value, place).lower()
    try:
        canonical = str(uuid.UUID(text))
    except ValueError:
        canonical = ""
    if not canonical or canonical != text:
        raise place.error("invalid_value", "a shared id (UUID) is expected")
    check_uuid(canonical, place)
    return canonical


def _partner(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    return partner_agency(raw_text(value, place), place, terms.context)


def _referral(column: Column, value: object, place: FilePlace, terms: Terms) -> str:
    return referral_by_reference(raw_text(value, place), place, terms.context)


_READERS: Mapping[ValueKind, Callable[[Column, object, FilePlace, Terms], JSON | None]] = {
    "text": _text,
    "code": _code,
    "codes": _codes,
    "texts": _texts,
    "date": _date,
    "time": _time,
    "datetime": _moment,
    "integer": _integer,
    "flag": _flag,
    "uuid": _uuid,
    "partner": _partner,
    "referral": _referral,
    "leaves": _leaves,
    "records": _records,
}


def _items(column: Column, value: object, place: FilePlace) -> list[object]:
    if isinstance(value, str):
        items: list[object] = [i for i in split_escaped(value, column.separator) if i.strip()]
        if not items:
            raise place.error("invalid_value", "a list has separators and no item")
    elif isinstance(value, list):
        items = value
        if any(item is None or (isinstance(item, str) and not item.strip()) for item in items):
            raise place.error("invalid_value", "an item of the list is empty")
    else:
        raise place.error("invalid_value", "a list is expected here")
    if len(items) > MAX_ITEMS:
        raise place.error("invalid_value", f"more than {MAX_ITEMS} items")
    return items


def _read_moment(text: str, pattern: str, column: Column, terms: Terms) -> datetime | None:
    """Return the moment of a text in one pattern of a column, or None if it is in another form."""
    moment = parse_strictly(text, pattern, one_digit=True)
    if moment is not None and has_short_year(pattern):
        return in_century(moment, column.century, today(terms))
    return moment


def today(terms: Terms) -> date:
    """Return today's date in the mapping's time zone."""
    return datetime.fromtimestamp(now_ms() / 1000, zone_named(terms.document.zone)).date()


def _check_past(moment: datetime, column: Column, place: FilePlace, terms: Terms) -> None:
    if column.century == "past" and moment.date() > today(terms):
        raise place.error(
            "invalid_date", "the mapping says `century: past`, and this date is in the future"
        )


def _date_error(formats: Sequence[str], place: FilePlace, what: str) -> MappingError:
    shape = formats[0]
    for token, words in (
        ("%d", "dd"),
        ("%m", "mm"),
        ("%Y", "yyyy"),
        ("%y", "yy"),
        ("%H", "HH"),
        ("%M", "MM"),
    ):
        shape = shape.replace(token, words)
    if "%" in shape:
        shape = f"{_EXAMPLE.strftime(formats[0])}, for example"
    return place.error("invalid_date", f"a {what} that exists is expected, as {shape}")
