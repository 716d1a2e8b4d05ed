"""Ways of a client to the agency's events: over HTTP with a token, or beside the adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from concordant.client.events import Accepted, ReceivedEvent
from concordant.client.handled import Untold


@dataclass(frozen=True, slots=True)
class Selection:
    """Events that a subscription asks for.

    Attributes:
        types: event types; empty for all.
        senders: agency ids; empty for all.
        since: time since which events were offered; used while there is no position.
    """

    types: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPage:
    """Next events, and the position after them.

    Attributes:
        documents: the events as JSON objects, each with its cursor.
        next: position after the last event that was looked at.
    """

    documents: Sequence[Mapping[str, Any]]
    next: str | None


class Feed(Protocol):
    """Events of one subscription."""

    def page(self, after: str | None, wait_s: float) -> EventPage:
        """Return the next events after a position; wait at most so long for the first.

        Raises:
            ClientError: they cannot be read now; ``retry_s`` says whether to ask again.
        """

    def settled(self, event: ReceivedEvent[Any]) -> None:
        """Note that an event was handled, and that this is stored."""

    def result(self, one: Untold) -> None:
        """Tell the adapter the result of an event.

        Raises:
            ClientError: the adapter does not take it.
        """

    def close(self) -> None:
        """Release what the feed holds."""


class Connection(Protocol):
    """A way to the agency's events."""

    def publish(self, event: str, key: str) -> Accepted:
        """Publish an event, given as JSON.

        Raises:
            ClientError: the event is refused, or cannot be accepted now (``retry_s``).
        """

    def feed(self, name: str, selection: Selection, *, results: bool) -> Feed:
        """Open the events of a subscription.

        Raises:
            ClientError: this way has no results.
        """

    def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """Return what became of an event."""

    def close(self) -> None:
        """Release what the connection holds."""


class AsyncFeed(Protocol):
    """``Feed`` with awaitable calls."""

    async def page(self, after: str | None, wait_s: float) -> EventPage:
        """See ``Feed.page``."""

    async def settled(self, event: ReceivedEvent[Any]) -> None:
        """See ``Feed.settled``."""

    async def result(self, one: Untold) -> None:
        """See ``Feed.result``."""

    async def close(self) -> None:
        """See ``Feed.close``."""


class AsyncConnection(Protocol):
    """``Connection`` with awaitable calls."""

    async def publish(self, event: str, key: str) -> Accepted:
        """See ``Connection.publish``."""

    async def feed(self, name: str, selection: Selection, *, results: bool) -> AsyncFeed:
        """See ``Connection.feed``."""

    async def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """See ``Connection.state``."""

    async def close(self) -> None:
        """See ``Connection.close``."""
