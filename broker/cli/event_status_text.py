"""Text of ``concordant event status``: the state at each recipient in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from broker.codes.meanings import CODES
from broker.utc_text import moment

if TYPE_CHECKING:
    from broker.operations.event_status import EventState, EventStatus

_IN_WORDS: Final[Mapping[EventState, str]] = {
    "accepted": "accepted here; it is not on Kafka yet",
    "on_kafka": "sent; the recipient has not confirmed it yet",
    "stored": "the recipient has received it; its own system has not answered yet",
    "delivered": "the recipient's own system has it",
    "put_aside": "the recipient has it, but its own system did not take it. People there can still "
    "correct this; telephone them if it is urgent",
    "refused": "the recipient will not get it as it is",
    "later": "it waits here until the recipient can be reached, and is then sent by itself",
    "unknown": "no answer in the agreed time. Ask the recipient",
}


def status_text(status: EventStatus) -> str:
    """Return the state at each recipient: the state, since when, and the reason."""
    lines = [f"Event {status.event_id}"]
    for one in status.recipients:
        lines.append(f"  {one.agency}: {_IN_WORDS[one.state]}.")
        lines.append(f"    state {one.state}, since {moment(one.since_ms)}")
        if one.code is not None:
            known = CODES.get(one.code)
            lines.append(f"    reason {one.code}" + (f": {known.means}" if known else ""))
    return "\n".join(lines)
