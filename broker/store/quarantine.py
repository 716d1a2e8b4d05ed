"""Refused records, and evidence against a sender.

A record that fails steps 0 to 4 is not authenticated. Only its position, hash and code are kept, in
a list of fixed length, so that an outsider cannot fill the disk. A record that fails later is
signed by a party. It is kept with its bytes while it is held, and counts against that party's
quota. A record that was opened or discarded keeps its place, its code and its size.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import (
    LargeBinary,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from broker.errors import RefusedError
from broker.record import Record
from broker.store import schema
from broker.store.area import Area
from broker.store.rows import (
    EndedStatus,
    EvidenceRow,
    HeldSize,
    QuarantineRow,
    QuarantineStatus,
    UnauthenticatedRow,
)
from broker.tlog.checkpoint import Origin

UNAUTHENTICATED_ROWS = 10_000
"""Maximum number of unauthenticated records that are remembered ("a bounded list")."""

_q = schema.quarantine
_n = schema.unauthenticated
_e = schema.evidence
_COLUMNS = tuple(column for column in _q.c if column.name != "agency")
_WITHOUT_VALUE = tuple(
    literal(b"", LargeBinary).label("value") if column.name == "value" else column
    for column in _COLUMNS
)

_ADD = insert(_q)
_GET = select(*_COLUMNS).where(_q.c.id == bindparam("id_"))
_ALL = select(*_WITHOUT_VALUE).order_by(_q.c.id.desc()).limit(bindparam("limit_"))
_BY_STATUS = _ALL.where(_q.c.status == bindparam("status_"))
_END = (
    update(_q)
    .where(_q.c.id == bindparam("id_"), _q.c.status == "held")
    .values(status=bindparam("status_"), changed_ms=bindparam("now_"), value=b"")
)
_UNHEARD = (
    select(*_COLUMNS)
    .where(
        (_q.c.status == "waiting")
        | ((_q.c.status == "held") & _q.c.code.in_(bindparam("codes_", expanding=True))),
        _q.c.id > bindparam("after_"),
    )
    .order_by(_q.c.id)
    .limit(bindparam("limit_"))
)
_SETTLE = (
    update(_q)
    .where(_q.c.id == bindparam("id_"), _q.c.status == "waiting")
    .values(
        status="held",
        step=bindparam("step_"),
        code=bindparam("code_"),
        detail=bindparam("detail_"),
        changed_ms=bindparam("now_"),
    )
)
_OPENED = (
    update(_q)
    .where(_q.c.id == bindparam("id_"), _q.c.status.in_(("waiting", "held")))
    .values(status="retried", changed_ms=bindparam("now_"), value=b"")
)
_WAITING = select(
    func.count(), func.min(_q.c.added_ms), func.coalesce(func.sum(_q.c.bytes), 0)
).where(_q.c.status == "waiting")
_WAITING_OF = _WAITING.where(_q.c.agency == bindparam("agency_"))
_LAST_OF = select(func.max(_q.c.added_ms)).where(
    _q.c.status == "waiting", _q.c.origin == bindparam("origin_")
)
_HELD = select(func.count()).select_from(_q).where(_q.c.status == "held")
_HELD_SINCE = (
    select(func.count(), func.min(_q.c.added_ms)).select_from(_q).where(_q.c.status == "held")
)
_HELD_OF = _HELD.where(_q.c.agency == bindparam("agency_"))
_HELD_BY_AGENCY = (
    select(_q.c.agency, func.count(), func.sum(_q.c.bytes))
    .where(_q.c.status == "held")
    .group_by(_q.c.agency)
    .order_by(_q.c.agency)
)
_COUNTS = (
    select(_q.c.code, _q.c.agency, func.count(), func.min(_q.c.added_ms))
    .where(_q.c.status == bindparam("status_"))
    .group_by(_q.c.code, _q.c.agency)
    .order_by(_q.c.code, _q.c.agency)
)
_SIZE_OF = _HELD_BY_AGENCY.where(_q.c.agency == bindparam("agency_"))

_ADD_UNAUTHENTICATED = insert(_n)
_TRIM_UNAUTHENTICATED = delete(_n).where(_n.c.id <= bindparam("oldest_"))
_UNAUTHENTICATED = (
    select(_n.c.topic, _n.c.partition, _n.c.kafka_offset, _n.c.sha256, _n.c.code, _n.c.seen_ms)
    .order_by(_n.c.id.desc())
    .limit(bindparam("limit_"))
)

_ADD_EVIDENCE = insert(_e)
_EVIDENCE = select(*_e.c).order_by(_e.c.id)
_EVIDENCE_ORIGINS = select(_e.c.origin).where(_e.c.kind == bindparam("kind_")).order_by(_e.c.id)


class Quarantine(Area):
    """Authenticated records that were refused, and a bounded list of unauthenticated records."""

    def add(
        self,
        record: Record,
        headers_json: str,
        origin: Origin,
        index: int,
        refusal: RefusedError,
        now: int,
        status: QuarantineStatus = "held",
    ) -> int:
        """Add a record that has a value. Returns the row's id."""
        assert record.value is not None
        return self._insert(
            _ADD,
            {
                "topic": record.topic,
                "partition": record.partition,
                "kafka_offset": record.offset,
                "origin": origin.format(),
                "agency": origin.agency,
                "idx": index,
                "step": float(refusal.step),
                "code": refusal.code,
                "detail": refusal.detail,
                "value": record.value,
                "headers_json": headers_json,
                "status": status,
                "added_ms": now,
                "changed_ms": now,
                "bytes": len(record.value) + len(headers_json),
            },
        )

    def get(self, id: int) -> QuarantineRow | None:  # noqa: A002 - the column's name
        return self._first(QuarantineRow, _GET, {"id_": id})

    def end(self, id: int, status: EndedStatus, now: int) -> bool:  # noqa: A002 - the column's name
        """Release a record from hold and clear its bytes. Returns whether it was held."""
        asked = {"id_": id, "status_": status, "now_": now}
        return self._connection.execute(_END, asked).rowcount == 1

    def unheard(self, after: int, limit: int, codes: Collection[str]) -> tuple[QuarantineRow, ...]:
        """Return records that wait or are held with one of these codes, with their bytes, by id."""
        asked = {"after_": after, "limit_": limit, "codes_": sorted(codes)}
        return tuple(self._all(QuarantineRow, _UNHEARD, asked))

    def waiting(self, agency: str | None = None) -> tuple[int, int | None, int]:
        """Return number, oldest arrival (ms) and bytes of records that wait for a receipt."""
        found = (
            self._connection.execute(_WAITING)
            if agency is None
            else self._connection.execute(_WAITING_OF, {"agency_": agency})
        ).one()
        return found[0], found[1], int(found[2])

    def last_waiting(self, origin: str) -> int | None:
        """Return when the last record of a stream came that waits, ms."""
        last: int | None = self._connection.scalar(_LAST_OF, {"origin_": origin})
        return last

    def settle(self, id: int, refusal: RefusedError, now: int) -> bool:  # noqa: A002 - the column's name
        """Hold a record that waited. Returns whether it waited."""
        asked = {
            "id_": id,
            "step_": float(refusal.step),
            "code_": refusal.code,
            "detail_": refusal.detail,
            "now_": now,
        }
        return self._connection.execute(_SETTLE, asked).rowcount == 1

    def opened(self, id: int, now: int) -> None:  # noqa: A002 - the column's name
        """End the wait or the hold of a record that was opened; clear its bytes."""
        self._connection.execute(_OPENED, {"id_": id, "now_": now})

    def count(self, agency: str | None = None) -> int:
        """Return the number of held records, of one sender or of all."""
        count: int = (
            self._connection.execute(_HELD)
            if agency is None
            else self._connection.execute(_HELD_OF, {"agency_": agency})
        ).scalar_one()
        return count

    def sizes(self) -> dict[str, HeldSize]:
        """Return records and bytes held of each sender; a sender without any is left out."""
        found = self._connection.execute(_HELD_BY_AGENCY)
        return {agency: HeldSize(records, int(size)) for agency, records, size in found}

    def counts(self, status: QuarantineStatus) -> list[tuple[str, str, int, int]]:
        """Return code, sender, number and time of the oldest (ms) of the records of a status."""
        found = self._connection.execute(_COUNTS, {"status_": status})
        return [(code, agency, count, oldest_ms) for code, agency, count, oldest_ms in found]

    def size_of(self, agency: str) -> HeldSize:
        """Return records and bytes held of one sender."""
        found = self._connection.execute(_SIZE_OF, {"agency_": agency}).first()
        return HeldSize() if found is None else HeldSize(found[1], int(found[2]))

    def held(self) -> tuple[int, int | None]:
        """Return the number of held records, and the time of the oldest in ms."""
        count, oldest = self._connection.execute(_HELD_SINCE).one()
        return count, oldest

    def add_unauthenticated(self, record: Record, sha256: bytes, code: str, now: int) -> None:
        """Add an unauthenticated record. The newest 10,000 are kept."""
        number = self._insert(
            _ADD_UNAUTHENTICATED,
            {
                "topic": record.topic,
                "partition": record.partition,
                "kafka_offset": record.offset,
                "sha256": sha256,
                "code": code,
                "seen_ms": now,
            },
        )
        if number > UNAUTHENTICATED_ROWS:
            oldest = {"oldest_": number - UNAUTHENTICATED_ROWS}
            self._connection.execute(_TRIM_UNAUTHENTICATED, oldest)

    def unauthenticated(self, limit: int = 100) -> tuple[UnauthenticatedRow, ...]:
        """Return the newest `limit` unauthenticated records, newest first."""
        found = self._connection.execute(_UNAUTHENTICATED, {"limit_": limit})
        return tuple(UnauthenticatedRow(*row) for row in found)

    # Last in the class, because the name hides the built-in `list` from later annotations.
    def list(self, status: QuarantineStatus | None = None, limit: int = 100) -> list[QuarantineRow]:
        """Return the newest `limit` records, oldest first, without their bytes."""
        rows = (
            self._all(QuarantineRow, _ALL, {"limit_": limit})
            if status is None
            else self._all(QuarantineRow, _BY_STATUS, {"limit_": limit, "status_": status})
        )
        rows.reverse()
        return rows


class Equivocations(Area):
    """Pairs of signed texts that contradict each other (equivocation). They are never deleted."""

    def add(self, kind: str, origin: str, text_a: bytes, text_b: bytes, now: int) -> int:
        return self._insert(
            _ADD_EVIDENCE,
            {
                "kind": kind,
                "origin": origin,
                "text_a": text_a,
                "text_b": text_b,
                "found_ms": now,
            },
        )

    def origins(self, kind: str) -> tuple[str, ...]:
        """Return streams with evidence of a kind, oldest first."""
        return tuple(self._connection.scalars(_EVIDENCE_ORIGINS, {"kind_": kind}))

    def list(self) -> list[EvidenceRow]:
        return self._all(EvidenceRow, _EVIDENCE)
