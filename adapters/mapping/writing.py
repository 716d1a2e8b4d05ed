"""Conversion of one leaf to one column value in the agency's own terms: the inverse of ``reading``.

A shared code without an own code is an error, not an empty column, because a received value must
not be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from adapters.base import FilePlace
from adapters.formats.delimited import escape
from adapters.mapping.linking import own_referral
from adapters.mapping.localtime import (
    has_short_year,
    in_century,
    parse_strictly,
    to_local,
    zone_named,
)
from adapters.mapping.parts import Column, ValueKind
from adapters.mapping.reading import Terms, today
from broker.event import JSON

_UTC_SHAPES = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ")


def write_value(column: Column, value: JSON, place: FilePlace, terms: Terms) -> object:
    """Convert one leaf to text, or to native values by the document's style.

    Args:
        column: the declaration.
        value: the leaf.
        place: for errors.
        terms: tables, partners, links.

    Raises:
        MappingError: unknown_value when the agency has no code for a shared one; unknown_column
            when a record has a part without a place in this mapping.
    """
    if not isinstance(value, list):
        return _write_scalar(column, value, place, terms)
    items = [_write_item(column, item, place, terms) for item in value]
    if column.kind == "codes":
        items = list(dict.fromkeys(items))  # several shared codes may be one own group
    if terms.document.style != "text":
        return items
    return column.separator.join(escape(str(item), column.separator) for item in items)


def _write_item(column: Column, item: JSON, place: FilePlace, terms: Terms) -> object:
    if isinstance(item, dict):
        return _write_record(column, item, place, terms)
    if column.kind == "leaves":
        return terms.column_of.get(str(item), str(item))
    return _write_scalar(column, item, place, terms)


def _write_record(
    column: Column, item: Mapping[str, JSON], place: FilePlace, terms: Terms
) -> object:
    parts = {part.paths[0]: part for part in column.parts}
    if not parts.keys() >= item.keys():
        raise place.error(
            "unknown_column", "a record has a part for which this mapping has no column"
        )
    own = {
        part.column: write_value(
            part, item[leaf], place.at(f"{column.column}.{part.column}"), terms
        )
        for leaf, part in parts.items()
        if leaf in item
    }
    if terms.document.style != "text":
        return own
    texts = [escape(str(own.get(p.column, "")), column.part_separator) for p in column.parts]
    return column.part_separator.join(texts)


def _write_scalar(column: Column, value: JSON, place: FilePlace, terms: Terms) -> object:
    document = terms.document
    if column.kind == "flag":
        return value if document.style == "json" else document.flags.writable[str(value).lower()]
    if column.kind == "integer":
        return value if document.style == "json" else str(value)
    writer = _WRITERS.get(column.kind)
    return writer(column, str(value), place, terms) if writer else str(value)


def _code(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    document = terms.document
    table = document.tables[column.table or ""]
    own = table.writable.get(text)
    if own is None:
        listed = document.codes_of(table)
        public = listed is not None and text in listed  # any other text may be of a person
        if terms.unlisted and listed is not None and not public and text not in table.readable:
            return text
        named = f" {text}" if public else ""
        words = f"concordant mapping add-code {column.table} OWN {text} --agency DIR"
        command = f" (in a mapping file of your own: {words})" if public else ""
        raise place.error(
            "unknown_value",
            f"the shared code{named} has no own code in the list '{column.table}' of the mapping "
            f"{document.mapping} {document.version}{command}",
            fix="Add it to the next version of the mapping file, then retry.",
        )
    return own


def _date(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    moment = parse_strictly(text, "%Y-%m-%d")
    formats = column.formats or terms.document.date_formats
    if moment is None:
        return text
    _check_century(moment, formats[0], column, place, terms)
    return moment.strftime(formats[0])


def _check_century(
    day: datetime | None, pattern: str, column: Column, place: FilePlace, terms: Terms
) -> None:
    """Refuse a date whose year of two digits would be read back in another century."""
    if day is None or not has_short_year(pattern):
        return
    if in_century(day, column.century, today(terms)) != day:
        raise place.error(
            "invalid_date",
            "a year of two digits would stand for another century",
            fix="Put a format with %Y first in the mapping file, then retry.",
        )


def _time(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    moment = parse_strictly(text, "%H:%M")
    formats = column.formats or terms.document.time_formats
    return moment.strftime(formats[0]) if moment else text


def _moment(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    document = terms.document
    formats = column.formats or document.datetime_formats
    end = "Z" if formats[0].endswith("Z") else ""
    day = write_moment(text, (f"%Y-%m-%d{end}",), document.zone)[:10]
    _check_century(parse_strictly(day, "%Y-%m-%d"), formats[0], column, place, terms)
    return write_moment(text, formats, document.zone)


def _partner(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    return terms.context.partner_code(text)


def _referral(column: Column, text: str, place: FilePlace, terms: Terms) -> str:
    return own_referral(text, terms.context) or text


_WRITERS: Mapping[ValueKind, Callable[[Column, str, FilePlace, Terms], str]] = {
    "code": _code,
    "codes": _code,
    "date": _date,
    "time": _time,
    "datetime": _moment,
    "partner": _partner,
    "referral": _referral,
}


def write_moment(text: str, formats: Sequence[str], zone: str = "Europe/London") -> str:
    """Convert an RFC 3339 UTC time to the first format: local, or UTC if that ends in Z."""
    moment = next((m for shape in _UTC_SHAPES if (m := _utc(text, shape))), None)
    if moment is None:
        return text
    if formats[0].endswith("Z"):
        return moment.strftime(formats[0])
    local, name = to_local(moment, zone_named(zone))
    return local.strftime(formats[0]) + (f" {name}" if name else "")


def _utc(text: str, shape: str) -> datetime | None:
    try:
        return datetime.strptime(text, shape)
    except ValueError:
        return None
