"""Results of the agency's systems, which come on the bus: imported, or rejected with a reason."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import orjson

from adapters.bus.answers import Answers
from adapters.bus.cloud_events import RESULT, CloudEvent, parse_cloud_event, require_message_size
from adapters.bus.reader import CALLER, MessageDecision, MessageReader
from adapters.exchange.errors import ExchangeError
from adapters.exchange.offering import Offering
from adapters.exchange.results import parse_import_result
from broker.observing.health import Check
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from contracts.errors import EventError

MOST_BYTES: Final = 16_384
_AGENCY: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


class BusResults:
    """Stores the results.

    Args:
        reader: reads the messages.
        offering: stores results.
        answers: makes the answers to refused ones.
        metrics: counts refused ones.
    """

    def __init__(
        self, reader: MessageReader, offering: Offering, answers: Answers, metrics: Metrics
    ) -> None:
        self._reader = reader
        self._offering = offering
        self._answers = answers
        self._metrics = metrics
        self._log = logger("bus")
        self.trouble: Check = reader.trouble

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take results until ``stop`` is set."""
        await self._reader.run(self.decide, stop, turned)

    def decide(self, body: bytes, headers: Mapping[str, str]) -> MessageDecision:
        """Store the result of a message, or refuse it.

        Raises:
            ConcordantError: nothing can be stored now.
        """
        message: CloudEvent | None = None
        try:
            require_message_size(body, MOST_BYTES)
            message = parse_cloud_event(body, headers)
            event_id, sender, result = _parts(message)
            self._offering.result(CALLER, event_id, sender, parse_import_result(result))
        except (EventError, ExchangeError) as error:
            self._metrics.item_refused(error.code)
            self._log.warning("bus_result_refused", code=error.code)
            return MessageDecision(self._answers.refused(body, message, error), error)
        return MessageDecision(None)


def _parts(message: CloudEvent) -> tuple[str, str, bytes]:
    """Return the event's id, its sender, and the result as JSON.

    Raises:
        ExchangeError: `result_malformed`.
    """
    document = orjson.loads(message.data)
    if message.type != RESULT:
        raise _malformed(f"The type of a message with a result is {RESULT}.", "type")
    event_id, sender = document.pop("id", None), document.pop("source", None)
    if not isinstance(event_id, str) or not _is_uuid(event_id):
        raise _malformed("The member id of the data is not the id of an event.", "id")
    if not isinstance(sender, str) or not _AGENCY.fullmatch(sender):
        raise _malformed("The member source of the data is not the id of an agency.", "source")
    return event_id, sender, orjson.dumps(document)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _malformed(detail: str, where: str) -> ExchangeError:
    return ExchangeError(detail, code="result_malformed", where=where)
