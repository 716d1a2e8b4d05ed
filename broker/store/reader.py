"""What this agency holds of other senders' streams ("Opening", step 4).

The state of a stream is an opaque value under a version: saving it fails if anyone saved since
it was read, which is how a rebalance between judging and committing is noticed (step 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import (
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import sqlite

from broker.errors import StoreError
from broker.store import schema
from broker.store.rows import (
    Checkpointed,
    CheckpointRow,
    DeferredRow,
    GapRow,
    Leaf,
    LeafStatus,
    StateChange,
)

_s = schema.reader_states
_o = schema.reader_gaps
_g = schema.reader_generations
_l = schema.reader_leaves
_c = schema.reader_checkpoints
_p = schema.reader_positions
_d = schema.reader_deferred

_OF_STREAM = (
    (_s.c.agency == bindparam("agency_"))
    & (_s.c.topic == bindparam("topic_"))
    & (_s.c.partition == bindparam("partition_"))
)
_STATE = select(_s.c.version, _s.c.state).where(_OF_STREAM)
_VERSION = select(_s.c.version).where(_OF_STREAM)
_HEAD = select(_s.c.state).where(_OF_STREAM)
_HEADS = select(_s.c.agency, _s.c.topic, _s.c.partition, _s.c.state).order_by(
    _s.c.agency, _s.c.topic, _s.c.partition
)
_STOPPED = select(_s.c.agency, _s.c.topic, _s.c.partition).where(_s.c.stopped)
_PLACES_OF = (
    select(_s.c.topic, _s.c.partition)
    .where(_s.c.agency == bindparam("agency_"))
    .order_by(_s.c.topic, _s.c.partition)
)
_SIZE_OF = select(
    func.coalesce(func.sum(_s.c.bytes), 0), func.coalesce(func.sum(_s.c.gaps), 0)
).where(_s.c.agency == bindparam("agency_"))
_SIZES = select(
    _s.c.agency, func.sum(_s.c.bytes), func.sum(_s.c.gaps), func.sum(_s.c.stopped)
).group_by(_s.c.agency)
_ADD_STATE = insert(_s)
_SAVE_STATE = (
    update(_s)
    .where(_OF_STREAM, _s.c.version == bindparam("expected_"))
    .values(
        version=_s.c.version + 1,
        state=bindparam("state_"),
        bytes=bindparam("bytes_"),
        gaps=bindparam("gaps_"),
        stopped=bindparam("stopped_"),
    )
)

_OF_GAPS = (
    (_o.c.agency == bindparam("agency_"))
    & (_o.c.topic == bindparam("topic_"))
    & (_o.c.partition == bindparam("partition_"))
)
_GAPS = (
    select(_o.c.generation, _o.c.first, _o.c.last, _o.c.body)
    .where(_OF_GAPS)
    .order_by(_o.c.generation, _o.c.first)
)
_RANGES = (
    select(_o.c.topic, _o.c.partition, _o.c.generation, _o.c.first, _o.c.last)
    .where(
        _o.c.agency == bindparam("agency_"),
        tuple_(_o.c.topic, _o.c.partition, _o.c.generation, _o.c.first)
        > tuple_(
            bindparam("topic_"), bindparam("partition_"), bindparam("generation_"), bindparam("at_")
        ),
    )
    .order_by(_o.c.topic, _o.c.partition, _o.c.generation, _o.c.first)
    .limit(bindparam("limit_"))
)
_DROP_GAP = delete(_o).where(
    _OF_GAPS, _o.c.generation == bindparam("generation_"), _o.c.first == bindparam("first_")
)
_NEW_GAP = sqlite.insert(_o)
_SAVE_GAP = _NEW_GAP.on_conflict_do_update(
    index_elements=[_o.c.agency, _o.c.topic, _o.c.partition, _o.c.generation, _o.c.first],
    set_={"last": _NEW_GAP.excluded.last, "body": _NEW_GAP.excluded.body},
)

_OF_GENERATION = (
    (_g.c.agency == bindparam("agency_"))
    & (_g.c.topic == bindparam("topic_"))
    & (_g.c.partition == bindparam("partition_"))
    & (_g.c.generation == bindparam("generation_"))
)
_GENERATION = select(_g.c.id).where(_OF_GENERATION)
_ADD_GENERATION = insert(_g)

_NEW_LEAF = sqlite.insert(_l)
_SAVE_LEAVES = _NEW_LEAF.on_conflict_do_update(
    index_elements=[_l.c.generation_id, _l.c.idx],
    set_={"status": _NEW_LEAF.excluded.status},
    where=_l.c.leaf == _NEW_LEAF.excluded.leaf,
)
_OF_LEAF = (_l.c.generation_id == _GENERATION.scalar_subquery()) & (_l.c.idx == bindparam("index_"))
_LEAF = select(_l.c.leaf, _l.c.status).where(_OF_LEAF)
_LEAVES = (
    select(_l.c.idx, _l.c.leaf, _l.c.status)
    .where(
        _l.c.generation_id == _GENERATION.scalar_subquery(),
        _l.c.idx >= bindparam("first_"),
        _l.c.idx <= bindparam("last_"),
    )
    .order_by(_l.c.idx)
)
_ANY_OPENED = (
    select(_l.c.idx)
    .where(
        _l.c.generation_id == _GENERATION.scalar_subquery(),
        _l.c.idx >= bindparam("first_"),
        _l.c.idx <= bindparam("last_"),
        _l.c.status == "stored",
    )
    .limit(1)
)
_IS_MISSING = _l.c.status == literal_column("'content_missing'")  # as the partial index says it
_WITHOUT_CONTENT = (
    select(_g.c.agency, _g.c.topic, _g.c.partition, _g.c.generation, func.count())
    .join_from(_l, _g, _l.c.generation_id == _g.c.id)
    .where(_IS_MISSING)
    .group_by(_l.c.generation_id)
)
_MISSING = (
    select(_l.c.idx)
    .where(
        _l.c.generation_id == _GENERATION.scalar_subquery(),
        _IS_MISSING,
        _l.c.idx >= bindparam("first_"),
    )
    .order_by(_l.c.idx)
    .limit(bindparam("limit_"))
)
_SET_STATUS = update(_l).where(_OF_LEAF).values(status=bindparam("status_"))

_NEW_CHECKPOINT = sqlite.insert(_c)
_SAVE_CHECKPOINT = _NEW_CHECKPOINT.on_conflict_do_update(
    index_elements=[_c.c.generation_id, _c.c.size],
    # what was kept from a link has no time of its own: the first record under it brings that
    set_={
        "lowest_index": func.min(_c.c.lowest_index, _NEW_CHECKPOINT.excluded.lowest_index),
        "time_s": case((_c.c.time_s == 0, _NEW_CHECKPOINT.excluded.time_s), else_=_c.c.time_s),
        "text": case((_c.c.time_s == 0, _NEW_CHECKPOINT.excluded.text), else_=_c.c.text),
    },
    where=or_(
        _NEW_CHECKPOINT.excluded.lowest_index < _c.c.lowest_index,
        and_(_c.c.time_s == 0, _NEW_CHECKPOINT.excluded.time_s != 0),
    ),
)
_ROOTS = select(_c.c.size, _c.c.root).where(
    _c.c.generation_id == bindparam("generation_id_"),
    _c.c.size.in_(bindparam("sizes_", expanding=True)),
)
_CHECKPOINT = select(_c.c.size, _c.c.root, _c.c.time_s, _c.c.lowest_index, _c.c.text).where(
    _c.c.generation_id == _GENERATION.scalar_subquery()
)
_CHECKPOINT_AT = _CHECKPOINT.where(_c.c.size == bindparam("size_"))
_CHECKPOINT_ABOVE = _CHECKPOINT.where(_c.c.size > bindparam("size_")).order_by(_c.c.size).limit(1)
_CHECKPOINT_BELOW = (
    _CHECKPOINT.where(_c.c.size < bindparam("size_")).order_by(_c.c.size.desc()).limit(1)
)

_OF_PARTITION = (_p.c.topic == bindparam("topic_")) & (_p.c.partition == bindparam("partition_"))
_POSITION = select(_p.c.next_offset).where(_OF_PARTITION)
_MOVE = update(_p).where(_OF_PARTITION).values(next_offset=bindparam("next_"))
_ADD_POSITION = insert(_p)

_OF_DEFERRED = (_d.c.topic == bindparam("topic_")) & (_d.c.partition == bindparam("partition_"))
_DEFERRED = (
    select(_d.c.topic, _d.c.partition, _d.c.agency, _d.c.kafka_offset, _d.c.reason, _d.c.since_ms)
    .where(_OF_DEFERRED)
    .order_by(_d.c.kafka_offset)
)
_ALL_DEFERRED = select(
    _d.c.topic, _d.c.partition, _d.c.agency, _d.c.kafka_offset, _d.c.reason, _d.c.since_ms
).order_by(_d.c.topic, _d.c.partition, _d.c.kafka_offset)
_NEW_DEFERRED = sqlite.insert(_d)
_DEFER = _NEW_DEFERRED.on_conflict_do_update(
    index_elements=[_d.c.topic, _d.c.partition, _d.c.agency],
    set_={
        "kafka_offset": _NEW_DEFERRED.excluded.kafka_offset,
        "reason": _NEW_DEFERRED.excluded.reason,
        "since_ms": _NEW_DEFERRED.excluded.since_ms,
    },
    where=_NEW_DEFERRED.excluded.kafka_offset < _d.c.kafka_offset,
)
_CLEAR_DEFERRED = delete(_d).where(_OF_DEFERRED, _d.c.agency == bindparam("agency_"))


class Reader:
    """Other senders' streams as this agency knows them."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(
        self, agency: str, topic: str, partition: int
    ) -> tuple[int, tuple[bytes, list[GapRow]]] | None:
        """(version, (head, gaps in ascending order)), or None before the first record."""
        place = _stream(agency, topic, partition)
        found = self._connection.execute(_STATE, place).first()
        if found is None:
            return None
        gaps = [(*row,) for row in self._connection.execute(_GAPS, place)]
        return found[0], (found[1], gaps)

    def state_version(self, agency: str, topic: str, partition: int) -> int:
        """The version of a state; 0 before the first record."""
        version: int | None = self._connection.scalar(_VERSION, _stream(agency, topic, partition))
        return version or 0

    def state_head(self, agency: str, topic: str, partition: int) -> bytes | None:
        """The head of a state, without its gaps."""
        head: bytes | None = self._connection.scalar(_HEAD, _stream(agency, topic, partition))
        return head

    def state_heads(self) -> list[tuple[str, str, int, bytes]]:
        """(agency, topic, partition, head) of every stream."""
        return [(*row,) for row in self._connection.execute(_HEADS)]

    def has_generation(self, agency: str, topic: str, partition: int, generation: str) -> bool:
        """Whether a record or a link of a generation is known."""
        place = _place(agency, topic, partition, generation)
        return self._connection.scalar(_GENERATION, place) is not None

    def state_size(self, agency: str) -> tuple[int, int]:
        """(bytes, gaps) that the states of a sender use of its limits."""
        (row,) = self._connection.execute(_SIZE_OF, {"agency_": agency})
        return int(row[0]), int(row[1])

    def state_sizes(self) -> list[tuple[str, int, int, int]]:
        """(agency, bytes, gaps, stopped partitions) of every sender."""
        found = self._connection.execute(_SIZES)
        return [(row[0], int(row[1]), int(row[2]), int(row[3])) for row in found]

    def stopped(self) -> list[tuple[str, str, int]]:
        """(agency, topic, partition) of streams that stopped at a contradiction."""
        return [(*row,) for row in self._connection.execute(_STOPPED)]

    def places_of(self, agency: str) -> list[tuple[str, int]]:
        """(topic, partition) of every state of a sender."""
        return [(*row,) for row in self._connection.execute(_PLACES_OF, {"agency_": agency})]

    def gap_ranges(
        self, agency: str, after: tuple[str, int, str, int], limit: int
    ) -> list[tuple[str, int, str, int, int]]:
        """(topic, partition, generation, first, last) of a sender's next open gaps.

        Args:
            agency: the sender.
            after: (topic, partition, generation, first) of the gap before.
            limit: at most how many.
        """
        topic, partition, generation, first = after
        found = self._connection.execute(
            _RANGES,
            _place(agency, topic, partition, generation) | {"at_": first, "limit_": limit},
        )
        return [(*row,) for row in found]

    def save_state(
        self,
        agency: str,
        topic: str,
        partition: int,
        change: StateChange,
        expected_version: int,
    ) -> int:
        """Write a state. Returns its new version.

        Raises:
            StoreError: `state_changed` if the version is not `expected_version`.
        """
        place = _stream(agency, topic, partition)
        saved = self._connection.execute(
            _SAVE_STATE,
            place
            | {
                "expected_": expected_version,
                "state_": change.head,
                "bytes_": change.bytes,
                "gaps_": change.gaps,
                "stopped_": change.stopped,
            },
        )
        if saved.rowcount != 1:
            if expected_version != 0 or self.state_version(agency, topic, partition):
                raise StoreError(
                    "the state of a sender's stream changed since it was read",
                    code="state_changed",
                    where=f"{agency}/{topic}/{partition}",
                )
            self._connection.execute(
                _ADD_STATE,
                {
                    "agency": agency,
                    "topic": topic,
                    "partition": partition,
                    "version": 1,
                    "state": change.head,
                    "bytes": change.bytes,
                    "gaps": change.gaps,
                    "stopped": change.stopped,
                },
            )
        if change.removed:
            self._connection.execute(
                _DROP_GAP,
                [place | {"generation_": name, "first_": first} for name, first in change.removed],
            )
        if change.written:
            self._connection.execute(
                _SAVE_GAP,
                [
                    {
                        "agency": agency,
                        "topic": topic,
                        "partition": partition,
                        "generation": generation,
                        "first": first,
                        "last": last,
                        "body": body,
                    }
                    for generation, first, last, body in change.written
                ],
            )
        return expected_version + 1

    def save_leaves(
        self, agency: str, topic: str, partition: int, generation: str, leaves: Sequence[Leaf]
    ) -> None:
        """Keep leaves. Of a known leaf only the status changes.

        Raises:
            StoreError: `store_conflict` if a known index has another leaf.
        """
        if not leaves:
            return
        id_ = self._generation(agency, topic, partition, generation)
        done = self._connection.execute(
            _SAVE_LEAVES,
            [
                {"generation_id": id_, "idx": index, "leaf": leaf, "status": status}
                for index, leaf, status in leaves
            ],
        )
        if done.rowcount != len(leaves):
            raise StoreError(
                "an index of a sender's stream is known with another record", code="store_conflict"
            )

    def leaf(
        self, agency: str, topic: str, partition: int, generation: str, index: int
    ) -> tuple[bytes, LeafStatus] | None:
        found = self._connection.execute(
            _LEAF, _place(agency, topic, partition, generation) | {"index_": index}
        ).first()
        return None if found is None else (found[0], cast(LeafStatus, found[1]))

    def any_opened(
        self, agency: str, topic: str, partition: int, generation: str, first: int, last: int
    ) -> bool:
        """Whether a record from `first` to `last` was opened here (`stored`)."""
        place = _place(agency, topic, partition, generation) | {"first_": first, "last_": last}
        return self._connection.execute(_ANY_OPENED, place).first() is not None

    def leaves(
        self, agency: str, topic: str, partition: int, generation: str, first: int, last: int
    ) -> list[Leaf]:
        """Known leaves from `first` to `last`, both included, by index."""
        found = self._connection.execute(
            _LEAVES,
            _place(agency, topic, partition, generation) | {"first_": first, "last_": last},
        )
        return [(index, leaf, cast(LeafStatus, status)) for index, leaf, status in found]

    def without_content(self) -> list[tuple[str, str, int, str, int]]:
        """(agency, topic, partition, generation, count) of `content_missing` leaves."""
        return [(*row,) for row in self._connection.execute(_WITHOUT_CONTENT)]

    def missing_content(
        self, agency: str, topic: str, partition: int, generation: str, first: int, limit: int
    ) -> list[int]:
        """The lowest `limit` indices from `first` on that are `content_missing`."""
        found = self._connection.scalars(
            _MISSING,
            _place(agency, topic, partition, generation) | {"first_": first, "limit_": limit},
        )
        return list(found)

    def set_status(
        self,
        agency: str,
        topic: str,
        partition: int,
        generation: str,
        index: int,
        status: LeafStatus,
    ) -> None:
        self._connection.execute(
            _SET_STATUS,
            _place(agency, topic, partition, generation) | {"index_": index, "status_": status},
        )

    def save_checkpoints(
        self,
        agency: str,
        topic: str,
        partition: int,
        generation: str,
        checkpoints: Sequence[Checkpointed],
    ) -> None:
        """Keep checkpoints by size, each with the smallest lowest index seen under it.

        Raises:
            StoreError: `checkpoint_conflict` if a kept size has another root.
        """
        if not checkpoints:
            return
        id_ = self._generation(agency, topic, partition, generation)
        sizes = [checkpoint[0] for checkpoint in checkpoints]
        found = self._connection.execute(_ROOTS, {"generation_id_": id_, "sizes_": sizes})
        kept: dict[int, bytes] = {row.size: row.root for row in found}
        for size, root, *_ in checkpoints:
            if kept.setdefault(size, root) != root:
                raise StoreError(
                    "a kept checkpoint of this size has another root",
                    code="checkpoint_conflict",
                    where=f"{agency}/{topic}/{partition}/{generation}",
                )
        self._connection.execute(
            _SAVE_CHECKPOINT,
            [
                {
                    "generation_id": id_,
                    "size": size,
                    "root": root,
                    "time_s": time_s,
                    "lowest_index": lowest,
                    "text": text,
                }
                for size, root, time_s, lowest, text in checkpoints
            ],
        )

    def checkpoint_at(
        self, agency: str, topic: str, partition: int, generation: str, size: int
    ) -> CheckpointRow | None:
        return self._checkpoint(_CHECKPOINT_AT, agency, topic, partition, generation, size)

    def checkpoint_above(
        self, agency: str, topic: str, partition: int, generation: str, index: int
    ) -> CheckpointRow | None:
        """The checkpoint of the smallest kept size above `index`."""
        return self._checkpoint(_CHECKPOINT_ABOVE, agency, topic, partition, generation, index)

    def checkpoint_below(
        self, agency: str, topic: str, partition: int, generation: str, size: int
    ) -> CheckpointRow | None:
        """The checkpoint of the largest kept size below `size`."""
        return self._checkpoint(_CHECKPOINT_BELOW, agency, topic, partition, generation, size)

    def position(self, topic: str, partition: int) -> int | None:
        next_offset: int | None = self._connection.scalar(
            _POSITION, {"topic_": topic, "partition_": partition}
        )
        return next_offset

    def save_position(self, topic: str, partition: int, next_offset: int) -> None:
        moved = self._connection.execute(
            _MOVE, {"topic_": topic, "partition_": partition, "next_": next_offset}
        )
        if moved.rowcount == 0:
            self._connection.execute(
                _ADD_POSITION,
                {"topic": topic, "partition": partition, "next_offset": next_offset},
            )

    def defer(
        self, topic: str, partition: int, agency: str, offset: int, reason: str, since_ms: int
    ) -> None:
        """Keep the earliest offset of a sender's records that could not be judged yet."""
        self._connection.execute(
            _DEFER,
            {
                "topic": topic,
                "partition": partition,
                "agency": agency,
                "kafka_offset": offset,
                "reason": reason,
                "since_ms": since_ms,
            },
        )

    def deferred(self, topic: str, partition: int) -> list[DeferredRow]:
        """Deferred positions of a partition, by offset."""
        found = self._connection.execute(_DEFERRED, {"topic_": topic, "partition_": partition})
        return [DeferredRow(*row) for row in found]

    def all_deferred(self) -> list[DeferredRow]:
        """Every deferred position, by topic, partition and offset."""
        return [DeferredRow(*row) for row in self._connection.execute(_ALL_DEFERRED)]

    def clear_deferred(self, topic: str, partition: int, agency: str) -> None:
        self._connection.execute(_CLEAR_DEFERRED, _stream(agency, topic, partition))

    def _generation(self, agency: str, topic: str, partition: int, generation: str) -> int:
        """The small number that stands for a generation; given at its first leaf."""
        place = _place(agency, topic, partition, generation)
        known: int | None = self._connection.scalar(_GENERATION, place)
        if known is not None:
            return known
        key = self._connection.execute(
            _ADD_GENERATION,
            {
                "agency": agency,
                "topic": topic,
                "partition": partition,
                "generation": generation,
            },
        ).inserted_primary_key
        assert key is not None
        new: int = key[0]
        return new

    def _checkpoint(
        self,
        statement: Select[int, bytes, int, int, bytes],
        agency: str,
        topic: str,
        partition: int,
        generation: str,
        size: int,
    ) -> CheckpointRow | None:
        found: Row[int, bytes, int, int, bytes] | None = self._connection.execute(
            statement, _place(agency, topic, partition, generation) | {"size_": size}
        ).first()
        return None if found is None else CheckpointRow(*found)


def _stream(agency: str, topic: str, partition: int) -> dict[str, object]:
    return {"agency_": agency, "topic_": topic, "partition_": partition}


def _place(agency: str, topic: str, partition: int, generation: str) -> dict[str, object]:
    return {
        "agency_": agency,
        "topic_": topic,
        "partition_": partition,
        "generation_": generation,
    }
