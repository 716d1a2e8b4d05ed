"""The rows of the disclosure log; what they mean and how they are hashed is `broker.audit`'s."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, insert, select

from broker.store import schema
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow

_d = schema.disclosures
_c = schema.disclosure_checkpoints

_COLUMNS = (
    _d.c.idx,
    _d.c.time_ms,
    _d.c.kind,
    _d.c.case_key,
    _d.c.salt,
    _d.c.entry,
    _d.c.leaf,
)
_APPEND = insert(_d)
_LAST = select(func.max(_d.c.idx))
_READ = (
    select(*_COLUMNS)
    .where(_d.c.idx >= bindparam("first_"))
    .order_by(_d.c.idx)
    .limit(bindparam("limit_"))
)
_LEAVES = (
    select(_d.c.leaf)
    .where(_d.c.idx >= bindparam("start_"), _d.c.idx < bindparam("stop_"))
    .order_by(_d.c.idx)
)
_BY_CASE = select(*_COLUMNS).where(_d.c.case_key == bindparam("case_")).order_by(_d.c.idx)
_ADD_CHECKPOINT = insert(_c)
_CHECKPOINTS = select(*_c.c).order_by(_c.c.size)
_LAST_CHECKPOINT = select(*_c.c).order_by(_c.c.size.desc()).limit(1)


class Disclosures:
    """`DisclosuresArea` on SQL."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, rows: Sequence[DisclosureRow]) -> None:
        if rows:
            self._connection.execute(
                _APPEND,
                [
                    {
                        "idx": row.index,
                        "time_ms": row.time_ms,
                        "kind": row.kind,
                        "case_key": row.case_key,
                        "salt": row.salt,
                        "entry": row.entry,
                        "leaf": row.leaf,
                    }
                    for row in rows
                ],
            )

    def size(self) -> int:
        last: int | None = self._connection.scalar(_LAST)
        return 0 if last is None else last + 1

    def read(self, first: int, limit: int) -> list[DisclosureRow]:
        found = self._connection.execute(_READ, {"first_": first, "limit_": limit})
        return [DisclosureRow(*row) for row in found]

    def leaves(self, start: int, stop: int) -> list[bytes]:
        return list(self._connection.scalars(_LEAVES, {"start_": start, "stop_": stop}))

    def by_case(self, case_key: bytes) -> list[DisclosureRow]:
        return [
            DisclosureRow(*row) for row in self._connection.execute(_BY_CASE, {"case_": case_key})
        ]

    def add_checkpoint(self, row: DisclosureCheckpointRow) -> None:
        self._connection.execute(
            _ADD_CHECKPOINT,
            {"size": row.size, "root": row.root, "time_s": row.time_s, "text": row.text},
        )

    def checkpoints(self) -> list[DisclosureCheckpointRow]:
        return [DisclosureCheckpointRow(*row) for row in self._connection.execute(_CHECKPOINTS)]

    def last_checkpoint(self) -> DisclosureCheckpointRow | None:
        found = self._connection.execute(_LAST_CHECKPOINT).first()
        return None if found is None else DisclosureCheckpointRow(*found)
