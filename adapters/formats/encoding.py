"""Detection and checks of an export's encoding: size, binary content, UTF-8 or one 8-bit encoding.

Old systems write windows-1252 and new ones UTF-8, sometimes both in one file. Nearly every byte has
a meaning in an 8-bit encoding, so a wrong encoding changes names without an error. A file is read
as windows-1252 only if it has no signs of another encoding (``signs``). ``agency.toml`` can state
an encoding. Files are read in pieces, at most twice.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from adapters.base import Export, MappingError
from adapters.formats.signs import OVERLAP_BYTES, Signs
from adapters.limits import MAX_FILE_BYTES

PIECE_BYTES: Final = 256 * 1024

UTF8_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\n"
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LOOKS_LIKE_UTF8: Final = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")
_AS_UTF8: Final = "Export it again as UTF-8."
_STATED: Final = "agency.toml, encoding under [adapter]"


@dataclass(frozen=True, slots=True)
class Encoding:
    """Encoding of a file's text.

    Attributes:
        codec: Python's name of the encoding.
        mark: bytes of the byte order mark, 0 or 3.
    """

    codec: str
    mark: int = 0


def as_stream(export: Export) -> BinaryIO:
    """Open the export for reading from its first byte."""
    if isinstance(export, bytes):
        return io.BytesIO(export)
    export.seek(0)
    return export


def check_size(stream: BinaryIO) -> int:
    """Return the size of a file in bytes; refuse an empty or too large file.

    Raises:
        MappingError: file_empty, file_too_large.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if size > MAX_FILE_BYTES:
        raise MappingError(
            f"the file is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB",
            code="file_too_large",
            fix="Export fewer days at a time.",
        )
    if size == 0:
        raise _empty()
    return size


def check_wide(stream: BinaryIO) -> None:
    """Refuse UTF-16 and UTF-32, with or without a byte order mark.

    Raises:
        MappingError: file_encoding.
    """
    found = wide_encoding(stream.read(4096))
    stream.seek(0)
    if found:
        raise MappingError(
            f"the file is {found}", code="file_encoding", where="line 1", fix=_AS_UTF8
        )


def wide_encoding(start: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the text starts with its byte order mark or looks like it."""
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    if b"\0" in start[:4]:  # no text begins with this character; an XML parser reads it as UTF-16
        return "UTF-16 or UTF-32 without a byte order mark"
    half = len(start) // 2
    for offset in (0, 1):
        if (
            half
            and start[offset::2].count(0) * 10 >= half * 4
            and start[1 - offset :: 2].strip(b"\0")
        ):
            return "UTF-16 without a byte order mark"
    return None


def check_encoding(
    stream: BinaryIO, *, legacy: str | None = "cp1252", stated: str | None = None
) -> Encoding:
    """Find the encoding of an export and check every byte of it.

    Args:
        stream: the whole file; afterwards it is at its first byte again.
        legacy: the encoding of a file that is not UTF-8; None when there is none.
        stated: the encoding that the agency states; no other is then accepted.

    Raises:
        MappingError: file_empty, file_too_large, file_encoding.
    """
    check_size(stream)
    check_wide(stream)
    mark = len(UTF8_BOM) if stream.read(3) == UTF8_BOM else 0
    bad, wide = _read_as_utf8(stream, mark)
    stream.seek(0)
    if stated is not None and codecs.lookup(stated).name != "utf-8":
        return _as_stated(stream, stated, mark, is_utf8=bad is None and wide)
    if bad is None:
        return Encoding("utf-8", mark)
    if stated is not None:
        raise _refusal(bad, f"is not UTF-8, which is stated in {_STATED}", _AS_UTF8)
    _check_legacy(stream, bad, legacy)
    assert legacy is not None
    return Encoding(legacy)


def _pieces(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield (line of its first byte, piece)."""
    stream.seek(0)
    line = 1
    while piece := stream.read(PIECE_BYTES):
        yield line, piece
        line += piece.count(b"\n")
    stream.seek(0)


def _read_as_utf8(stream: BinaryIO, mark: int) -> tuple[int | None, bool]:
    """Return the line of the first byte that is not UTF-8, and whether any is beyond ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    bad: int | None = None
    blank, wide, last = True, False, 1
    for line, piece in _pieces(stream):
        binary = _BINARY.search(piece)
        if binary:
            where = line + piece.count(b"\n", 0, binary.start())
            raise _refusal(where, "holds binary data", "Check that this is the right file.")
        head = mark if line == 1 and blank and not wide and last == 1 else 0
        blank = blank and not piece[head:].strip(_BLANK)
        wide = wide or not piece[head:].isascii()
        last = line + piece.count(b"\n")
        if bad is None:
            bad = _first_bad(decoder, piece, line)
    if blank:
        raise _empty()
    if bad is None and _first_bad(decoder, b"", last, final=True):
        bad = last
    return bad, wide


def _first_bad(
    decoder: codecs.IncrementalDecoder, piece: bytes, line: int, *, final: bool = False
) -> int | None:
    held = len(decoder.getstate()[0])
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError as error:
        return line + piece.count(b"\n", 0, max(0, error.start - held))
    return None


def _as_stated(stream: BinaryIO, stated: str, mark: int, *, is_utf8: bool) -> Encoding:
    if mark or is_utf8:
        raise _refusal(
            1,
            f"is UTF-8, and {_STATED} states {stated}",
            f"Export it again in {stated}, or remove that setting.",
        )
    decoder = codecs.getincrementaldecoder(stated)()
    for line, piece in _pieces(stream):
        bad = _first_bad(decoder, piece, line)
        if bad is not None:
            raise _refusal(bad, f"is not {stated}, which {_STATED} states", _AS_UTF8)
    return Encoding(stated)


def _check_legacy(stream: BinaryIO, bad: int, legacy: str | None) -> None:
    """Raise MappingError if the file shows signs of another encoding."""
    signs = Signs()
    before = b""
    for line, piece in _pieces(stream):
        if not piece.isascii():
            whole = before + piece
            mixed = _LOOKS_LIKE_UTF8.search(whole)
            if mixed and legacy is not None:
                raise _refusal(bad, f"mixes UTF-8 and {legacy}", "Export it again in one encoding.")
            signs.look(whole, line - before.count(b"\n"), begun=len(before))
        before = piece[-OVERLAP_BYTES:]
    suspect = signs.suspect()
    if suspect is None and legacy is not None:
        return
    name = suspect or "windows-1252"
    raise _refusal(
        signs.line or bad,
        f"is not UTF-8; it looks like {name}",
        f"{_AS_UTF8} Or, if it is {name}, state that in {_STATED}.",
    )


def _empty() -> MappingError:
    return MappingError(
        "the file is empty", code="file_empty", fix="Run the export again; check its filter."
    )


def _refusal(line: int, problem: str, fix: str) -> MappingError:
    return MappingError(f"the file {problem}", code="file_encoding", where=f"line {line}", fix=fix)
