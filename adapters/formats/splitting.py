"""Splitter of a delimited file: cuts records at line ends outside quotes, as in RFC 4180.

A quote opens a quoted value only where a value begins. So a stray quote (``6'2" tall``) breaks its
own line and no other. A quote that is never closed would swallow the records after it: such a
record is rejected at its first line, and the lines after it are read as if it were absent. A line
of a value whose quotes are correct is never read as a record.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, TypeAlias

from adapters.limits import MAX_FILE_BYTES, MAX_RECORD_BYTES

Problem: TypeAlias = Literal["quote", "long"]

PIECE_BYTES: Final = 64 * 1024
MANY_BLANK: Final = 100
"""Number of consecutive blank lines from which on they are skipped in blocks."""
MAX_AHEAD_BYTES: Final = 4 * MAX_FILE_BYTES
"""Bytes of a file that are read to find the ends of values that are open for long."""
_INSIDE: Final = re.compile(rb'(?:[^"]|"")*+')


@dataclass(frozen=True, slots=True)
class Cut:
    """One record, or one line that is not a record.

    Attributes:
        line: 1-based number of its first line.
        start: offset of its first byte.
        end: offset after its line end.
        content: its bytes with the line end; only the beginning for a line that is not a record.
        problem: why it is not a record.
        doubt: offset up to which the lines below may be text of an open value of this one; 0 for
            none.
    """

    line: int
    start: int
    end: int
    content: bytes
    problem: Problem | None = None
    doubt: int = 0


def known_cuts(stream: BinaryIO, starts: Sequence[int], *, line: int) -> Iterator[Cut]:
    """Yield records whose places are known, so that nothing inside a value can end one.

    Args:
        stream: the file; no other code may move its position.
        starts: offset of each record.
        line: line number of the first record.
    """
    for at, start in enumerate(starts):
        stream.seek(start)
        last = at + 1 == len(starts)
        content = stream.read(MAX_RECORD_BYTES + 1 if last else starts[at + 1] - start)
        end = stream.seek(0, io.SEEK_END) if last else starts[at + 1]
        if len(content) > MAX_RECORD_BYTES:
            yield Cut(line + at, start, end, content[:64], "long")
        else:
            yield Cut(line + at, start, end, content)


class Splitter:
    """Cuts a file into records and skips blank lines between them.

    Args:
        stream: the file; no other code may move its position.
        delimiter: one ASCII character.
        at: offset of the first record.
        line: line number of the first record.
        divider: a line that ends every record, open quotes or not (the header, repeated).
        quotes: whether quotes are special; otherwise every line is a record.
    """

    def __init__(
        self,
        stream: BinaryIO,
        delimiter: str,
        *,
        at: int,
        line: int,
        divider: bytes = b"",
        quotes: bool = True,
    ) -> None:
        self._stream = stream
        self._delimiter = delimiter.encode()
        self._plain = re.compile(b'[^"\r\n' + re.escape(self._delimiter) + b"]*+")
        self._at = at
        self._line = line
        self._divider = divider.strip()
        self._quotes = quotes
        self._ahead = MAX_AHEAD_BYTES

    def __iter__(self) -> Iterator[Cut]:
        """Yield the remaining records, from the end of the last one."""
        self._stream.seek(self._at)
        while True:
            cut = self._next()
            if cut is None:
                return
            yield cut

    def _go(self, at: int, line: int) -> None:
        self._at, self._line = at, line
        self._stream.seek(at)

    def _next(self) -> Cut | None:
        blank = 0
        content = self._stream.readline(MAX_RECORD_BYTES)
        while content.isspace() and content.endswith(b"\n"):
            self._at, self._line, blank = self._at + len(content), self._line + 1, blank + 1
            if blank >= MANY_BLANK:
                self._pass_blank()
            content = self._stream.readline(MAX_RECORD_BYTES)
        if not content:
            return None
        start, first = self._at, self._line
        if len(content) == MAX_RECORD_BYTES and not content.endswith(b"\n"):
            return self._long(start, first, content)
        self._at, self._line = start + len(content), first + 1
        if not self._quotes or b'"' not in content:
            return Cut(first, start, self._at, content)
        state, doubt = self._scan(content, inside=False), 0
        if state == "open":
            state, content, doubt = self._rest_of(content)
        if state == "closed":
            return Cut(first, start, self._at, content)
        if state == "long":
            return Cut(first, start, self._at, content[:64], "long")
        end = len(content) if b"\n" not in content else content.index(b"\n") + 1
        self._go(start + end, first + 1)
        return Cut(first, start, self._at, content[:end], "quote", doubt)

    def _pass_blank(self) -> None:
        """Move to the next line that is not blank, or to one before it."""
        while piece := self._stream.read(PIECE_BYTES):
            passed = len(piece) - len(piece.lstrip())
            line_end = piece.rfind(b"\n", 0, passed) + 1
            self._at += line_end
            self._line += piece.count(b"\n", 0, line_end)
            if line_end < len(piece):
                break
        self._stream.seek(self._at)

    def _rest_of(self, first: bytes) -> tuple[str, bytes, int]:
        """Return state, bytes and doubt of a record whose first line leaves a quote open."""
        lines, size = [first], len(first)
        while size < MAX_RECORD_BYTES:
            line = self._stream.readline(MAX_RECORD_BYTES - size)
            if not line:
                return "broken", first, 0
            if self._divider and line.strip() == self._divider:
                # The value may also hold this line: then the lines up to its end are its text.
                return "broken", first, self._end_of_open()[0]
            lines.append(line)
            size += len(line)
            self._at, self._line = self._at + len(line), self._line + 1
            if b'"' not in line:
                continue
            state = self._scan(line, inside=True)
            if state != "open":
                return state, b"".join(lines), 0
        end, passed = self._end_of_open()
        if not end:
            return "broken", first, 0
        self._go(end, self._line + passed)
        return "long", first, 0

    def _end_of_open(self, *, inside: bool = True) -> tuple[int, int]:
        """Return where a record that goes on at the stream's position ends, and its further lines.

        The offset is 0 if it has no end because its quotes are broken.
        """
        passed = 0
        while piece := self._stream.readline(MAX_RECORD_BYTES):
            self._ahead -= len(piece)
            if self._ahead < 0:
                return sys.maxsize, passed
            state = self._scan(piece, inside=inside)
            if state == "broken":
                break
            inside = state == "open"
            passed += piece.endswith(b"\n")
            if not inside and piece.endswith(b"\n"):
                return self._stream.tell(), passed
        return 0, passed

    def _long(self, start: int, line: int, beginning: bytes) -> Cut:
        """Skip a record whose first line is longer than a record may be."""
        if self._quotes and (state := self._scan(beginning, inside=False)) != "broken":
            end, passed = self._end_of_open(inside=state == "open")
            if end:
                self._go(end, line + passed)
                return Cut(line, start, end, beginning[:64], "long")
            self._stream.seek(start + len(beginning))
        end = start + len(beginning)
        while piece := self._stream.readline(MAX_RECORD_BYTES):
            end += len(piece)
            if piece.endswith(b"\n"):
                break
        self._at, self._line = end, line + 1
        return Cut(line, start, end, beginning[:64], "long")

    def _scan(self, line: bytes, *, inside: bool) -> str:
        """Return ``closed``, ``open`` (in a quoted value) or ``broken`` for the end of a line."""
        at = 0
        while True:
            if not inside and line[at : at + 1] == b'"':
                at, inside = at + 1, True
            if inside:
                found = _INSIDE.match(line, at)
                assert found is not None
                at = found.end()
                if at == len(line):
                    return "open"
                at, inside = at + 1, False
            else:
                found = self._plain.match(line, at)
                assert found is not None
                at = found.end()
            if line[at : at + 1] == self._delimiter:
                at += 1
            else:
                return "closed" if line[at:] in (b"", b"\n", b"\r\n") else "broken"
