"""Records of a file while a case is erased: sorted by case, and broken lines that lie together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, TypeAlias

from adapters.base import Rejected, Row


@dataclass(slots=True)
class SortedRecords:
    """Records of a file, sorted by case.

    Attributes:
        ours: number of records of the case.
        in_doubt: number of records that may belong to the case or to others: lines beside a record
            of the case, and unreadable records in which a common number matches the case's
            reference.
        unclear: those of ``in_doubt`` whose reference the mapping cannot compute.
        others: the records of other cases.
    """

    ours: int = 0
    in_doubt: int = 0
    unclear: int = 0
    others: list[Row | Rejected] = field(default_factory=list)


Verdict: TypeAlias = Literal["ours", "other", "doubt", "unclear"]
Judged: TypeAlias = tuple[Row | Rejected, Verdict]


def runs(judged: list[Judged], stream: BinaryIO) -> Iterator[list[Judged]]:
    """Yield records in groups: torn lines separated only by blank lines, and single records."""
    run: list[Judged] = []
    for item, verdict in judged:
        if run and not (is_torn(run[-1][0]) and is_torn(item) and _blank(stream, run[-1][0], item)):
            yield run
            run = []
        run.append((item, verdict))
    if run:
        yield run


def is_torn(item: Row | Rejected) -> bool:
    """Return whether a record is broken lines."""
    return isinstance(item, Rejected) and item.torn


def has_lines(item: Row | Rejected, stream: BinaryIO) -> bool:
    """Return whether a torn record has several lines, which may be records of several cases."""
    if not is_torn(item):
        return False
    stream.seek(item.start)
    return b"\n" in stream.read(item.end - item.start).strip()


def _blank(stream: BinaryIO, before: Row | Rejected, after: Row | Rejected) -> bool:
    stream.seek(before.end)
    return not stream.read(max(0, after.start - before.end)).strip()


def position_of(item: Row | Rejected) -> Row | Rejected:
    """Return a record without its values; only its position is needed."""
    return Row(item.line, {}, item.start, item.end) if isinstance(item, Row) else item
