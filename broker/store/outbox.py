"""Outbox: sealed events until Kafka acknowledges them, then the sender's archive.

A row is written three times: added (with its disclosure entry), indexed under the lease (before
Kafka gets it, so that a crash resends the same bytes) and marked as sent. Rows are never deleted.
When the content is cleared, leaf and proof remain, which can close a gap on replay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from operator import attrgetter

from sqlalchemy import bindparam, func, insert, select, union_all, update

from broker.errors import StoreError
from broker.store import schema
from broker.store.area import Area, generation, in_parts, of_partition
from broker.store.rows import HeldOutboxRow, Indexed, NewOutboxRow, OutboxCounts, OutboxRow, Sent
from broker.tlog.checkpoint import GenerationPlace

_t = schema.outbox
_COLUMNS = (
    _t.c.seq,
    _t.c.event_id,
    _t.c.topic,
    _t.c.partition,
    _t.c.value,
    (_t.c.priority == 0).label("urgent"),
    _t.c.added_ms,
    _t.c.generation,
    _t.c.idx,
    _t.c.leaf,
    _t.c.proof,
    _t.c.kafka_offset,
    _t.c.sent_ms,
    _t.c.clear_id,
)
_PENDING = _t.c.generation.is_(None) & _t.c.held_code.is_(None)
_SEALED_AGAIN = "sealed_again"
"""Held code of a row whose event was sealed again; such a row waits for nothing."""
_DISCARDED = "discarded"
"""Held code of a row that a person discarded; it also waits for nothing."""
_HELD = _t.c.held_code.is_not(None) & _t.c.held_code.not_in((_SEALED_AGAIN, _DISCARDED))
_UNSENT = _t.c.generation.is_not(None) & _t.c.sent_ms.is_(None)

_ADD_MANY = insert(_t)
_SELECT_PENDING = (
    select(*_COLUMNS).where(_PENDING).order_by(_t.c.priority, _t.c.seq).limit(bindparam("limit_"))
)
_SELECT_PENDING_OF_OTHERS = _SELECT_PENDING.where(
    _t.c.topic.not_in(bindparam("without_", expanding=True))
)
_INDEX = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"), _PENDING)
    .values(
        generation=bindparam("generation_"),
        idx=bindparam("index_"),
        leaf=bindparam("leaf_"),
        proof=bindparam("proof_"),
    )
)
_SELECT_UNSENT = select(*_COLUMNS).where(_UNSENT).order_by(_t.c.generation, _t.c.idx, _t.c.seq)
_HOLD = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"))
    .values(held_code=bindparam("code_"), held_ms=bindparam("now_"))
)
_SELECT_HELD = (
    select(_t.c.seq, _t.c.event_id, _t.c.topic, _t.c.held_code, _t.c.held_ms)
    .where(_HELD)
    .order_by(_t.c.held_ms, _t.c.seq)
    .limit(bindparam("limit_"))
)
_COUNT_HELD = select(func.count(), func.min(_t.c.held_ms)).select_from(_t).where(_HELD)
_RELEASE = (
    update(_t)
    .where(_HELD, _t.c.event_id.in_(bindparam("events_", expanding=True)))
    .values(held_code=_SEALED_AGAIN)
)
_DISCARD = (
    update(_t).where(_HELD, _t.c.event_id == bindparam("event_id_")).values(held_code=_DISCARDED)
)
_CLEAR_DISCARDED = (
    update(_t)
    .where(
        _t.c.event_id == bindparam("event_id_"),
        _t.c.held_code == _DISCARDED,
        _t.c.generation.is_(None),  # published rows stay in the archive
    )
    .values(value=None)
)
_UNSENT_STREAMS = select(_t.c.topic, _t.c.partition, _t.c.generation).where(_UNSENT).distinct()
_MARK_SENT = (
    update(_t)
    .where(_t.c.seq == bindparam("seq_"))
    .values(kafka_offset=bindparam("offset_"), sent_ms=bindparam("now_"))
)
_ARCHIVED = (
    select(*_COLUMNS)
    .where(
        of_partition(_t),
        _t.c.generation == bindparam("generation_"),
        _t.c.idx >= bindparam("first_"),
        _t.c.idx <= bindparam("last_"),
    )
    .order_by(_t.c.idx)
)
# The newest row: after a revocation, the newly published record is the valid one. Of the records of
# one event, the one whose id in the clear is asked for comes first.
_RECORD_ID = func.coalesce(_t.c.clear_id, _t.c.event_id)
_FIND = (
    select(*_COLUMNS)
    .where((_t.c.event_id == bindparam("event_id_")) | (_t.c.clear_id == bindparam("event_id_")))
    .order_by((bindparam("event_id_") == _RECORD_ID).desc(), _t.c.seq.desc())
    .limit(1)
)
_GET = select(*_COLUMNS).where(_t.c.seq == bindparam("seq_"))
_HELD_CODE = select(_t.c.held_code).where(_t.c.seq == bindparam("seq_"))
_PROGRESS = select(_t.c.sent_ms, _t.c.held_code).where(
    _t.c.seq > bindparam("after_"), _t.c.seq <= bindparam("last_")
)
_SENT_SINCE = (
    select(_t.c.event_id, _RECORD_ID, _t.c.sent_ms)
    .where(_t.c.sent_ms.is_(None) | (_t.c.sent_ms >= bindparam("since_")))
    .order_by(_t.c.seq)
)
_LEAVES = (
    select(_t.c.idx, _t.c.leaf)
    .where(
        of_partition(_t),
        _t.c.generation == bindparam("generation_"),
        _t.c.idx >= bindparam("first_"),
        _t.c.idx <= bindparam("last_"),
    )
    .order_by(_t.c.idx)
)
_FORGET = (
    update(_t)
    .where(_t.c.value.is_not(None), _t.c.sent_ms.is_not(None), _t.c.sent_ms < bindparam("before_"))
    .values(value=None)
)
_FORGET_EVENTS = (
    update(_t)
    .where(
        _t.c.event_id.in_(bindparam("events_", expanding=True)),
        _t.c.value.is_not(None),
        _t.c.sent_ms.is_not(None),
    )
    .values(value=None)
)
_WAITING_SINCE = union_all(
    *(
        select(_t.c.topic, func.count(), func.min(_t.c.added_ms))
        .where(state, _t.c.added_ms < bindparam("before_"))
        .group_by(_t.c.topic)
        for state in (_PENDING, _UNSENT)
    )
)
_COUNT_UNSENT_EVENTS = (
    select(func.count())
    .select_from(_t)
    .where(
        _t.c.event_id.in_(bindparam("events_", expanding=True)),
        _t.c.value.is_not(None),
        _t.c.sent_ms.is_(None),
    )
)
_COUNT_PENDING = select(func.count(), func.min(_t.c.seq)).select_from(_t).where(_PENDING)
_COUNT_UNSENT = select(func.count(), func.min(_t.c.seq)).select_from(_t).where(_UNSENT)
_COUNT_HELD_UNINDEXED = (
    select(func.count())
    .select_from(_t)
    .where(_t.c.held_code.is_not(None), _t.c.generation.is_(None))
)
_LAST = select(func.max(_t.c.seq))
_ADDED = select(_t.c.added_ms).where(_t.c.seq == bindparam("seq_"))


_grouped = attrgetter("topic", "partition")


class Outbox(Area):
    """Sealed events: added, indexed in a stream, acknowledged by Kafka, archived."""

    def add_many(self, rows: Sequence[NewOutboxRow], now: int) -> list[int]:
        """Add events in one statement. Returns sequence numbers in the order of `rows`."""
        if not rows:
            return []
        first = self.last() + 1  # no transaction that was rolled back leaves a gap: see `counts`
        added = list(range(first, first + len(rows)))
        self._connection.execute(
            _ADD_MANY,
            [_parameters(row, now) | {"seq": seq} for seq, row in zip(added, rows, strict=True)],
        )
        return added

    def pending(self, limit: int, without: Collection[str] = ()) -> list[OutboxRow]:
        # Oldest of all first, then grouped: a busy partition cannot starve a quiet one.
        """Return the `limit` most urgent and oldest rows without an index, except of some topics.

        They are grouped by (topic, partition). In a group, urgent rows come first, then older ones.
        """
        if without:
            asked = {"limit_": limit, "without_": list(without)}
            rows = self._all(OutboxRow, _SELECT_PENDING_OF_OTHERS, asked)
        else:
            rows = self._all(OutboxRow, _SELECT_PENDING, {"limit_": limit})
        rows.sort(key=_grouped)  # stable sort: the order inside a group stays
        return rows

    def index(self, rows: Sequence[Indexed]) -> None:
        """Set the index of rows in a stream.

        Raises:
            StoreError: `outbox_indexed` if a row has one or does not exist.
        """
        if not rows:
            return
        done = self._connection.execute(
            _INDEX,
            [
                {
                    "seq_": seq,
                    "generation_": generation,
                    "index_": index,
                    "leaf_": leaf,
                    "proof_": proof,
                }
                for seq, generation, index, leaf, proof in rows
            ],
        )
        if done.rowcount != len(rows):
            raise StoreError(
                "an outbox row to be indexed already has an index or does not exist",
                code="outbox_indexed",
            )

    def hold(self, seq: int, code: str, now: int) -> None:
        """Hold a row whose event must be sealed again. It is no longer pending."""
        self._connection.execute(_HOLD, {"seq_": seq, "code_": code, "now_": now})

    def discard(self, event_id: str) -> bool:
        """Mark a held event as discarded. Returns whether it was held."""
        held = self._connection.execute(_DISCARD, {"event_id_": event_id}).rowcount > 0
        self._connection.execute(_CLEAR_DISCARDED, {"event_id_": event_id})
        return held

    def held(self, limit: int) -> list[HeldOutboxRow]:
        """Return the oldest `limit` rows whose event must be sealed again."""
        return self._all(HeldOutboxRow, _SELECT_HELD, {"limit_": limit})

    def held_count(self) -> tuple[int, int | None]:
        """Return the number of held rows, and the time of the oldest in ms."""
        count, oldest = self._connection.execute(_COUNT_HELD).one()
        return count, oldest

    def sealed_again(self, event_ids: Sequence[str]) -> None:
        """Mark held rows whose events were sealed again."""
        if event_ids:
            self._connection.execute(_RELEASE, {"events_": list(event_ids)})

    def unsent(self) -> list[OutboxRow]:
        """Return indexed rows that Kafka has not acknowledged, by (generation, index)."""
        return self._all(OutboxRow, _SELECT_UNSENT)

    def unsent_streams(self) -> set[tuple[str, int, str]]:
        """Return (topic, partition, generation) of the rows of `unsent`."""
        return {(row[0], row[1], row[2]) for row in self._connection.execute(_UNSENT_STREAMS)}

    def mark_sent(self, rows: Sequence[Sent]) -> None:
        if rows:
            self._connection.execute(
                _MARK_SENT,
                [{"seq_": seq, "offset_": offset, "now_": now} for seq, offset, now in rows],
            )

    def archived(self, log: GenerationPlace, first: int, last: int) -> list[OutboxRow]:
        """Return indexed rows of an own log from index `first` to `last`, both included."""
        return self._all(OutboxRow, _ARCHIVED, _range(log, first, last))

    def find(self, event_id: str) -> OutboxRow | None:
        """Return the newest row of an event or of the record of that id in the clear.

        Slow: it has no index, so that adding stays cheap.
        """
        return self._first(OutboxRow, _FIND, {"event_id_": event_id})

    def get(self, seq: int) -> OutboxRow | None:
        """Return a row."""
        return self._first(OutboxRow, _GET, {"seq_": seq})

    def held_code(self, seq: int) -> str | None:
        """Return the code for which a row is held; None if it is not."""
        code: str | None = self._connection.scalar(_HELD_CODE, {"seq_": seq})
        return code

    def last(self) -> int:
        """Return the number of the newest row, 0 if there is none."""
        found: int = self._connection.scalar(_LAST) or 0
        return found

    def progress(self, after: int, last: int) -> list[tuple[int | None, str | None]]:
        """Return when Kafka acknowledged each row after a number up to a last, and why it is held.

        A row is (sent at in ms, code of the hold).
        """
        asked = {"after_": after, "last_": last}
        return [(sent, code) for sent, code in self._connection.execute(_PROGRESS, asked)]

    def sent_since(self, since_ms: int) -> list[tuple[str, str, int | None]]:
        """Return event id, id in the clear and time of what was sent since then, or is not sent.

        Slow: it has no index, so that adding stays cheap.
        """
        found = self._connection.execute(_SENT_SINCE, {"since_": since_ms})
        return [(event_id, clear_id, sent_ms) for event_id, clear_id, sent_ms in found]

    def leaves(self, log: GenerationPlace, first: int, last: int) -> list[tuple[int, bytes]]:
        """Return (index, leaf hash) of rows from `first` to `last`, both included, by index."""
        found = self._connection.execute(_LEAVES, _range(log, first, last))
        return [(index, leaf) for index, leaf in found if index is not None and leaf is not None]

    def forget_content(self, before_ms: int) -> int:
        """Clear the sealed bytes of rows sent before a time. Returns how many rows.

        Leaf and proof stay.
        """
        return self._connection.execute(_FORGET, {"before_": before_ms}).rowcount

    def forget_events(self, event_ids: Sequence[str]) -> int:
        """Clear the sealed bytes of sent events. Returns how many rows."""
        return sum(
            self._connection.execute(_FORGET_EVENTS, {"events_": part}).rowcount
            for part in _parts(event_ids)
        )

    def unsent_of(self, event_ids: Sequence[str]) -> int:
        """Return how many of these events have content and are not sent."""
        return sum(
            self._connection.execute(_COUNT_UNSENT_EVENTS, {"events_": part}).scalar_one()
            for part in _parts(event_ids)
        )

    def waiting_since(self, before_ms: int) -> list[tuple[str, int, int]]:
        """Return (topic, events, time of the oldest) of older rows without acknowledgement."""
        found: dict[str, tuple[int, int]] = {}
        for topic, events, oldest in self._connection.execute(
            _WAITING_SINCE, {"before_": before_ms}
        ):
            known, since = found.get(topic, (0, oldest))
            found[topic] = (known + events, min(since, oldest))
        return [(topic, *found[topic]) for topic in sorted(found)]

    def counts(self) -> OutboxCounts:
        pending, first = self._connection.execute(_COUNT_PENDING).one()
        unsent, first_unsent = self._connection.execute(_COUNT_UNSENT).one()
        total: int = self._connection.scalar(_LAST) or 0  # rows are never deleted
        held: int = self._connection.scalar(_COUNT_HELD_UNINDEXED) or 0
        sent = total - pending - unsent - held
        return OutboxCounts(pending, unsent, sent, self._added(first), self._added(first_unsent))

    def _added(self, seq: int | None) -> int | None:
        return None if seq is None else self._connection.scalar(_ADDED, {"seq_": seq})


def _parts(event_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split ids without repeats into lists that fit one statement."""
    known = list(dict.fromkeys(event_ids))
    yield from in_parts(known)


def _parameters(row: NewOutboxRow, now: int) -> dict[str, object]:
    return {
        "event_id": row.event_id,
        "clear_id": row.clear_id,
        "topic": row.topic,
        "partition": row.partition,
        "value": row.value,
        "priority": 0 if row.urgent else 1,
        "added_ms": now,
    }


def _range(log: GenerationPlace, first: int, last: int) -> dict[str, object]:
    return generation(log) | {"first_": first, "last_": last}
