"""Scanner of JSON documents: finds the records of a list without parsing them.

It checks only the nesting of the document, so that each record can be parsed and refused alone. A
document whose nesting does not close is refused as a whole. Memory does not grow with the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO, Final

from adapters.base import FilePlace, MappingError
from adapters.formats.splitting import Cut
from adapters.limits import MAX_HEAD_BYTES, MAX_NAMES, MAX_RECORD_BYTES

PIECE_BYTES: Final = 256 * 1024
_INSIDE: Final = re.compile(rb'["\[\]{}]')
_IN_STRING: Final = re.compile(rb'["\\]')
_BLANK: Final = re.compile(rb"[ \t\r\n]*+")
_LITERAL: Final = re.compile(rb'[^\s,:\[\]{}"]*+')
_OPEN, _CLOSE = b"[{", b"]}"


class JsonScanner:
    """Finds the records of one document.

    Args:
        stream: the document; the scanner moves its position.
        at: offset of its first character, after a byte order mark.
        path: names of the members that lead to the records; empty for the top.
        ignored: dotted paths of members that may stand beside the records.
    """

    def __init__(
        self, stream: BinaryIO, *, at: int, path: Sequence[str], ignored: Collection[str]
    ) -> None:
        self._stream = stream
        self._path = path
        self._ignored = ignored
        self._base = at
        """Offset of the buffer."""
        self._buffer = b""
        self._at = 0
        """Position in the buffer."""
        self._line = 1
        self._counted = 0
        """Position in the buffer up to which line ends are counted."""
        self._found = False

    def records(self) -> Iterator[Cut]:
        """Yield the records of the document, and check its nesting up to its end.

        Raises:
            MappingError: file_malformed, unknown_column: the document cannot be read.
        """
        yield from self._value(0)
        if self._peek():
            raise self._malformed(
                "a second JSON value follows the first one",
                fix="Export one JSON document. For one object in each line, state type: jsonl.",
            )
        if not self._found:
            raise self._malformed("the document has no records at the path that the mapping states")

    def _value(self, depth: int) -> Iterator[Cut]:
        """Yield the records in the value at the current position, ``depth`` names down the path."""
        first = self._peek()
        if depth == len(self._path):
            self._found = True
            if first == b"{":
                yield self._record()
            elif first == b"[":
                yield from self._items()
            else:
                raise self._malformed("a list of records is expected here")
        elif first == b"{":
            yield from self._members(depth)
        else:
            raise self._malformed("an object is expected here")

    def _items(self) -> Iterator[Cut]:
        self._at += 1
        if self._peek() == b"]":
            self._at += 1
            return
        while True:
            yield self._record()
            if self._after_item(b"]"):
                return

    def _members(self, depth: int) -> Iterator[Cut]:
        self._at += 1
        seen: set[str] = set()
        if self._peek() == b"}":
            self._at += 1
            return
        while True:
            name = self._name()
            if name in seen or len(seen) > MAX_NAMES:
                raise self._malformed("a member appears twice, or there are too many")
            seen.add(name)
            if name == self._path[depth]:
                yield from self._value(depth + 1)
            elif ".".join((*self._path[:depth], name)) in self._ignored:
                self._skip()
            else:
                raise self._place().error(
                    "unknown_column",
                    "beside the records stands a member that the mapping does not know",
                    fix="Remove it from the export, or name it under `ignored` in the format of "
                    "the mapping file if it says nothing about the records.",
                )
            if self._after_item(b"}"):
                return

    def _after_item(self, close: bytes) -> bool:
        """Pass the sign after an item or member; return whether it ends the list or object."""
        sign = self._peek()
        if sign not in (b",", close):
            raise self._malformed("a comma or the end of the list or object is expected here")
        self._at += 1
        return sign == close

    def _name(self) -> str:
        if self._peek() != b'"':
            raise self._malformed("the name of a member is expected here")
        start = self._base + self._at
        self._string()
        end = self._base + self._at
        text = self._content(start, min(end, start + MAX_HEAD_BYTES))
        if self._peek() != b":":
            raise self._malformed("a colon is expected here")
        self._at += 1
        try:
            return str(json.loads(text))
        except ValueError:
            raise self._malformed("the name of a member cannot be read") from None

    def _record(self) -> Cut:
        self._peek()
        start, line = self._base + self._at, self._line_here()
        self._skip()
        end = self._base + self._at
        if end - start > MAX_RECORD_BYTES:
            return Cut(line, start, end, b"", "long")
        return Cut(line, start, end, self._content(start, end))

    def _content(self, start: int, end: int) -> bytes:
        """Return bytes that were passed, from the buffer if it still holds them."""
        if start >= self._base:
            return self._buffer[start - self._base : end - self._base]
        self._stream.seek(start)
        return self._stream.read(end - start)

    # --- moves in the document ------------------------------------------------------------------

    def _skip(self) -> None:
        """Pass one value."""
        first = self._peek()
        if first == b'"':
            self._string()
        elif first in (b"{", b"["):
            self._nested()
        else:
            self._literal()

    def _nested(self) -> None:
        depth = 0
        while True:
            found = _INSIDE.search(self._buffer, self._at)
            if found is None:
                self._at = len(self._buffer)
                self._more()
                continue
            sign = found[0]
            self._at = found.start()
            if sign == b'"':
                self._string()
                continue
            self._at += 1
            depth += 1 if sign in _OPEN else -1
            if depth == 0:
                return

    def _string(self) -> None:
        self._at += 1
        while True:
            found = _IN_STRING.search(self._buffer, self._at)
            if found is None:
                self._at = len(self._buffer)
                self._more()
                continue
            self._at = found.end()
            if found[0] == b'"':
                return
            if self._at == len(self._buffer):
                self._more()
            self._at += 1

    def _literal(self) -> None:
        size = 0
        while True:
            found = _LITERAL.match(self._buffer, self._at)
            assert found is not None
            size += found.end() - self._at
            self._at = found.end()
            if self._at < len(self._buffer) or not self._fill():
                break
        if not size:
            raise self._malformed("a value is expected here")

    def _peek(self) -> bytes:
        """Pass blanks and return the next byte; empty at the end."""
        while True:
            found = _BLANK.match(self._buffer, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._buffer):
                return self._buffer[self._at : self._at + 1]
            if not self._fill():
                return b""

    def _more(self) -> None:
        if not self._fill():
            raise self._malformed(
                "the document ends too early",
                fix="Run the export again. This error also appears while a file is still being "
                "written.",
            )

    def _fill(self) -> bool:
        """Replace a buffer that was passed by the next one; return False at the end."""
        self._line_here()
        self._base += len(self._buffer)
        self._at -= len(self._buffer)
        self._counted = 0
        self._stream.seek(self._base)
        self._buffer = self._stream.read(PIECE_BYTES)
        return bool(self._buffer)

    def _line_here(self) -> int:
        if self._at > self._counted:
            self._line += self._buffer.count(b"\n", self._counted, self._at)
            self._counted = self._at
        return self._line

    def _place(self) -> FilePlace:
        return FilePlace(self._line_here())

    def _malformed(self, detail: str, *, fix: str | None = None) -> MappingError:
        return self._place().error("file_malformed", detail, fix=fix)
