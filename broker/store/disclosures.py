"""Rows of the disclosure log; `broker.audit` defines their content and hashes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from broker.store import schema
from broker.store.area import Area, in_parts
from broker.store.dialects import upsert
from broker.store.rows import DisclosureCheckpointRow, DisclosureRow

_d = schema.disclosures
_c = schema.disclosure_checkpoints
_s = schema.case_sources
_r = schema.log_reasons

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
_AT = (
    select(*_COLUMNS).where(_d.c.idx.in_(bindparam("indexes_", expanding=True))).order_by(_d.c.idx)
)
_LEAVES = (
    select(_d.c.leaf)
    .where(_d.c.idx >= bindparam("start_"), _d.c.idx < bindparam("stop_"))
    .order_by(_d.c.idx)
)
_BY_CASE = select(*_COLUMNS).where(_d.c.case_key == bindparam("case_")).order_by(_d.c.idx)
_ADD_CHECKPOINT = insert(_c)
_CHECKPOINTS = select(*_c.c).where(_c.c.size >= bindparam("first_")).order_by(_c.c.size)
_LAST_CHECKPOINT = select(*_c.c).order_by(_c.c.size.desc()).limit(1)

_SOURCES = select(_s.c.case_key, _s.c.source).where(
    _s.c.case_key.in_(bindparam("cases_", expanding=True))
)
_ADD_SOURCE = upsert(_s).on_conflict_do_nothing()
_FORGET_SOURCES = delete(_s).where(_s.c.case_key == bindparam("case_"))
_ADD_REASON = upsert(_r).on_conflict_do_nothing()
_REASON = select(_r.c.sealed).where(_r.c.sha256 == bindparam("sha256_"))
_FORGET_REASONS = delete(_r).where(_r.c.sha256.in_(bindparam("hashes_", expanding=True)))


class Disclosures(Area):
    """The leaves and signed checkpoints of this agency's disclosure log."""

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
        """Return rows from index `first` on, by index."""
        return self._all(DisclosureRow, _READ, {"first_": first, "limit_": limit})

    def at(self, indexes: Sequence[int]) -> list[DisclosureRow]:
        """Return the rows of these indexes that exist, by index; `indexes` ascend."""
        return [
            row
            for part in in_parts(indexes)
            for row in self._all(DisclosureRow, _AT, {"indexes_": list(part)})
        ]

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return leaf hashes with start <= index < stop."""
        return list(self._connection.scalars(_LEAVES, {"start_": start, "stop_": stop}))

    def by_case(self, case_key: bytes) -> list[DisclosureRow]:
        return [
            DisclosureRow(*row) for row in self._connection.execute(_BY_CASE, {"case_": case_key})
        ]

    def join_sources(
        self, pairs: Collection[tuple[bytes, str]]
    ) -> dict[tuple[bytes, str], tuple[str, ...]]:
        """Add sources of cases: (case key, agency), with an empty agency for our own system.

        Returns:
            Each new pair, with the sources that the case had before, sorted.
        """
        cases = list(dict.fromkeys(case for case, _ in pairs))
        known: dict[bytes, set[str]] = {case: set() for case in cases}
        for part in in_parts(cases):
            for case, source in self._connection.execute(_SOURCES, {"cases_": part}):
                known[case].add(source)
        joined: dict[tuple[bytes, str], tuple[str, ...]] = {}
        for case, source in pairs:
            if source not in known[case]:
                joined[case, source] = tuple(sorted(known[case]))
                known[case].add(source)
        if joined:
            rows = [{"case_key": case, "source": source} for case, source in joined]
            self._connection.execute(_ADD_SOURCE, rows)
        return joined

    def forget_sources(self, case_key: bytes) -> None:
        self._connection.execute(_FORGET_SOURCES, {"case_": case_key})

    def add_reason(self, sha256: bytes, sealed: bytes) -> None:
        """Store an encrypted reason beside the log, under its hash."""
        self._connection.execute(_ADD_REASON, {"sha256": sha256, "sealed": sealed})

    def reason(self, sha256: bytes) -> bytes | None:
        sealed: bytes | None = self._connection.scalar(_REASON, {"sha256_": sha256})
        return sealed

    def forget_reasons(self, hashes: Sequence[bytes]) -> int:
        """Remove encrypted reasons. Returns how many were removed."""
        return sum(
            self._connection.execute(_FORGET_REASONS, {"hashes_": list(part)}).rowcount
            for part in in_parts(hashes)
        )

    def add_checkpoint(self, row: DisclosureCheckpointRow) -> None:
        self._connection.execute(
            _ADD_CHECKPOINT,
            {"size": row.size, "root": row.root, "time_s": row.time_s, "text": row.text},
        )

    def checkpoints(self, first: int = 0) -> list[DisclosureCheckpointRow]:
        """Return the checkpoints from size `first` on, by size."""
        return self._all(DisclosureCheckpointRow, _CHECKPOINTS, {"first_": first})

    def last_checkpoint(self) -> DisclosureCheckpointRow | None:
        return self._first(DisclosureCheckpointRow, _LAST_CHECKPOINT)
