"""Client beside the adapter: it uses the agency's folder and keys, and needs no HTTP interface.

A subscription reads Kafka with a consumer group and a state of its own. An event that is published
goes into the agency's outbox, and the running adapter sends it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from adapters.exchange.accepting import ExchangeAcceptance
from adapters.exchange.caller import side_caller
from adapters.exchange.errors import ExchangeError
from adapters.exchange.offering import Reading
from broker.agency.participant import Participant, load_participant
from broker.agency.restored import restore_record
from broker.clock import now_ms
from broker.codes.meanings import next_step, own_event_step
from broker.control.named_manifests import awaited_manifests
from broker.event import OpenedEvent
from broker.observing.metrics import Metrics
from broker.sending.publishing import Publisher
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import SealingContext
from broker.store.database import Store, open_store
from broker.subscriber import SubscriptionInbox, open_inbox
from broker.transport.interfaces import Receiver
from concordant.client.clients import AsyncClient, Client
from concordant.client.errors import ClientError
from concordant.client.events import Accepted, EventModel, ReceivedEvent, require_key
from concordant.client.handled import Untold
from concordant.client.http_requests import accepted_answer, answer_document, instant
from concordant.client.interface import EventPage, Selection
from contracts.errors import ConcordantError, EventError

__all__ = ["open_agency", "open_agency_async", "publish"]

RELOAD_S: Final = 30.0
"""Age after which the agreements and keys of the folder are loaded again."""
RETRY_S: Final = 2.0
LOOK_S: Final = 0.25
SIDE: Final = "python"


def open_agency(directory: Path | str) -> Client:
    """Open a client beside the adapter, with the agency's own folder and keys.

    Args:
        directory: the agency's folder.

    Raises:
        ConcordantError: the folder cannot be loaded.
    """
    return Client(BesideConnection(Path(directory)))


def open_agency_async(directory: Path | str) -> AsyncClient:
    """Open a client beside the adapter whose calls are awaited; see ``open_agency``."""
    return AsyncClient(AsyncBesideConnection(BesideConnection(Path(directory))))


async def publish(directory: Path | str, event: EventModel, *, key: str | None = None) -> Accepted:
    """Publish one event beside the adapter; see ``Client.publish``.

    Args:
        directory: the agency's folder.
        event: an ``Event``, or a model.
        key: idempotency key.

    Raises:
        ClientError: the event is refused, or cannot be accepted now.
    """
    async with open_agency_async(directory) as client:
        return await client.publish(event, key=key)


class BesideConnection:
    """See ``concordant.client.interface.Connection``.

    Args:
        directory: the agency's folder.
        clock: () -> ms since the epoch.
        receiver: source of a subscription's records; by default the Kafka of ``agency.toml``.
    """

    def __init__(
        self,
        directory: Path,
        clock: Callable[[], int] = now_ms,
        receiver: Receiver | None = None,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._receiver = receiver
        self._lock = threading.Lock()
        self._loaded_at = time.monotonic()
        self._participant: Participant = load_participant(directory, clock())
        self._store: Store | None = None

    def publish(self, event: str, key: str) -> Accepted:
        """See ``Connection.publish``."""
        record = restore_record(self._directory)
        if record is not None and not record.heard:
            raise ClientError(
                "The agency was restored, and its adapter has not read the newest manifests yet.",
                code="source_not_started",
                fix="Publish again with the same key when the adapter runs.",
                retry_s=RETRY_S,
            )
        try:
            answer = self._acceptance().accept(side_caller(SIDE), require_key(key), event.encode())
        except EventError as error:
            raise ClientError(
                error.detail,
                code=error.code,
                where=error.where,
                fix=own_event_step(error),
                status=422,
            ) from None
        except ExchangeError as error:
            raise ClientError(
                error.detail, code=error.code, where=error.where, status=422
            ) from None
        except ConcordantError as error:
            raise waits(error) from None
        return accepted_answer(answer_document(201, answer.answer))

    def feed(self, name: str, selection: Selection, *, results: bool) -> BesideFeed:
        """See ``Connection.feed``."""
        if results:
            raise ClientError(
                "A subscription beside the adapter sends no results: the sink of the adapter does.",
                code="results_off",
                fix="Subscribe without results, or with a token over the HTTP interface of the "
                "adapter.",
            )
        return BesideFeed(
            self._directory, name, selection, self._participant, self._clock, self._receiver
        )

    def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """See ``Connection.state``."""
        from adapters.http_api.states import EventStates
        from adapters.http_api.tokens import SCOPES

        contracts = self._current().contracts
        try:
            return EventStates(self._state(), lambda: contracts).state_of(event_id, source, SCOPES)
        except ConcordantError as error:
            raise ClientError(error.detail, code=error.code, fix=next_step(error)) from None

    def close(self) -> None:
        """Close the state database."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _state(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = open_store(self._participant.state)
            return self._store

    def _current(self) -> Participant:
        """Return the agency; its agreements and keys may have changed since it was loaded."""
        with self._lock:
            if time.monotonic() - self._loaded_at > RELOAD_S:
                before = self._participant
                loaded = load_participant(self._directory, self._clock(), known=before.manifests)
                loaded.keyring.stay_unlocked(before.keyring)
                self._participant, self._loaded_at = loaded, time.monotonic()
            return self._participant

    def _acceptance(self) -> ExchangeAcceptance:
        participant, store = self._current(), self._state()
        sealing = SealingContext(participant.contracts, participant.manifests)
        with store.reading() as tx:
            sealing.await_manifests(awaited_manifests(tx))
        sealer = EventSealer(
            participant.deployment,
            participant.agency,
            participant.keyring.secret(),
            sealing.addressees,
            sealing.vocabularies,
        )
        return ExchangeAcceptance(
            store,
            Publisher(sealer),
            Metrics(),
            self._clock,
            leave_out=participant.config.intake.ungranted_fields == "leave_out",
        )


