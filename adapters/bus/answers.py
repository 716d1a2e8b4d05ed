"""Answers of the adapter on the bus: an event is accepted or refused, or a result is refused.

An answer holds ids, codes and names of fields, and no value of a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from uuid import uuid4

import orjson

from adapters.bus.clients import OutgoingMessage
from adapters.bus.cloud_events import (
    ANSWER,
    CloudEvent,
    agency_source,
    derived_id,
    format_cloud_event,
)
from broker.codes.meanings import next_step, own_event_step
from contracts.errors import ConcordantError, EventError


class Answers:
    """Makes answers.

    Args:
        agency: this agency's id.
    """

    def __init__(self, agency: str) -> None:
        self._source = agency_source(agency)

    def accepted(self, message: CloudEvent, answer: bytes) -> OutgoingMessage:
        """Return the answer to an accepted event; ``answer`` is that of the acceptance."""
        return self._of(_named(message), orjson.loads(answer))

    def refused(
        self, body: bytes, message: CloudEvent | None, error: ConcordantError
    ) -> OutgoingMessage:
        """Return the answer to a refused message.

        Args:
            body: its bytes, of which only the hash is used.
            message: None if it is no CloudEvent.
            error: why.
        """
        if message is None:
            about: Mapping[str, str | None] = {
                "source": None,
                "id": None,
                "sha256": sha256(body).hexdigest(),
            }
        else:
            about = _named(message)
        step = own_event_step(error) if isinstance(error, EventError) else next_step(error)
        refusal = {
            "code": error.code,
            "detail": error.detail,
            "field": error.where,
            "clause": getattr(error, "clause", None),
            "advice": step,
        }
        shown = {name: value for name, value in refusal.items() if value}
        return self._of(about, {"state": "refused", "refusal": shown})

    def _of(self, about: Mapping[str, str | None], data: Mapping[str, object]) -> OutgoingMessage:
        content = {"message": about, **data}
        id_ = derived_id(self._source, orjson.dumps(content).decode())
        # An id of its own for the bus: a system that repeats an event because it lost the answer
        # gets it again, also from a bus that drops repeats.
        return OutgoingMessage(str(uuid4()), format_cloud_event(id_, self._source, ANSWER, content))


def _named(message: CloudEvent) -> Mapping[str, str | None]:
    return {"source": message.source, "id": message.id}
