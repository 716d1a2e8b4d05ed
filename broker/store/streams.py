"""The sender's own streams: every generation with its head (protocol, "Proof header").

A generation's name begins with its opening time in hexadecimal and is always greater, as text,
than its predecessor's, so the newest is the last by name.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from broker.store import schema
from broker.store.rows import GenerationRow

_t = schema.generations
_newest = _t.alias("newest")
_OF_PARTITION = (
    select(*_t.c)
    .where(_t.c.topic == bindparam("topic_"), _t.c.partition == bindparam("partition_"))
    .order_by(_t.c.name.desc())
    .limit(1)
)
_WITH_RECORDS = _OF_PARTITION.where(_t.c.size > 0)
_NAMED = _OF_PARTITION.where(_t.c.name == bindparam("name_"))
_HEADS = (
    select(*_t.c)
    .where(
        _t.c.trial == bindparam("trial_"),
        _t.c.name
        == select(func.max(_newest.c.name))
        .where(
            _newest.c.topic == _t.c.topic,
            _newest.c.partition == _t.c.partition,
            _newest.c.size > 0,
        )
        .scalar_subquery(),
    )
    .order_by(_t.c.topic, _t.c.partition)
)
_INSERT = insert(_t)
_UPDATE = (
    update(_t)
    .where(
        _t.c.topic == bindparam("topic_"),
        _t.c.partition == bindparam("partition_"),
        _t.c.name == bindparam("name_"),
    )
    .values(
        size=bindparam("size_"),
        frontier=bindparam("frontier_"),
        root=bindparam("root_"),
        log_time_s=bindparam("log_time_s_"),
    )
)


class Streams:
    """The sender's own streams. Name, link and opening of a generation never change."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def current(self, topic: str, partition: int) -> GenerationRow | None:
        """The newest generation."""
        found = self._connection.execute(
            _OF_PARTITION, {"topic_": topic, "partition_": partition}
        ).first()
        return None if found is None else _row(found)

    def last_with_records(self, topic: str, partition: int) -> GenerationRow | None:
        found = self._connection.execute(
            _WITH_RECORDS, {"topic_": topic, "partition_": partition}
        ).first()
        return None if found is None else _row(found)

    def named(self, topic: str, partition: int, name: str) -> GenerationRow | None:
        found = self._connection.execute(
            _NAMED, {"topic_": topic, "partition_": partition, "name_": name}
        ).first()
        return None if found is None else _row(found)

    def save(self, row: GenerationRow) -> None:
        changed = self._connection.execute(
            _UPDATE,
            {
                "topic_": row.topic,
                "partition_": row.partition,
                "name_": row.name,
                "size_": row.size,
                "frontier_": row.frontier,
                "root_": row.root,
                "log_time_s_": row.log_time_s,
            },
        )
        if changed.rowcount == 0:
            self._connection.execute(_INSERT, asdict(row))

    def heads(self, trial: bool = False) -> list[GenerationRow]:
        """The newest generation that holds a record, of every (topic, partition)."""
        return [_row(row) for row in self._connection.execute(_HEADS, {"trial_": trial})]


def _row(row: Row[*tuple[Any, ...]]) -> GenerationRow:
    return GenerationRow(*row)  # columns in the order of the fields
