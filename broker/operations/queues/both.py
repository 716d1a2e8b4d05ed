"""The two queues by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from broker.agency.participant import load_participant
from broker.agency.running import open_held_state
from broker.operations.queues.event_queue import EventQueue
from broker.operations.queues.inbox_queue import InboxQueue
from broker.operations.queues.outbox_queue import OutboxQueue


def opened_queue(name: Literal["outbox", "inbox"], agency: Path, now: int) -> EventQueue:
    """Load an agency and open one of its queues.

    Raises:
        ConcordantError: the agency's folder cannot be loaded, or its state cannot be opened.
    """
    participant = load_participant(agency, now)
    store = open_held_state(participant)
    return (OutboxQueue if name == "outbox" else InboxQueue)(participant, store)
