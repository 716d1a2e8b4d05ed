"""Bytes of an export to text: size, emptiness, binary content and encodings.

Old systems write cp1252 and new ones UTF-8, sometimes both in one file. cp1252 accepts nearly any
byte, so a file is taken as cp1252 only when it holds nothing that looks like UTF-8: a
half-converted file would otherwise turn an accented letter into two wrong ones, unnoticed.
"""

from __future__ import annotations

import re

from adapters.base import MappingError

MAX_FILE_BYTES = 32 * 1024 * 1024
"""Bytes of one export. A day's export is some hundred kilobytes; more is a mistake."""

_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOOKS_LIKE_UTF8 = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")


def check_size(content: bytes) -> None:
    """Refuse a file that is empty or larger than an export can be.

    Raises:
        MappingError: file_empty, file_too_large.
    """
    if len(content) > MAX_FILE_BYTES:
        raise MappingError(
            f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB",
            code="file_too_large",
            fix="Export fewer days at a time.",
        )
    if not content.strip(b" \t\r\n" + _UTF8_BOM):
        raise MappingError(
            "the file is empty", code="file_empty", fix="Run the export again; check its filter."
        )


def decode_text(content: bytes, *, legacy: str | None = "cp1252") -> str:
    """Decode an export.

    Args:
        content: the whole file.
        legacy: the encoding of a file that is not UTF-8; None when there is none.

    Returns:
        The text, without a byte order mark.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding.
    """
    check_size(content)
    if content.startswith(_OTHER_BOMS):
        raise MappingError(
            "the file is UTF-16", code="file_encoding", fix="Export it again as UTF-8."
        )
    binary = _BINARY.search(content)
    if binary:
        raise _encoding_error(content, binary.start(), "holds binary data", "Is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.start
    if legacy is None:
        raise _encoding_error(content, bad, "is not UTF-8", "Export it again as UTF-8.")
    mixed = _LOOKS_LIKE_UTF8.search(content)
    if mixed:
        raise _encoding_error(
            content, bad, f"mixes UTF-8 and {legacy}", "Export it again in one encoding."
        )
    try:
        return content.decode(legacy)
    except UnicodeDecodeError as error:
        raise _encoding_error(
            content, error.start, f"is neither UTF-8 nor {legacy}", "Export it again as UTF-8."
        ) from None


def _encoding_error(content: bytes, position: int, problem: str, fix: str) -> MappingError:
    line = content.count(b"\n", 0, position) + 1
    return MappingError(
        f"the file {problem}",
        code="file_encoding",
        where=f"line {line}",
        fix=fix,
    )
