"""Settings of a file format: the ``format:`` part of a mapping file."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from adapters.base import MappingError
from adapters.formats.xml_schema import segments
from adapters.limits import MAX_DEPTH
from broker.agency.config_sections import Encoding

FormatType: TypeAlias = Literal["csv", "xlsx", "ods", "json", "jsonl", "xml"]

SUFFIXES: Final[dict[FormatType, tuple[str, ...]]] = {
    "csv": (".csv", ".tsv", ".txt"),
    "xlsx": (".xlsx", ".xlsm", ".csv"),  # refused rows of a spreadsheet are a CSV file
    "ods": (".ods", ".csv"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "xml": (".xml",),
}
"""File name endings of exports; the first one is that of written files."""
MAX_HEADER_LINE: Final = 100
"""Largest number of the header's line."""
_ONLY_FOR: Final[dict[str, tuple[FormatType, ...]]] = {
    "delimiter": ("csv",),
    "encoding": ("csv", "json", "jsonl", "xml"),
    "bom": ("csv", "json", "jsonl"),
    "line_end": ("csv",),
    "ends_with_line_end": ("csv",),
    "header_line": ("csv", "xlsx", "ods"),
    "sheet": ("xlsx", "ods"),
    "records": ("json", "xml"),
    "ignored": ("json", "xml"),
}


class FormatSettings(BaseModel):
    """Format of an agency's files.

    Attributes:
        type: kind of file.
        delimiter: one character between two fields (csv).
        encoding: encoding of exports, if the agency states one; None for UTF-8, or what is
            detected. Written files are UTF-8.
        bom: whether a byte order mark is written (csv, json, jsonl).
        line_end: written after each record (csv).
        ends_with_line_end: whether a file without a final line end counts as cut off (csv).
        header_line: line of the column names; the lines above it, such as a title, are skipped
            (csv, xlsx, ods). With 1, blank lines above the header are skipped too.
        sheet: name of the sheet; None for the only one (xlsx, ods).
        records: path to the records. In json, dotted names of members, or empty for a list or one
            object at the top. In xml, names of elements from the root: ``/Export/Case``.
        ignored: what may stand beside the records and says nothing about them, such as a count or
            the time of the export. In json, dotted paths of members (``page``, ``data.total``). In
            xml, paths from the root (``/Export/Header``, ``/Export/@created``). Everything else
            beside the records refuses the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: FormatType
    delimiter: str = ","
    encoding: Encoding | None = None
    bom: bool = False
    line_end: Literal["crlf", "lf"] = "crlf"
    ends_with_line_end: bool = True
    header_line: int = Field(default=1, ge=1, le=MAX_HEADER_LINE)
    sheet: str | None = Field(default=None, min_length=1, max_length=100)
    records: str = Field(default="", max_length=500)
    ignored: tuple[str, ...] = Field(default=(), max_length=100)

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str) -> str:
        if len(delimiter) != 1 or not delimiter.isascii() or delimiter.isalnum():
            raise ValueError("the delimiter is one character: no letter, no digit")
        if delimiter in "\"'\\\n\r" or (delimiter < " " and delimiter != "\t"):
            raise ValueError("the delimiter is not a quote, a backslash or a control character")
        return delimiter

    @model_validator(mode="after")
    def _of_this_type(self) -> FormatSettings:
        for name, types in _ONLY_FOR.items():
            if name in self.model_fields_set and self.type not in types:
                default = type(self).model_fields[name].default
                if getattr(self, name) != default:
                    raise ValueError(f"{name} has no meaning for {self.type}: remove it")
        if self.type == "xml" and not self.records.startswith("/"):
            raise ValueError("records names the elements from the root to a record: /Export/Case")
        if self.type == "xml":
            try:
                found = segments(self.records.removeprefix("/"))
            except MappingError as error:
                raise ValueError(f"records: {error.detail}") from None
            if any(name.startswith("@") for name in found) or len(found) >= MAX_DEPTH:
                raise ValueError("records names elements, not attributes, and at most seven")
        return self
