"""Store of heartbeats kept as evidence (docs/spec/heartbeats.md, "Kept").

A note is stored once, with one row for each head that it was the first to cover. When the last of
its heads is deleted, the note is deleted too. `broker.control.heartbeat_retention` decides which
heads to keep.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from broker.errors import StoreError
from broker.store import reader_schema
from broker.store.area import Area, generation, of_generation
from broker.store.reader_rows import KeptHeadRow
from broker.tlog.checkpoint import GenerationPlace

_n = reader_schema.heartbeats
_h = reader_schema.heartbeat_heads
_later = _h.alias("later")

_OF_GENERATION = of_generation(_h)
_NEWEST_TWO = (
    select(_h.c.size)
    .where(_OF_GENERATION, _h.c.key_id == bindparam("key_id_"))
    .order_by(_h.c.size.desc())
    .limit(2)
)  # inserted at the end of the primary key
_NEWEST_SIZE = _NEWEST_TWO.limit(1)
_HEARTBEAT_OF = select(_h.c.heartbeat_id).where(
    _OF_GENERATION, _h.c.size == bindparam("size_"), _h.c.key_id == bindparam("key_id_")
)
_COVERING = (
    select(*_h.c)
    .where(_OF_GENERATION, _h.c.size > bindparam("index_"))
    .order_by(_h.c.size, _h.c.time_ms)
)
_KEEP = insert(_n)
_KEEP_HEADS = insert(_h)
_NOTE = select(_n.c.note).where(_n.c.id == bindparam("id_"))
_SUPERSEDED = select(_h.c.size, _h.c.heartbeat_id).where(
    _OF_GENERATION, _h.c.key_id == bindparam("key_id_"), _h.c.time_ms >= bindparam("since_")
)
_DROP_HEAD = delete(_h).where(
    _OF_GENERATION, _h.c.size == bindparam("size_"), _h.c.key_id == bindparam("key_id_")
)
_HEADS_LEFT = select(_h.c.size).where(_h.c.heartbeat_id == bindparam("id_")).limit(1)
_DROP_NOTE = delete(_n).where(_n.c.id == bindparam("id_"))
_THIN = delete(_h).where(
    _h.c.time_ms < bindparam("before_"),
    select(_later.c.size)
    .where(
        _later.c.agency == _h.c.agency,
        _later.c.topic == _h.c.topic,
        _later.c.partition == _h.c.partition,
        _later.c.generation == _h.c.generation,
        _later.c.key_id == _h.c.key_id,
        _later.c.size > _h.c.size,
    )
    .exists(),
)
_DROP_BEFORE = delete(_h).where(_h.c.time_ms < bindparam("before_"))
_DROP_EMPTY = delete(_n).where(~select(_h.c.size).where(_h.c.heartbeat_id == _n.c.id).exists())
_NEWEST_SIZES = (
    select(_n.c.time_ms, func.length(_n.c.note))
    .where(_n.c.agency == bindparam("agency_"))
    .order_by(_n.c.id.desc())
    .limit(bindparam("limit_"))
)  # an agency's times rise with the ids, so these are the newest
_COUNT = select(func.count()).select_from(_n)


class Heartbeats(Area):
    """Heartbeats kept as evidence (docs/spec/heartbeats.md, "Kept")."""

    def newest_size(self, log: GenerationPlace, key_id: bytes) -> int:
        """Return the greatest size of a kept head of this generation and key, or 0."""
        place = generation(log) | {"key_id_": key_id}
        newest: int | None = self._connection.scalar(_NEWEST_SIZE, place)
        return newest or 0

    def keep(
        self,
        agency: str,
        time_ms: int,
        note: bytes,
        key_id: bytes,
        heads: Sequence[tuple[GenerationPlace, int]],
    ) -> None:
        """Store a heartbeat for `heads`: (log, size)."""
        number = self._insert(_KEEP, {"agency": agency, "time_ms": time_ms, "note": note})
        self._connection.execute(
            _KEEP_HEADS,
            [
                log._asdict()
                | {
                    "size": size,
                    "key_id": key_id,
                    "time_ms": time_ms,
                    "heartbeat_id": number,
                }
                for log, size in heads
            ],
        )

    def newest_bytes(self, agency: str, since_ms: int, limit: int) -> list[int]:
        """Return the bytes of each of an agency's last `limit` kept heartbeats since a time."""
        found = self._connection.execute(_NEWEST_SIZES, {"agency_": agency, "limit_": limit})
        return [size for time_ms, size in found if time_ms >= since_ms]

    def covering(self, log: GenerationPlace, index: int) -> list[KeptHeadRow]:
        """Return kept heads whose size is above `index`, smallest first."""
        place = generation(log)
        return self._all(KeptHeadRow, _COVERING, place | {"index_": index})

    def note(self, heartbeat_id: int) -> bytes:
        note: bytes | None = self._connection.scalar(_NOTE, {"id_": heartbeat_id})
        if note is None:
            raise StoreError("a kept head has no heartbeat", code="store_corrupt")
        return note

    def drop_heads(self, log: GenerationPlace, key_id: bytes, since_ms: int) -> None:
        """Delete the heads of this generation and key since a time."""
        place = generation(log)
        dropped = self._connection.execute(
            _SUPERSEDED, place | {"key_id_": key_id, "since_": since_ms}
        ).all()
        for size, heartbeat_id in dropped:
            self._drop(place | {"size_": size, "key_id_": key_id}, heartbeat_id)

    def newest_sizes(self, log: GenerationPlace, key_id: bytes) -> list[int]:
        """Return the two greatest sizes of kept heads of a generation and key, greatest first."""
        place = generation(log) | {"key_id_": key_id}
        return list(self._connection.scalars(_NEWEST_TWO, place))

    def drop_head(self, log: GenerationPlace, key_id: bytes, size: int) -> None:
        """Delete a head, and its heartbeat if this was the last of its heads."""
        head = generation(log) | {"key_id_": key_id, "size_": size}
        heartbeat_id: int | None = self._connection.scalar(_HEARTBEAT_OF, head)
        if heartbeat_id is not None:
            self._drop(head, heartbeat_id)

    def _drop(self, head: dict[str, object], heartbeat_id: int) -> None:
        self._connection.execute(_DROP_HEAD, head)
        if self._connection.execute(_HEADS_LEFT, {"id_": heartbeat_id}).first() is None:
            self._connection.execute(_DROP_NOTE, {"id_": heartbeat_id})

    def thin(self, before_ms: int) -> None:
        """Delete each head before the time that has a later one of its generation and key."""
        self._connection.execute(_THIN, {"before_": before_ms})
        self._connection.execute(_DROP_EMPTY)

    def drop_before(self, before_ms: int) -> None:
        """Delete every head before the time."""
        self._connection.execute(_DROP_BEFORE, {"before_": before_ms})
        self._connection.execute(_DROP_EMPTY)

    def count(self) -> int:
        """Return the number of kept heartbeats."""
        count: int = self._connection.execute(_COUNT).scalar_one()
        return count
