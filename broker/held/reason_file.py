"""Reason file of a refused export, or of refused rows of one: its writer and its reader.

The file lies beside the export under the export's name with `REASON` at the end. It holds places
and codes, and no value of a row.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

REASON: Final = ".reason.json"
MAX_REASON_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a reason file that are read."""


@dataclass(frozen=True, slots=True)
class RowReason:
    """Why one row was not taken.

    Attributes:
        line: 1-based line (or element number) in the file.
        code: stable code of the reason.
        field: the agency's own name of the column, or None when it is the row as a whole.
        detail: one sentence without personal values.
    """

    line: int
    code: str
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class FileReason:
    """Why an export, or rows of it, were not taken.

    Attributes:
        file: the export's name.
        sha256: of the export, hexadecimal; empty if it was not read.
        code: stable code of the reason.
        detail: one sentence without personal values.
        rows: the refused rows; none if the file was refused as a whole.
    """

    file: str
    sha256: str
    code: str
    detail: str
    rows: tuple[RowReason, ...] = ()


def format_reason(reason: FileReason) -> bytes:
    """The file's content: the same bytes for the same refusal, so that a second try can tell."""
    document = asdict(reason)
    document["file"] = reason.file.encode("utf-8", "replace").decode()  # names need not be UTF-8
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def parse_reason(data: bytes) -> FileReason:
    """The inverse of `format_reason`.

    Raises:
        ValueError: `format_reason` did not write it.
    """
    try:
        document: dict[str, Any] = json.loads(data)
        rows = tuple(RowReason(**row) for row in document.pop("rows"))
        reason = FileReason(**document, rows=rows)
    except (AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError from None
    texts = [reason.file, reason.sha256, reason.code, reason.detail]
    texts += [text for row in rows for text in (row.code, row.field or "", row.detail)]
    if any(type(text) is not str for text in texts) or any(
        type(row.line) is not int for row in rows
    ):
        raise ValueError
    return reason


def read_reason(path: Path) -> FileReason | None:
    """The reason in a file; None if there is none or it cannot be read."""
    try:
        with path.open("rb") as file:
            return parse_reason(file.read(MAX_REASON_BYTES))
    except (OSError, ValueError):
        return None
