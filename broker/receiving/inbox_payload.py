"""Inbox row and payload of an opened event, stored until the agency's system has the event."""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.errors import StoreError
from broker.event import OpenedEvent
from broker.judging.verification import VerifiedRecord
from broker.store.rows import NewInboxRow

_TEXTS: Final = ("id", "type", "source", "time", "case_id")
_LISTS: Final = ("to", "withheld", "contract", "unlisted")
_CONTRACT_PARTS: Final = 3


def inbox_row(
    event: OpenedEvent,
    verified: VerifiedRecord,
    digests: bytes,
    case_key: bytes,
    now: int,
) -> NewInboxRow:
    """Return the inbox row of an event.

    Args:
        event: the opened event.
        verified: its record.
        digests: keyed digests of its fields, to recognise a repeat.
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
        verified.position.index,
        format_payload(event),
        digests,
        case_key,
        event.urgent,
        event.clear_id or None,
    )


def format_payload(event: OpenedEvent) -> bytes:
    """Format an opened event as the payload of its inbox row."""
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
            "case_id": event.case_id,
            "unlisted": event.unlisted,
        }
    )


def parse_payload(payload: bytes) -> OpenedEvent:
    """Parse the output of ``format_payload``.

    Raises:
        StoreError: ``store_corrupt``, ``format_payload`` did not write it.
    """
    try:
        stored: Any = {"unlisted": [], **orjson.loads(payload)}  # older payloads lack it
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
