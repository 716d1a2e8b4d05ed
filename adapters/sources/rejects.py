"""Refused records as a file of the same form: their original bytes, to be dropped again.

The bytes are copied and not rebuilt from the parsed values. So a record that was refused for
something that the parser drops (an attribute, a stray quote, an odd encoding) is refused again for
the same reason.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Final

from adapters.base import Records, Rejected, Row
from adapters.sources.source_file import Piece

COPY_BYTES: Final = 256 * 1024
"""Bytes copied at a time."""


def rejected_pieces(records: Records, items: Sequence[Row | Rejected]) -> tuple[Piece, ...]:
    """Return some records of a file as a valid file, with the file's head and tail.

    Args:
        records: records of the file.
        items: the wanted records, in the order of the file; not empty.
    """
    pieces: list[Piece] = [records.head]
    for item, following in zip(items, [*items[1:], None], strict=True):
        pieces.append((item.start, item.end))
        apart = following is not None and following.start != item.end
        if apart and isinstance(item, Rejected) and item.unclosed:
            pieces.append(records.divider)  # otherwise the two could join into one record
        if following is not None and records.separator:
            pieces.append(records.separator)
    return (*pieces, records.tail)


def rest_pieces(records: Records, first: Row | Rejected, size: int) -> tuple[Piece, ...]:
    """Return a file from one record to the end, with its head.

    Args:
        records: records of the file.
        first: the first record of the rest.
        size: size of the file in bytes.
    """
    section = first.section if isinstance(first, Rejected) else None
    return (records.head, (first.start if section is None else section, size))


def stream_size(records: Records, size: int) -> int:
    """Return the size of the stream to which the offsets of records belong.

    Args:
        records: records of a file.
        size: size of the file in bytes.
    """
    return size if records.source is None else records.source.seek(0, io.SEEK_END)


def piece_bytes(pieces: Iterable[Piece], file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of pieces, at most ``COPY_BYTES`` at a time.

    Args:
        pieces: result of ``rejected_pieces`` or ``rest_pieces``.
        file: the file from which they come, or the stream of its conversion.
    """
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
            continue
        start, end = piece
        file.seek(start)
        while start < end:
            content = file.read(min(COPY_BYTES, end - start))
            if not content:
                raise OSError("the file became shorter")
            yield content
            start += len(content)
