"""Writer and parser of the reason file of a refused export, or of its refused rows.

The file lies beside the export, with `REASON` at the end of the name. It holds places and codes,
and no value of a row.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

REASON: Final = ".reason.json"
MAX_REASON_BYTES: Final = 8 * 1024 * 1024
"""Maximum number of bytes of a reason file that are read."""


@dataclass(frozen=True, slots=True)
class RowReason:
    """Reason for refusing one row.

    Attributes:
        line: 1-based line (or element number) in the file.
        code: stable reason code.
        field: the agency's own name of the column, or None for the row as a whole.
        detail: one sentence without personal values.
    """

    line: int
    code: str
    field: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class FileReason:
    """Reason for refusing an export, or rows of it.

    Attributes:
        file: the export's name.
        sha256: hash of the export, hexadecimal; empty if it was not read.
        code: stable reason code.
        detail: one sentence without personal values.
        rows: the refused rows; none if the file was refused as a whole.
    """

    file: str
    sha256: str
    code: str
    detail: str
    rows: tuple[RowReason, ...] = ()


def format_reason(reason: FileReason) -> bytes:
    """Return the file's content.

    Equal refusals give equal bytes, so that a second try is recognised.
    """
    document = asdict(reason)
    # file names may not be UTF-8
    document["file"] = reason.file.encode("utf-8", "replace").decode()
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def parse_reason(data: bytes) -> FileReason:
    """Parse the output of `format_reason`.

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
    """Return the reason in a file; None if there is none or it cannot be read."""
    try:
        with path.open("rb") as file:
            return parse_reason(file.read(MAX_REASON_BYTES))
    except (OSError, ValueError):
        return None
