"""Store of the sender's own streams: every generation with its head (protocol, "Proof header").

A generation's name begins with its opening time in hexadecimal and is always greater, as text, than
its predecessor's, so the newest is the last by name.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import bindparam, func, insert, select, update

from broker.record import KafkaPartition
from broker.store import schema
from broker.store.area import Area, of_partition, partition
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import GenerationPlace

_t = schema.generations
_newest = _t.alias("newest")
_OF_PARTITION = select(*_t.c).where(of_partition(_t)).order_by(_t.c.name.desc()).limit(1)
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
        of_partition(_t),
        _t.c.name == bindparam("name_"),
    )
    .values(
        size=bindparam("size_"),
        frontier=bindparam("frontier_"),
        root=bindparam("root_"),
        log_time_s=bindparam("log_time_s_"),
    )
)


class Streams(Area):
    """The sender's own streams. Name, link and opening time of a generation never change."""

    def current(self, of: KafkaPartition) -> GenerationRow | None:
        """Return the newest generation."""
        return self._first(GenerationRow, _OF_PARTITION, partition(of))

    def last_with_records(self, of: KafkaPartition) -> GenerationRow | None:
        return self._first(GenerationRow, _WITH_RECORDS, partition(of))

    def named(self, log: GenerationPlace) -> GenerationRow | None:
        asked = partition(log.kafka_partition) | {"name_": log.generation}
        return self._first(GenerationRow, _NAMED, asked)

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
        """Return the newest generation with a record, of every (topic, partition)."""
        return self._all(GenerationRow, _HEADS, {"trial_": trial})
