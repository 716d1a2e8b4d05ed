"""An opened event as the inbox keeps it until the agency's system has it."""

from __future__ import annotations

import orjson

from broker.event import OpenedEvent


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
    """The inverse of ``format_payload``."""
    stored = orjson.loads(payload)
    for name in ("to", "withheld", "contract"):
        stored[name] = tuple(stored[name])
    return OpenedEvent(**stored)
