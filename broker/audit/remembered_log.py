"""Verified part of the disclosure log, as a process that shows many pages of it remembers it.

It holds the leaf of each entry and the properties by which queries choose, 52 bytes an entry and
one shape for each kind of entry. So the next verification continues after the part, a query finds
its entries without reading others, and an entry that is read again is compared with its leaf.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final

from broker.audit.entries import NewLogEntry
from broker.audit.entry_shape import EntryShape, shape_of
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow
from broker.tlog.merkle import HASH_BYTES, Frontier

__all__ = ["RememberedLog"]

_BLOCK: Final = 256
"""Entries between two frontiers that are held, so that a root of any size costs few hashes."""


class RememberedLog:
    """Verified part of one log. Holds no text of an entry.

    Attributes:
        lock: held from before a snapshot of the log is read until the part includes it. Without it
            an older snapshot would look like a log from which entries were removed.
        keys: identifies the keys that the signed heads were verified with.
        checkpoint: newest signed head that was verified; None before the first one.
        doubted: whether the last verification of the whole log failed.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.keys: object = None
        self.checkpoint: DisclosureCheckpointRow | None = None
        self.doubted = False
        self._frontier = Frontier()
        self._frontiers = [Frontier()]
        self._leaves = bytearray()
        self._times = array("q")
        self._cases = array("Q")
        self._shape_ids = array("I")
        self._shapes: dict[EntryShape, int] = {}

    @property
    def size(self) -> int:
        """Return the number of entries."""
        return self._frontier.size

    @property
    def frontier(self) -> Frontier:
        """Return the frontier of the part."""
        return self._frontier

    def add(self, row: DisclosureRow, entry: NewLogEntry) -> None:
        """Add the next entry, which was verified.

        Raises:
            ProofError: `frontier_malformed`.
        """
        self._frontier = self._frontier.append(row.leaf)
        if self.size % _BLOCK == 0:
            self._frontiers.append(self._frontier)
        self._leaves += row.leaf
        self._times.append(entry.time_ms)
        self._cases.append(_case_number(entry.case_key))
        self._shape_ids.append(self._shapes.setdefault(shape_of(entry), len(self._shapes)))

    def cut(self, size: int) -> None:
        """Forget the entries from index `size` on."""
        self._frontier = self._frontier_at(size)
        del self._frontiers[size // _BLOCK + 1 :]
        del self._leaves[size * HASH_BYTES :]
        del self._times[size:]
        del self._cases[size:]
        del self._shape_ids[size:]

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry of the part, 32 bytes."""
        return bytes(self._leaves[index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def root_at(self, size: int) -> bytes:
        """Return the root of the first `size` entries, 32 bytes; `size` is at most `self.size`."""
        return self._frontier_at(size).root()

    def newest(
        self,
        accepts: Callable[[EntryShape], bool],
        since_ms: int | None,
        until_ms: int | None,
        before: int | None,
        limit: int,
    ) -> tuple[list[int], int]:
        """Find the newest entries that meet some conditions.

        Args:
            accepts: whether entries of a shape are wanted.
            since_ms: first time in ms; None for any.
            until_ms: time in ms before which an entry is wanted; None for any.
            before: index before which an entry is wanted; None for any.
            limit: most indexes to return.

        Returns:
            Their indexes, ascending, and the number of all entries that meet the conditions.
        """
        stop = self.size if before is None else min(before, self.size)
        wanted = bytes(map(accepts, self._shapes))
        found: Sequence[int] = range(stop)
        if 0 in wanted:
            found = list(compress(found, map(wanted.__getitem__, self._shape_ids)))
        if since_ms is not None or until_ms is not None:
            first = 0 if since_ms is None else since_ms
            end = 2**63 if until_ms is None else until_ms
            times = self._times
            found = [one for one in found if first <= times[one] < end]
        return list(found[max(len(found) - limit, 0) :]), len(found)

    def of_case(self, case_key: bytes) -> list[int]:
        """Return the indexes of the entries of a case, ascending.

        Another case whose key begins with the same 64 bits would be among them.
        """
        number, start = _case_number(case_key), 0
        found: list[int] = []
        while True:
            try:
                at = self._cases.index(number, start)
            except ValueError:
                return found
            found.append(at)
            start = at + 1

    def _frontier_at(self, size: int) -> Frontier:
        block = size // _BLOCK
        start = block * _BLOCK
        return self._frontiers[block].extend([self.leaf(one) for one in range(start, size)])


def _case_number(case_key: bytes | None) -> int:
    return 0 if case_key is None else int.from_bytes(case_key[:8], "big")
