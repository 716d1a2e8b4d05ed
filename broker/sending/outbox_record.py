"""The record that Kafka gets for a row of the outbox (docs/spec/streams.md, "Replay").

The same row always gives the same bytes: what is sent again, after a crash or because somebody
asked, is what was sent before. Where the content is gone, the leaf hash takes its place.
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


def record_of(row: OutboxRow) -> Record:
    """The record of a row that has its place in a stream."""
    assert row.proof is not None
    assert row.leaf is not None
    content_type, value = SEALED_CONTENT_TYPE, row.value
    if value is None:
        content_type, value = LEAF_CONTENT_TYPE, row.leaf
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, row.proof))
    return Record(row.topic, row.partition, headers, value)


def copy_of(row: OutboxRow) -> NewOutboxRow:
    """The same sealed value, once more: its first place stays as evidence of what was signed."""
    assert row.value is not None
    return NewOutboxRow(row.event_id, row.topic, row.partition, row.value, row.urgent)
