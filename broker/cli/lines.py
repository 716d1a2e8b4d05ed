"""JSON Lines in and out: one line out for each line in, in order, with bounded memory.

Lines are UTF-8, for every command. A byte order mark at the beginning of the input is skipped;
anywhere else it is not valid JSON. UTF-16 and UTF-32 are not read: each line of such an input is
refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import orjson

from broker.cli.output import write_out
from broker.errors import ConfigError
from broker.record import MAX_LINE_BYTES

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
CHUNK_LINES: Final = 2048
"""Lines that are read before any is written; it bounds the memory."""


def read_lines(file: Path | None) -> Iterator[bytes | None]:
    """Yield lines without their ends, from a file or standard input; None for one that is too long.

    Raises:
        ConfigError: ``input_unreadable``.
    """
    try:
        if file is None or str(file) == "-":
            if sys.stdin is None:  # the parent process closed it
                raise ConfigError(
                    "There is no standard input",
                    code="input_unreadable",
                    fix="Name a file, or pipe the lines in.",
                )
            yield from _lines(sys.stdin.buffer)
            return
        with file.open("rb") as stream:
            yield from _lines(stream)
    except OSError as error:
        raise ConfigError(
            f"The input cannot be read ({error.strerror})",
            code="input_unreadable",
            where=str(file),
            fix="Name a file that exists and that you may read, or name none to read standard "
            "input.",
        ) from None


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    longest = MAX_LINE_BYTES + len(b"\r\n")
    line = stream.readline(longest + len(BYTE_ORDER_MARK)).removeprefix(BYTE_ORDER_MARK)
    if len(line) > longest:
        yield from _too_long(stream, line)
        line = stream.readline(longest)
    while line:
        content = line.rstrip(b"\r\n")
        if len(content) <= MAX_LINE_BYTES and (line.endswith(b"\n") or len(line) < longest):
            yield content
        else:
            yield from _too_long(stream, line)
        wide = b"\0" in line
        line = stream.readline(longest)
        if wide and not line.strip(b"\0"):
            return  # the rest of a line end in UTF-16 or UTF-32, and not a line


def _too_long(stream: BinaryIO, line: bytes) -> Iterator[None]:
    while line and not line.endswith(b"\n"):
        line = stream.readline(MAX_LINE_BYTES)
    yield None


def chunks(lines: Iterable[bytes | None]) -> Iterator[list[bytes | None]]:
    """Groups of at most ``CHUNK_LINES``."""
    chunk: list[bytes | None] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def write_json(values: Iterable[object]) -> None:
    """Write one compact JSON document a line."""
    write_raw(orjson.dumps(value) for value in values)


def write_raw(lines: Iterable[bytes]) -> None:
    """Write lines unchanged."""
    write_out(b"".join(line + b"\n" for line in lines))
