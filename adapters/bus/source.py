"""The source `bus`: events that the agency's systems publish on their own bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from adapters.bus.answers import Answers
from adapters.bus.cloud_events import CloudEvent, parse_cloud_event, require_message_size
from adapters.bus.reader import CALLER, MessageDecision, MessageReader
from adapters.exchange.accepting import ExchangeAcceptance
from adapters.exchange.errors import ExchangeError
from broker.observing.health import Check
from contracts.errors import EventError

if TYPE_CHECKING:
    from adapters.http_api.endpoints import Endpoint


class BusSource:
    """Takes events from the bus; see ``SourceLoop``.

    Args:
        reader: reads the messages.
        acceptance: accepts events.
        answers: makes the answers.
        published: called after an event was accepted.
        most_bytes: size of the largest message.
    """

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(
        self,
        reader: MessageReader,
        acceptance: ExchangeAcceptance,
        answers: Answers,
        published: Callable[[], None],
        most_bytes: int,
    ) -> None:
        self._reader = reader
        self._acceptance = acceptance
        self._answers = answers
        self._published = published
        self._most_bytes = most_bytes
        self.trouble: Check | None = reader.trouble

    def retry_now(self) -> None:
        """Do nothing: every round looks for what a person retries."""

    async def run(self, stop: asyncio.Event, turned: Callable[[], None]) -> None:
        """Take events until ``stop`` is set."""
        loop = asyncio.get_running_loop()

        def decide(body: bytes, headers: Mapping[str, str]) -> MessageDecision:
            decision = self.decide(body, headers)
            if decision.refusal is None:
                loop.call_soon_threadsafe(self._published)
            return decision

        await self._reader.run(decide, stop, turned)

    def decide(self, body: bytes, headers: Mapping[str, str]) -> MessageDecision:
        """Accept or refuse the event of a message.

        Raises:
            ConcordantError: nothing can be accepted now.
        """
        message: CloudEvent | None = None
        try:
            require_message_size(body, self._most_bytes)
            message = parse_cloud_event(body, headers)
        except EventError as error:
            self._acceptance.refuse(CALLER, "", body, error)
            return MessageDecision(self._answers.refused(body, message, error), error)
        try:
            accepted = self._acceptance.accept(CALLER, message.key, message.data)
        except EventError as error:
            return MessageDecision(self._answers.refused(body, message, error), error)
        except ExchangeError as error:
            self._acceptance.refuse(CALLER, message.key, body, error)
            return MessageDecision(self._answers.refused(body, message, error), error)
        return MessageDecision(self._answers.accepted(message, accepted.answer))
