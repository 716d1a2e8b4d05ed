"""Receipts of other agencies over streams, and their last heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import bindparam, delete, func, insert, select, update

from broker.store import reader_schema
from broker.store.area import Area
from broker.store.dialects import upsert
from broker.store.reader_rows import HeadsRow, NamedManifestRow, ReceiptRow

_r = reader_schema.receipts
_h = reader_schema.heads

_COLUMNS = (_r.c.origin, _r.c.size, _r.c.root, _r.c.cosigner, _r.c.time_s, _r.c.text)
_ADD = upsert(_r).on_conflict_do_nothing(
    index_elements=[_r.c.origin, _r.c.cosigner, _r.c.size, _r.c.root]
)
_BEST = (
    select(*_COLUMNS)
    .where(_r.c.origin == bindparam("origin_"), _r.c.cosigner == bindparam("cosigner_"))
    .order_by(_r.c.size.desc())
    .limit(1)
)
_OF_PAIR = (_r.c.origin == bindparam("origin_")) & (_r.c.cosigner == bindparam("cosigner_"))
_TIMES = select(_r.c.id, _r.c.time_s).where(_OF_PAIR).order_by(_r.c.time_s, _r.c.id)
_IDS = _r.c.id.in_(bindparam("ids_", expanding=True))
_TEXTS = select(_r.c.text).where(_IDS).order_by(_r.c.id)
_DROP = delete(_r).where(_IDS)
_OLDEST = (
    select(_r.c.id, _r.c.origin, _r.c.text)
    .where(
        _r.c.cosigner == bindparam("cosigner_"),
        _r.c.origin >= bindparam("first_"),
        _r.c.origin < bindparam("until_"),
    )
    .order_by(_r.c.time_s, _r.c.id)
    .limit(bindparam("limit_"))
)
_SIZES_OF = (
    select(_r.c.origin, func.sum(func.length(_r.c.text) + func.length(_r.c.origin)), func.count())
    .where(_r.c.cosigner == bindparam("cosigner_"))
    .group_by(_r.c.origin)
    .order_by(_r.c.origin)
)
_COSIGNERS = (
    select(_r.c.cosigner)
    .where(_r.c.origin == bindparam("origin_"))
    .distinct()
    .order_by(_r.c.cosigner)
)
_ORIGINS = (
    select(_r.c.origin)
    .where(
        _r.c.origin >= bindparam("first_"),
        _r.c.origin < bindparam("until_"),
        _r.c.cosigner == bindparam("cosigner_"),
    )
    .distinct()
    .order_by(_r.c.origin)
)
_PAIRS = select(_r.c.origin, _r.c.cosigner).distinct().order_by(_r.c.origin, _r.c.cosigner)
_SIZES = (
    select(_r.c.cosigner, func.sum(func.length(_r.c.text) + func.length(_r.c.origin)), func.count())
    .group_by(_r.c.cosigner)
    .order_by(_r.c.cosigner)
)
_FROM_SIZE = (
    select(*_COLUMNS)
    .where(_r.c.origin == bindparam("origin_"), _r.c.size >= bindparam("size_"))
    .order_by(_r.c.size, _r.c.id)
)
_COVERING = (
    select(*_COLUMNS)
    .where(
        _r.c.origin == bindparam("origin_"),
        _r.c.size == bindparam("size_"),
        _r.c.root == bindparam("root_"),
    )
    .order_by(_r.c.id)
)
_HEADS = select(*_h.c).order_by(_h.c.agency)
_HEADS_OF = select(*_h.c).where(_h.c.agency == bindparam("agency_"))
_ADD_HEADS = insert(_h)
_SET_HEADS = (
    update(_h)
    .where(_h.c.agency == bindparam("agency_"))
    .values(heard_ms=bindparam("heard_"), log_size=bindparam("size_"), log_root=bindparam("root_"))
)


_n = reader_schema.named_manifests
_NAMED = select(*_n.c).order_by(_n.c.agency)
_NAMED_OF = select(*_n.c).where(_n.c.agency == bindparam("agency_"))
_FORGET_NAMED = delete(_n).where(_n.c.agency == bindparam("agency_"))
_ADD_NAMED = insert(_n)


def _after(prefix: str) -> str:
    """Return the upper bound of texts with a prefix that ends in "/" ("0" follows "/" in ASCII)."""
    return prefix.removesuffix("/") + "0"


class Receipts(Area):
    """Cosignatures of other agencies over checkpoints."""

    def add(
        self, origin: str, size: int, root: bytes, cosigner: str, time_s: int, text: bytes
    ) -> bool:
        """Add a receipt, unless it is known. Returns whether it is new."""
        done = self._connection.execute(
            _ADD,
            {
                "origin": origin,
                "size": size,
                "root": root,
                "cosigner": cosigner,
                "time_s": time_s,
                "text": text,
            },
        )
        return done.rowcount == 1

    def times(self, origin: str, cosigner: str) -> list[tuple[int, int]]:
        """Return (row id, time in s) of an agency's receipts over a stream, by time."""
        found = self._connection.execute(_TIMES, {"origin_": origin, "cosigner_": cosigner})
        return [(*row,) for row in found]

    def drop(self, rows: Sequence[int]) -> list[bytes]:
        """Delete receipts. Returns their texts."""
        found = self._connection.execute(_TEXTS, {"ids_": list(rows)}).all()
        self._connection.execute(_DROP, {"ids_": list(rows)})
        return [row[0] for row in found]

    def drop_oldest(self, prefix: str, cosigner: str, count: int) -> list[tuple[str, bytes]]:
        """Delete a cosigner's oldest receipts over streams whose name begins with `prefix`.

        Args:
            prefix: ends in a slash.
            cosigner: agency id.
            count: maximum number.

        Returns:
            (origin, text) of each.
        """
        of = {"first_": prefix, "until_": _after(prefix), "cosigner_": cosigner}
        found = self._connection.execute(_OLDEST, {**of, "limit_": count}).all()
        self._connection.execute(_DROP, {"ids_": [row[0] for row in found]})
        return [(row[1], row[2]) for row in found]

    def sizes_of(self, cosigner: str) -> list[tuple[str, int, int]]:
        """Return (origin, bytes of texts and origins, receipts) of a cosigner."""
        found = self._connection.execute(_SIZES_OF, {"cosigner_": cosigner})
        return [(row[0], int(row[1]), row[2]) for row in found]

    def cosigners(self, origin: str) -> list[str]:
        """Return agencies whose receipts over a stream are stored."""
        return list(self._connection.scalars(_COSIGNERS, {"origin_": origin}))

    def origins(self, prefix: str, cosigner: str) -> list[str]:
        """Return streams with receipts of a cosigner whose name begins with `prefix`, by name."""
        of = {"first_": prefix, "until_": _after(prefix), "cosigner_": cosigner}
        return list(self._connection.scalars(_ORIGINS, of))

    def pairs(self) -> list[tuple[str, str]]:
        """Return every (origin, cosigner)."""
        return [(*row,) for row in self._connection.execute(_PAIRS)]

    def sizes(self) -> list[tuple[str, int, int]]:
        """Return (cosigner, bytes of texts and origins, receipts) of every cosigner."""
        return [(row[0], int(row[1]), row[2]) for row in self._connection.execute(_SIZES)]

    def best(self, origin: str, cosigner: str) -> ReceiptRow | None:
        """Return an agency's receipt over the largest checkpoint of a stream."""
        return self._first(ReceiptRow, _BEST, {"origin_": origin, "cosigner_": cosigner})

    def covering(self, origin: str, size: int, root: bytes) -> list[ReceiptRow]:
        """Return receipts over exactly this checkpoint."""
        return self._all(ReceiptRow, _COVERING, {"origin_": origin, "size_": size, "root_": root})

    def from_size(self, origin: str, size: int) -> list[ReceiptRow]:
        """Return receipts over a checkpoint of `size` or more, smallest first."""
        return self._all(ReceiptRow, _FROM_SIZE, {"origin_": origin, "size_": size})


