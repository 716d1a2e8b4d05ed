"""Kafka record of a row of the outbox (docs/spec/streams.md, "Replay").

The same row always gives the same bytes, so a record that is sent again, after a crash or on
request, equals the first one. If the content was cleared, the leaf hash replaces it.
"""

from __future__ import annotations

from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.store.rows import NewOutboxRow, OutboxRow


def indexed_record(row: OutboxRow) -> Record:
    """Return the record of an indexed row."""
    assert row.proof is not None
    assert row.leaf is not None
    content_type, value = SEALED_CONTENT_TYPE, row.value
    if value is None:
        content_type, value = LEAF_CONTENT_TYPE, row.leaf
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, row.proof))
    return Record(row.topic, row.partition, headers, value)


def copy_of(row: OutboxRow) -> NewOutboxRow:
    """Return the same sealed value as a new row; its first position stays as evidence."""
    assert row.value is not None
    return NewOutboxRow(row.event_id, row.topic, row.partition, row.value, row.urgent, row.clear_id)
