"""Subscription: received events one after another, each acknowledged by the caller."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic

from concordant.client import handled
from concordant.client.errors import ClientError, concerns_the_caller
from concordant.client.events import Model_co, ReceivedEvent, as_model, event_members
from concordant.client.handled import REJECTED, Outcome
from concordant.client.interface import Feed
from concordant.client.positions import OnRemoved, OnTrouble, PositionStore
from concordant.client.statements import require_transaction, run
from contracts.hidden_characters import HIDDEN

if TYPE_CHECKING:
    from pydantic import BaseModel

POLL_S: Final = 25.0
"""Seconds for which one request waits for an event."""
REASON_FORM: Final = "a code of lower-case letters, digits and underscores, at most 48 characters"


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a subscription.

    Attributes:
        name: its name.
        results: whether the adapter is told that an event was imported or rejected.
        wait_s: seconds without an event after which the iteration ends; None never ends it.
        on_trouble: called when the adapter cannot be reached, or does not take a result.
        on_removed: called with the number of events whose content was removed before they were
            read; None raises `events_removed`.
        models: event type -> class of its model.
    """

    name: str
    results: bool
    wait_s: float | None
    on_trouble: OnTrouble
    on_removed: OnRemoved | None
    models: Mapping[str, type[BaseModel]]


@dataclass(frozen=True, slots=True)
class Received(ReceivedEvent[Model_co]):
    """A received event of a subscription; the program acknowledges it."""

    subscription: Subscription[Any] | None = None

    def acknowledge(self, transaction: Any = None) -> None:
        """Store that the event was handled. It is not given again.

        Args:
            transaction: the connection whose transaction holds the effect of the handler. Without
                it the acknowledgement is stored at once, in a transaction of its own.

        Raises:
            ClientError: `event_handled`: another process of this subscription handled it. Let the
                transaction roll back.
        """
        assert self.subscription is not None
        self.subscription.handle(self, Outcome(), transaction)

    def reject(self, reason: str, text: str = "", transaction: Any = None) -> None:
        """Store that the caller's system does not take the event; the adapter holds it.

        Args:
            reason: a code of the caller's system.
            text: in words, for the person who looks at held events.
            transaction: see ``acknowledge``.

        Raises:
            ClientError: `results_off`: the subscription sends no results. `result_malformed`.
        """
        assert self.subscription is not None
        self.subscription.handle(self, rejection(reason, text), transaction)


class Subscription(Generic[Model_co]):
    """Iterates over received events. Each is acknowledged or rejected before the next is given.

    Args:
        options: how it reads.
        feed: the events.
        store: where the position is.
    """

    def __init__(self, options: Options, feed: Feed, store: PositionStore) -> None:
        self._options = options
        self._feed = feed
        self._store = store
        self._ready: deque[Mapping[str, Any]] = deque()
        self._given: Received[Any] | None = None
        self._after = self._stored = store.run(handled.position(options.name))
        if options.results:
            self._tell()

    def __enter__(self) -> Subscription[Model_co]:
        """Return the subscription itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the subscription."""
        self.close()

    def __iter__(self) -> Subscription[Model_co]:
        """Return the iterator itself."""
        return self

    def __next__(self) -> Received[Model_co]:
        """Return the next event.

        Raises:
            ClientError: `event_not_acknowledged`, `events_removed`, or a refusal of the adapter.
        """
        self._settle()
        ends = None if self._options.wait_s is None else time.monotonic() + self._options.wait_s
        while True:
            while self._ready:
                members = event_members(self._ready.popleft())
                event: Received[Any] = Received(
                    **members, model=self._model(members), subscription=self
                )
                if not self._known(event):
                    self._given = event
                    return event
            if not self._read(ends):
                raise StopIteration

    def run(self, handler: Callable[[Received[Model_co], Any], object]) -> int:
        """Call a handler for each event, in a transaction that stores its effect and the position.

        Args:
            handler: takes the event and the connection of the transaction. If it raises, the
                transaction is rolled back, and the error ends this call.

        Returns:
            The number of events, if ``wait`` ends the iteration.
        """
        count = 0
        for event in self:
            with self._store.transactions() as transaction:
                handler(event, transaction)
                event.acknowledge(transaction)
            count += 1
        return count

    def handle(self, event: Received[Any], done: Outcome, transaction: Any) -> None:
        """Store the outcome of an event; see ``Received``."""
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
            self._store.run(step)
        else:
            require_transaction(transaction)
            run(transaction, step)

    def close(self) -> None:
        """Tell the adapter what was handled, and release what the subscription holds."""
        given, self._given = self._given, None
        if given is not None and self._known(given) and self._options.results:
            self._tell()
        self._feed.close()
        self._store.close()

    def _model(self, members: Mapping[str, Any]) -> object:
        model = self._options.models.get(members["type"])
        return None if model is None else as_model(model, members)

    def _known(self, event: Received[Any]) -> bool:
        """Return whether an event was handled before."""
        step = handled.is_handled(self._options.name, event.source, event.id, event.cursor)
        known = self._store.run(step)
        if known:
            self._feed.settled(event)
        return known

    def _settle(self) -> None:
        """Check that the outcome of the last event is stored, and tell the adapter."""
        given = self._given
        if given is None:
            return
        if not self._known(given):
            raise not_acknowledged()
        self._given = None
        self._stored = given.cursor
        if self._options.results:
            self._tell()

    def _tell(self) -> None:
        """Tell the adapter the results that it does not know yet."""
        for one in self._store.run(handled.untold(self._options.name)):
            try:
                self._feed.result(one)
            except ClientError as error:
                self._options.on_trouble(error)
                if concerns_the_caller(error):
                    return
            self._store.run(handled.tell(self._options.name, one))

    def _read(self, ends: float | None) -> bool:
        """Read the next page. Return False if there was no event until the end of the wait."""
        left = POLL_S if ends is None else ends - time.monotonic()
        try:
            page = self._feed.page(self._after, max(0.0, min(left, POLL_S)))
        except ClientError as error:
            self._after = after_trouble(error, self._after, left, self._options)
            if error.retry_s is not None:
                time.sleep(min(error.retry_s, max(left, 0.0)))
            return True
        self._ready.extend(page.documents)
        if not page.documents and page.next is not None and page.next != self._stored:
            self._store.run(handled.move(self._options.name, page.next))
            self._stored = page.next
        self._after = page.next
        return bool(page.documents) or ends is None or time.monotonic() < ends


