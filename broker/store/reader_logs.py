"""Leaves and signed checkpoints of other senders' streams.

A small number represents each generation, because its name in each row would triple the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import (
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from broker.errors import StoreError
from broker.store import reader_schema
from broker.store.area import Area, generation, of_generation
from broker.store.dialects import least, upsert
from broker.store.reader_rows import (
    Checkpointed,
    CheckpointRow,
    Leaf,
    LeafStatus,
)
from broker.tlog.checkpoint import GenerationPlace

_g = reader_schema.reader_generations
_l = reader_schema.reader_leaves
_c = reader_schema.reader_checkpoints

_OF_GENERATION = of_generation(_g)
_GENERATION = select(_g.c.id).where(_OF_GENERATION)
_ADD_GENERATION = insert(_g)

_NEW_LEAF = upsert(_l)
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
_IS_MISSING = _l.c.status == literal_column("'content_missing'")  # must match the partial index
_WITHOUT_CONTENT = (
    select(_g.c.agency, _g.c.topic, _g.c.partition, _g.c.generation, func.count())
    .join_from(_l, _g, _l.c.generation_id == _g.c.id)
    .where(_IS_MISSING)
    .group_by(_g.c.id)
    .order_by(_g.c.id)
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

_NEW_CHECKPOINT = upsert(_c)
_SAVE_CHECKPOINT = _NEW_CHECKPOINT.on_conflict_do_update(
    index_elements=[_c.c.generation_id, _c.c.size],
    # a checkpoint from a link has no time of its own: its first record supplies it
    set_={
        "lowest_index": least(_c.c.lowest_index, _NEW_CHECKPOINT.excluded.lowest_index),
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


class ReaderLogs(Area):
    """Leaves and signed checkpoints of other senders' streams."""

    def has_generation(self, log: GenerationPlace) -> bool:
        """Return whether a record or a link of a generation is known."""
        place = generation(log)
        return self._connection.scalar(_GENERATION, place) is not None

    def save_leaves(self, log: GenerationPlace, leaves: Sequence[Leaf]) -> None:
        """Store leaves. Only the status of a known leaf changes.

        Raises:
            StoreError: `store_conflict` if a known index has another leaf.
        """
        if not leaves:
            return
        id_ = self._generation(log)
        done = self._connection.execute(
            _SAVE_LEAVES,
            [
                {"generation_id": id_, "idx": index, "leaf": leaf, "status": status}
                for index, leaf, status in leaves
            ],
        )
        if done.rowcount != len(leaves):
            raise StoreError(
                "another record is known at this index of the sender's stream",
                code="store_conflict",
            )

    def leaf(self, log: GenerationPlace, index: int) -> tuple[bytes, LeafStatus] | None:
        found = self._connection.execute(_LEAF, generation(log) | {"index_": index}).first()
        return None if found is None else (found[0], cast(LeafStatus, found[1]))

    def any_opened(self, log: GenerationPlace, first: int, last: int) -> bool:
        """Return whether any record from `first` to `last` was opened here (`stored`)."""
        place = generation(log) | {"first_": first, "last_": last}
        return self._connection.execute(_ANY_OPENED, place).first() is not None

    def leaves(self, log: GenerationPlace, first: int, last: int) -> list[Leaf]:
        """Return known leaves from `first` to `last`, both included, by index."""
        found = self._connection.execute(
            _LEAVES,
            generation(log) | {"first_": first, "last_": last},
        )
        return [(index, leaf, cast(LeafStatus, status)) for index, leaf, status in found]

    def without_content(self) -> list[tuple[GenerationPlace, int]]:
        """Return (log, count) of `content_missing` leaves."""
        found = self._connection.execute(_WITHOUT_CONTENT)
        return [(GenerationPlace(*log), count) for *log, count in found]

    def missing_content(self, log: GenerationPlace, first: int, limit: int) -> list[int]:
        """Return the lowest `limit` indices from `first` on that are `content_missing`."""
        found = self._connection.scalars(
            _MISSING,
            generation(log) | {"first_": first, "limit_": limit},
        )
        return list(found)

    def set_status(
        self,
        log: GenerationPlace,
        index: int,
        status: LeafStatus,
    ) -> None:
        self._connection.execute(
            _SET_STATUS,
            generation(log) | {"index_": index, "status_": status},
        )

    def save_checkpoints(
        self,
        log: GenerationPlace,
        checkpoints: Sequence[Checkpointed],
    ) -> None:
        """Store checkpoints by size, each with the smallest lowest index seen under it.

        Raises:
            StoreError: `checkpoint_conflict` if a stored size has another root.
        """
        if not checkpoints:
            return
        id_ = self._generation(log)
        sizes = [checkpoint[0] for checkpoint in checkpoints]
        found = self._connection.execute(_ROOTS, {"generation_id_": id_, "sizes_": sizes})
        kept: dict[int, bytes] = {row.size: row.root for row in found}
        for size, root, *_ in checkpoints:
            if kept.setdefault(size, root) != root:
                raise StoreError(
                    "the stored checkpoint of this size has another root",
                    code="checkpoint_conflict",
                    where="/".join(map(str, log)),
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

    def checkpoint_at(self, log: GenerationPlace, size: int) -> CheckpointRow | None:
        return self._checkpoint(_CHECKPOINT_AT, log, size)

    def checkpoint_above(self, log: GenerationPlace, index: int) -> CheckpointRow | None:
        """Return the checkpoint of the smallest stored size above `index`."""
        return self._checkpoint(_CHECKPOINT_ABOVE, log, index)

    def checkpoint_below(self, log: GenerationPlace, size: int) -> CheckpointRow | None:
        """Return the checkpoint of the largest stored size below `size`."""
        return self._checkpoint(_CHECKPOINT_BELOW, log, size)

    def _generation(self, log: GenerationPlace) -> int:
        """Return the number that represents a generation; assign one at its first leaf."""
        place = generation(log)
        known: int | None = self._connection.scalar(_GENERATION, place)
        if known is not None:
            return known
        return self._insert(_ADD_GENERATION, log._asdict())

    def _checkpoint(
        self,
        statement: Select[int, bytes, int, int, bytes],
        log: GenerationPlace,
        size: int,
    ) -> CheckpointRow | None:
        found: Row[int, bytes, int, int, bytes] | None = self._connection.execute(
            statement, generation(log) | {"size_": size}
        ).first()
        return None if found is None else CheckpointRow(*found)
