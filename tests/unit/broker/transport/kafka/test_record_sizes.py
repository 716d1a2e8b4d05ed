"""Sizes of records: an event fits a batch, and the largest contract its topic."""

from __future__ import annotations

import pytest

from broker.errors import TransportError
from broker.record import (
    CONTENT_TYPE_HEADER,
    CONTRACT_CONTENT_TYPE,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.registry.contract_notes import CONTRACT_NOTE_LIMIT_BYTES
from broker.statements.signed_contract import pack_contract
from broker.transport.kafka.raw import MAX_BATCH_BYTES
from broker.transport.kafka.sender import BATCH_BYTES, MAX_REQUEST_BYTES, KafkaSender
from broker.transport.topics import MAX_CONTRACT_BATCH_BYTES
from contracts.loading import AGREEMENT_BYTES

LARGEST = pack_contract(bytes(AGREEMENT_BYTES), bytes(CONTRACT_NOTE_LIMIT_BYTES))
ROOM = 4096
"""Bytes for the batch's and the record's own fields."""


def record(content_type: bytes, value: bytes) -> Record:
    return Record("pan-london.contracts", 0, ((CONTENT_TYPE_HEADER, content_type),), value)


def test_every_limit_on_the_way_leaves_room_for_the_largest_contract() -> None:
    needed = len(LARGEST) + ROOM
    assert needed < min(MAX_BATCH_BYTES, MAX_REQUEST_BYTES, MAX_CONTRACT_BATCH_BYTES)


@pytest.mark.parametrize(
    ("content_type", "value"),
    [
        (SEALED_CONTENT_TYPE, bytes(BATCH_BYTES)),
        (CONTRACT_CONTENT_TYPE, bytes(MAX_REQUEST_BYTES)),
    ],
)
async def test_a_larger_record_is_refused_before_kafka_is_asked(
    content_type: bytes, value: bytes
) -> None:
    sender = KafkaSender(None)  # type: ignore[arg-type]  # it is refused before
    with pytest.raises(TransportError) as refused:
        await sender.send([record(content_type, value)])
    assert refused.value.code == "record_too_large"