def rejection(reason: str, text: str) -> Outcome:
    """Return the outcome of a rejected event.

    Raises:
        ClientError: `result_malformed`.
    """
    plain = reason.isascii() and reason.replace("_", "a").isalnum() and reason == reason.lower()
    if not plain or not reason[:1].isalpha() or len(reason) > 48 or len(text) > 500:
        raise ClientError(
            f"The reason is {REASON_FORM}; the text has at most 500.",
            code="result_malformed",
            where="reason",
            fix='For example: event.reject("unknown_tenant", "No tenant of this address.")',
        )
    if HIDDEN.search(text) or any("\ud800" <= one <= "\udfff" for one in text):
        raise ClientError(
            "The text of the rejection has hidden characters, which the adapter refuses.",
            code="result_malformed",
            where="text",
            fix="Correct the text: it has no control characters but tabs and line feeds, no marks "
            "of direction, and no private characters.",
        )
    return Outcome(REJECTED, reason, text)


def require_results(done: Outcome, results: bool) -> None:
    """Refuse a rejection if no results are sent.

    Raises:
        ClientError: `results_off`.
    """
    if done.outcome == REJECTED and not results:
        raise ClientError(
            "This subscription sends no results, so the adapter would not learn of a rejection.",
            code="results_off",
            fix="Subscribe with results=True and a token of the scope result, or acknowledge the "
            "event and keep the case in your own system.",
        )


def not_acknowledged() -> ClientError:
    """Return the error of an event that was passed over."""
    return ClientError(
        "The next event was asked for, but the last one is neither acknowledged nor rejected.",
        code="event_not_acknowledged",
        fix="Call event.acknowledge(transaction) in the handler's transaction, and let errors of "
        "the handler end the loop. After a restart the event is given again.",
    )


def after_trouble(
    error: ClientError, after: str | None, left: float, options: Options
) -> str | None:
    """Return the position at which reading goes on after an error.

    Raises:
        ClientError: the same error, if reading cannot go on.
    """
    if error.code == "cursor_unknown" and after is not None:
        options.on_trouble(error)  # a restored adapter: what was handled is recognised
        return None
    if error.code == "events_removed" and options.on_removed is not None:
        count, following = error.members.get("removed"), error.members.get("next")
        if isinstance(count, int) and isinstance(following, str):
            options.on_removed(count)
            return following
    if error.retry_s is None or left <= 0:
        raise error
    options.on_trouble(error)
    return after