class BesideFeed:
    """See ``concordant.client.interface.Feed``: an inbox that a thread fills from Kafka."""

    def __init__(
        self,
        directory: Path,
        name: str,
        selection: Selection,
        participant: Participant,
        clock: Callable[[], int],
        receiver: Receiver | None,
    ) -> None:
        self._selection = selection
        self._since = None if selection.since is None else instant(selection.since)
        self._secret = participant.keyring.secret()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._opened = open_inbox(directory, name, clock=clock, receiver=receiver)
        try:
            self._inbox: SubscriptionInbox = self._call(self._opened.__aenter__())
        except BaseException:
            self._end()
            raise
        self._reading = Reading(self._inbox.agency, self._secret, self._inbox.contracts)

    def page(self, after: str | None, wait_s: float) -> EventPage:
        """See ``Feed.page``."""
        ends = time.monotonic() + wait_s
        while True:
            try:
                found = self._inbox.undelivered(self._wanted)
            except ConcordantError as error:
                raise waits(error) from None
            if found:
                documents = [
                    {**self._reading.read(seq, event).as_json(), "cursor": str(seq)}
                    for seq, event in found
                ]
                return EventPage(documents, str(found[-1][0]))
            self._require_reading()
            if time.monotonic() >= ends:
                return EventPage((), after)
            if self._inbox.judge_again_is_due():
                self._call(self._inbox.judge_again())
            time.sleep(LOOK_S)

    def settled(self, event: ReceivedEvent[Any]) -> None:
        """See ``Feed.settled``."""
        self._inbox.delivered(int(event.cursor))

    def result(self, one: Untold) -> None:
        """See ``Feed.result``; it is never called, because no results are sent."""
        raise AssertionError(one.event_id)

    def close(self) -> None:
        """See ``Feed.close``."""
        self._call(self._opened.__aexit__(None, None, None))
        self._end()

    def _wanted(self, event: OpenedEvent) -> bool:
        chosen = self._selection
        return (
            (not chosen.types or event.type in chosen.types)
            and (not chosen.senders or event.source in chosen.senders)
            and (self._since is None or event.time >= self._since)
        )

    def _require_reading(self) -> None:
        if not self._inbox.reading.done():
            return
        error = self._inbox.reading.exception()
        if isinstance(error, ConcordantError):
            fix = next_step(error)
            raise ClientError(error.detail, code=error.code, where=error.where, fix=fix)
        assert error is not None  # reading ends by an error only
        raise error

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class AsyncBesideConnection:
    """``BesideConnection`` whose calls run in threads."""

    def __init__(self, connection: BesideConnection) -> None:
        self._connection = connection

    async def publish(self, event: str, key: str) -> Accepted:
        """See ``Connection.publish``."""
        return await asyncio.to_thread(self._connection.publish, event, key)

    async def feed(self, name: str, selection: Selection, *, results: bool) -> AsyncBesideFeed:
        """See ``Connection.feed``."""
        found = await asyncio.to_thread(self._connection.feed, name, selection, results=results)
        return AsyncBesideFeed(found)

    async def state(self, event_id: str, source: str | None) -> Mapping[str, Any]:
        """See ``Connection.state``."""
        return await asyncio.to_thread(self._connection.state, event_id, source)

    async def close(self) -> None:
        """See ``Connection.close``."""
        await asyncio.to_thread(self._connection.close)


class AsyncBesideFeed:
    """``BesideFeed`` whose calls run in threads."""

    def __init__(self, feed: BesideFeed) -> None:
        self._feed = feed

    async def page(self, after: str | None, wait_s: float) -> EventPage:
        """See ``Feed.page``. It asks often, so that a cancelled caller does not leave a thread."""
        ends = time.monotonic() + wait_s
        while True:
            page = await asyncio.to_thread(self._feed.page, after, 0.0)
            if page.documents or time.monotonic() >= ends:
                return page
            await asyncio.sleep(LOOK_S)

    async def settled(self, event: ReceivedEvent[Any]) -> None:
        """See ``Feed.settled``."""
        await asyncio.to_thread(self._feed.settled, event)

    async def result(self, one: Untold) -> None:
        """See ``Feed.result``."""
        self._feed.result(one)

    async def close(self) -> None:
        """See ``Feed.close``."""
        await asyncio.to_thread(self._feed.close)


def waits(error: ConcordantError) -> ClientError:
    """Return the error of what this machine cannot do now."""
    return ClientError(
        error.detail, code=error.code, where=error.where, fix=next_step(error), retry_s=RETRY_S
    )
