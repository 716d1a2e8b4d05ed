"""An opened event as the inbox keeps it until the agency's system has it: row and payload."""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.judging.verification import VerifiedRecord
from broker.store.rows import NewInboxRow

_TEXTS: Final = ("id", "type", "source", "time")
_LISTS: Final = ("to", "withheld", "contract")
_CONTRACT_PARTS: Final = 3


def inbox_row(
    event: OpenedEvent,
    verified: VerifiedRecord,
    digests: bytes,
    case_key: bytes,
    now: int,
) -> NewInboxRow:
    """What the inbox keeps of an event.

    Args:
        event: opened.
        verified: the record in which it came.
        digests: keyed digests of its fields, by which a repeat is known.
        case_key: this agency's pseudonym of the case.
        now: ms.
    """
    return NewInboxRow(
        event.source,
        event.id,
        event.type,
        now,
        verified.origin.topic,
        verified.origin.partition,
        verified.origin.generation,
        verified.fact.index,
        format_payload(event),
        digests,
        case_key,
        event.urgent,
    )


def format_payload(event: OpenedEvent) -> bytes:
    """An opened event as the inbox keeps it until it was delivered."""
    return orjson.dumps(
        {
            "id": event.id,
            "type": event.type,
            "source": event.source,
            "time": event.time,
            "to": event.to,
            "flat": event.flat,
            "withheld": event.withheld,
            "contract": event.contract,
            "log_time": event.log_time,
            "urgent": event.urgent,
        }
    )


def parse_payload(payload: bytes) -> OpenedEvent:
    """The inverse of ``format_payload``.

    Raises:
        StoreError: ``store_corrupt``, the row does not hold what ``format_payload`` writes.
    """
    try:
        stored: Any = orjson.loads(payload)
        if any(type(stored[name]) is not str for name in _TEXTS):
            raise TypeError
        for name in _LISTS:
            items = stored[name]
            if type(items) is not list or any(type(item) is not str for item in items):
                raise TypeError
            stored[name] = tuple(items)
        if len(stored["contract"]) != _CONTRACT_PARTS or type(stored["flat"]) is not dict:
            raise TypeError
        event = OpenedEvent(**stored)
        if type(event.log_time) is not int or type(event.urgent) is not bool:
            raise TypeError
    except (ValueError, TypeError, KeyError):
        raise StoreError(
            "An event in the inbox is not what was written there.",
            code="store_corrupt",
            fix="Restore the state database from a backup, then read again from Kafka.",
        ) from None
    return event
