"""Subscription whose calls are awaited; see `concordant/client/subscription.py`."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic

from concordant.client import handled
from concordant.client.errors import ClientError, concerns_the_caller
from concordant.client.events import Model_co, ReceivedEvent, as_model, event_members
from concordant.client.handled import Outcome
from concordant.client.interface import AsyncFeed
from concordant.client.positions import AsyncPositionStore
from concordant.client.statements import require_transaction, run_async
from concordant.client.subscription import (
    POLL_S,
    Options,
    after_trouble,
    not_acknowledged,
    rejection,
    require_results,
)


@dataclass(frozen=True, slots=True)
class AsyncReceived(ReceivedEvent[Model_co]):
    """A received event of a subscription; the program acknowledges it."""

    subscription: AsyncSubscription[Any] | None = None

    async def acknowledge(self, transaction: Any = None) -> None:
        """Store that the event was handled; see ``Received.acknowledge``."""
        assert self.subscription is not None
        await self.subscription.handle(self, Outcome(), transaction)

    async def reject(self, reason: str, text: str = "", transaction: Any = None) -> None:
        """Store that the caller's system does not take the event; see ``Received.reject``."""
        assert self.subscription is not None
        await self.subscription.handle(self, rejection(reason, text), transaction)


class AsyncSubscription(Generic[Model_co]):
    """Iterates over received events. Each is acknowledged or rejected before the next is given.

    Args:
        options: how it reads.
        feed: opens the events.
        store: where the position is.
    """

    def __init__(
        self, options: Options, feed: Callable[[], Awaitable[AsyncFeed]], store: AsyncPositionStore
    ) -> None:
        self._options = options
        self._open = feed
        self._store = store
        self._feed: AsyncFeed | None = None
        self._ready: deque[Mapping[str, Any]] = deque()
        self._given: AsyncReceived[Any] | None = None
        self._after: str | None = None
        self._stored: str | None = None

    async def __aenter__(self) -> AsyncSubscription[Model_co]:
        """Open the subscription and return it."""
        await self._opened()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the subscription."""
        await self.close()

    def __aiter__(self) -> AsyncSubscription[Model_co]:
        """Return the iterator itself."""
        return self

    async def __anext__(self) -> AsyncReceived[Model_co]:
        """Return the next event.

        Raises:
            ClientError: `event_not_acknowledged`, `events_removed`, or a refusal of the adapter.
        """
        feed = await self._opened()
        await self._settle(feed)
        ends = None if self._options.wait_s is None else time.monotonic() + self._options.wait_s
        while True:
            while self._ready:
                members = event_members(self._ready.popleft())
                event: AsyncReceived[Any] = AsyncReceived(
                    **members, model=self._model(members), subscription=self
                )
                if not await self._known(feed, event):
                    self._given = event
                    return event
            if not await self._read(feed, ends):
                raise StopAsyncIteration

    async def run(
        self, handler: Callable[[AsyncReceived[Model_co], Any], Awaitable[object]]
    ) -> int:
        """Call a handler for each event, in a transaction that stores its effect and the position.

        Args:
            handler: takes the event and the connection of the transaction. If it raises, the
                transaction is rolled back, and the error ends this call.

        Returns:
            The number of events, if ``wait`` ends the iteration.
        """
        count = 0
        async for event in self:
            opened: Any = self._store.transactions()
            if hasattr(opened, "__aenter__"):
                async with opened as transaction:
                    await handler(event, transaction)
                    await event.acknowledge(transaction)
            else:
                with opened as transaction:
                    await handler(event, transaction)
                    await event.acknowledge(transaction)
            count += 1
        return count

    async def handle(self, event: AsyncReceived[Any], done: Outcome, transaction: Any) -> None:
        """Store the outcome of an event; see ``AsyncReceived``."""
        require_results(done, self._options.results)
        step = handled.handle(
            self._options.name,
            event.source,
            event.id,
            event.cursor,
            done,
            tell=self._options.results,
        )
        if transaction is None:
            await self._store.run(step)
        else:
            require_transaction(transaction)
            await run_async(transaction, step)

    async def close(self) -> None:
        """Tell the adapter what was handled, and release what the subscription holds."""
        feed, self._feed = self._feed, None
        if feed is None:
            return
        given, self._given = self._given, None
        if given is not None and await self._known(feed, given) and self._options.results:
            await self._tell(feed)
        await feed.close()
        self._store.close()

    async def _opened(self) -> AsyncFeed:
        if self._feed is None:
            self._after = self._stored = await self._store.run(handled.position(self._options.name))
            found = self._open()
            self._feed = await found if inspect.isawaitable(found) else found
            if self._options.results:
                await self._tell(self._feed)
        return self._feed

    def _model(self, members: Mapping[str, Any]) -> object:
        model = self._options.models.get(members["type"])
        return None if model is None else as_model(model, members)

    async def _known(self, feed: AsyncFeed, event: AsyncReceived[Any]) -> bool:
        """Return whether an event was handled before."""
        step = handled.is_handled(self._options.name, event.source, event.id, event.cursor)
        known = await self._store.run(step)
        if known:
            await feed.settled(event)
        return known

    async def _settle(self, feed: AsyncFeed) -> None:
        """Check that the outcome of the last event is stored, and tell the adapter."""
        given = self._given
        if given is None:
            return
        if not await self._known(feed, given):
            raise not_acknowledged()
        self._given = None
        self._stored = given.cursor
        if self._options.results:
            await self._tell(feed)

    async def _tell(self, feed: AsyncFeed) -> None:
        """Tell the adapter the results that it does not know yet."""
        for one in await self._store.run(handled.untold(self._options.name)):
            try:
                await feed.result(one)
            except ClientError as error:
                self._options.on_trouble(error)
                if concerns_the_caller(error):
                    return
            await self._store.run(handled.tell(self._options.name, one))

    async def _read(self, feed: AsyncFeed, ends: float | None) -> bool:
        """Read the next page. Return False if there was no event until the end of the wait."""
        left = POLL_S if ends is None else ends - time.monotonic()
        try:
            page = await feed.page(self._after, max(0.0, min(left, POLL_S)))
        except ClientError as error:
            self._after = after_trouble(error, self._after, left, self._options)
            if error.retry_s is not None:
                await asyncio.sleep(min(error.retry_s, max(left, 0.0)))
            return True
        self._ready.extend(page.documents)
        if not page.documents and page.next is not None and page.next != self._stored:
            await self._store.run(handled.move(self._options.name, page.next))
            self._stored = page.next
        self._after = page.next
        return bool(page.documents) or ends is None or time.monotonic() < ends