class Heads(Area):
    """The last heartbeat of each agency: its time, the head of its log, its newest manifest."""

    def name(self, row: NamedManifestRow) -> None:
        """Store what an agency's last heartbeat names."""
        self._connection.execute(_FORGET_NAMED, {"agency_": row.agency})
        self._connection.execute(_ADD_NAMED, asdict(row))

    def named(self, agency: str) -> NamedManifestRow | None:
        """Return what an agency's last heartbeat names."""
        return self._first(NamedManifestRow, _NAMED_OF, {"agency_": agency})

    def all_named(self) -> list[NamedManifestRow]:
        """Return what the last heartbeat of each agency names, by agency."""
        return self._all(NamedManifestRow, _NAMED)

    def save(self, row: HeadsRow) -> None:
        changed = self._connection.execute(
            _SET_HEADS,
            {
                "agency_": row.agency,
                "heard_": row.heard_ms,
                "size_": row.log_size,
                "root_": row.log_root,
            },
        )
        if changed.rowcount == 0:
            self._connection.execute(_ADD_HEADS, asdict(row))

    def get(self, agency: str) -> HeadsRow | None:
        return self._first(HeadsRow, _HEADS_OF, {"agency_": agency})

    def all(self) -> list[HeadsRow]:
        return self._all(HeadsRow, _HEADS)
