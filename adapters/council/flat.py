"""Conversion between CSV fields and JSON values: lists, records, numbers, yes/no and dates.

This module changes only the shape; the mapping checks codes and limits. A value with the wrong
shape for its column stays a text, so that the mapping refuses it with a reason. A wrong date is
refused here, because only the CSV form writes dates as dd-mm-yyyy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from adapters.base import FilePlace, MappingError, Records, Rejected, Row
from adapters.formats.delimited import escape, split_escaped
from adapters.mapping.document import MappingDocument
from adapters.mapping.localtime import parse_strictly, to_utc
from adapters.mapping.parts import Column
from adapters.mapping.writing import write_moment

DATE: Final = "%d-%m-%Y"
MOMENT: Final = "%d-%m-%Y %H:%M"
"""UK local time. In the hour that happens twice, GMT or BST follows it."""
_JSON_DATE: Final = "%Y-%m-%d"
_JSON_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_LISTS: Final = ("codes", "texts", "leaves", "records")


class FlatRecords:
    """CSV form of the records that a mapping file describes."""

    def __init__(self, document: MappingDocument) -> None:
        roles = document.roles
        self._columns: dict[str, Column] = {column.column: column for column in document.columns}
        separator = roles.recipients_separator
        for name in filter(None, (roles.recipients, roles.not_shared, roles.unlisted)):
            self._columns[name] = Column(column=name, kind="texts", separator=separator)
        self._columns[roles.sent_at] = Column(column=roles.sent_at, kind="datetime")

    def read(self, records: Records) -> Records:
        """Convert CSV rows to the values of the JSON form; an invalid date rejects its row."""
        return replace(records, items=lambda: map(self._converted, records))

    def _converted(self, row: Row | Rejected) -> Row | Rejected:
        if isinstance(row, Rejected):
            return row
        try:
            values = {
                name: self._value(self._columns.get(name), str(text), FilePlace(row.line, name))
                for name, text in row.values.items()
            }
        except MappingError as error:
            return Rejected(row.line, error, row.start, row.end)
        return replace(row, values=values)

    def _value(self, column: Column | None, text: str, place: FilePlace) -> object:
        if column is None or not text:
            return text
        if column.kind in _LISTS:
            return self._list(column, text, place)
        if column.kind == "flag":
            return {"Y": True, "N": False}.get(text, text)
        if column.kind == "integer":
            return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text
        reader = {"date": _date, "datetime": _moment}.get(column.kind)
        return reader(text, place) if reader else text

    def _list(self, column: Column, text: str, place: FilePlace) -> object:
        items = [item.strip() for item in split_escaped(text, column.separator) if item.strip()]
        if not items:
            return text  # separators alone; the mapping refuses them
        if column.kind == "records":
            return [self._record(column, item, place) for item in items]
        return list(items)

    def _record(self, column: Column, text: str, place: FilePlace) -> object:
        texts = split_escaped(text, column.part_separator)
        if len(texts) != len(column.parts):
            return text  # the mapping refuses it with the names of the parts
        return {
            part.column: self._value(part, item.strip(), place)
            for part, item in zip(column.parts, texts, strict=True)
            if item.strip()
        }

    def write(self, row: Mapping[str, object]) -> dict[str, object]:
        """Convert one record of the JSON form to CSV fields."""
        return {name: self._text(self._columns.get(name), value) for name, value in row.items()}

    def _text(self, column: Column | None, value: object) -> str:
        if isinstance(value, bool):
            return "Y" if value else "N"
        if isinstance(value, list):
            separator = column.separator if column else ";"
            return separator.join(escape(self._text(column, item), separator) for item in value)
        if isinstance(value, Mapping) and column is not None:
            texts = (self._text(part, value.get(part.column, "")) for part in column.parts)
            return column.part_separator.join(escape(t, column.part_separator) for t in texts)
        text = str(value)
        if column is not None and column.kind == "date":
            day = parse_strictly(text, _JSON_DATE)
            return day.strftime(DATE) if day else text
        if column is not None and column.kind == "datetime":
            return write_moment(text, (MOMENT,))
        return text


def _date(text: str, place: FilePlace) -> str:
    day = parse_strictly(text, DATE)
    if day is None:
        raise place.error("invalid_date", "a date that exists is expected, as dd-mm-yyyy")
    return day.strftime(_JSON_DATE)


def _moment(text: str, place: FilePlace) -> str:
    zone = text[-3:] if text.endswith((" GMT", " BST")) else ""
    local = parse_strictly(text.removesuffix(f" {zone}") if zone else text, MOMENT)
    utc: datetime | None = to_utc(local, zone) if local else None
    if utc is None:
        raise place.error(
            "invalid_date",
            "a UK local date and time that happened once is expected, as dd-mm-yyyy HH:MM",
            fix="In the hour that happens twice, write GMT or BST after the time.",
        )
    return utc.strftime(_JSON_MOMENT)
