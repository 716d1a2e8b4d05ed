"""Client of an agency's events: `publish` and `subscribe`, as plain calls or awaited."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, overload
from uuid import uuid4

from concordant.client import outbox
from concordant.client.async_subscription import AsyncSubscription
from concordant.client.errors import ClientError, concerns_the_caller
from concordant.client.events import Accepted, EventModel, Queued, require_key, type_name
from concordant.client.interface import AsyncConnection, Connection, Selection
from concordant.client.outbox import Relayed
from concordant.client.positions import (
    AsyncPositions,
    AsyncPositionStore,
    OnRemoved,
    OnTrouble,
    Positions,
    PositionStore,
    in_transaction,
)
from concordant.client.statements import (
    AsyncTransactions,
    Transactions,
    require_transaction,
    run,
    run_async,
)
from concordant.client.subscription import Options, Subscription

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["AsyncClient", "Client", "connect", "connect_async"]

R = TypeVar("R", bound="BaseModel")

Start: TypeAlias = Literal["earliest"] | datetime | None
"""Beginning of a subscription without a position."""
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LOG: Final = logging.getLogger("concordant.client")
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def connect(
    url: str,
    *,
    token: str,
    ca: str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
) -> Client:
    """Open a client of an adapter's HTTP interface. It needs a token and no key of the agency.

    Args:
        url: for example ``https://concordant.example.org:8480``.
        token: from `concordant adapter token new`. It needs the scope ``publish`` to publish,
            ``read`` to subscribe, and ``result`` to send results.
        ca: PEM file of the authority of the adapter's certificate; None for those of the system.
        certificate: PEM files of the client's certificate and key, if the adapter asks for one.

    Raises:
        ClientError: `client_address_unusable` or `client_certificate_unusable`.
    """
    from concordant.client.http_connection import HttpConnection

    return Client(HttpConnection(url, token, ca, certificate))


def connect_async(
    url: str,
    *,
    token: str,
    ca: str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
) -> AsyncClient:
    """Open a client whose calls are awaited; the arguments are those of ``connect``.

    Raises:
        ClientError: `client_address_unusable` or `client_certificate_unusable`.
    """
    from concordant.client.http_connection import AsyncHttpConnection

    return AsyncClient(AsyncHttpConnection(url, token, ca, certificate))


class Client:
    """Publishes and receives the events of one agency.

    ``connect`` and ``open_agency`` return one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    @overload
    def publish(
        self, event: EventModel, *, key: str | None = None, transaction: None = None
    ) -> Accepted: ...
    @overload
    def publish(
        self, event: EventModel, *, key: str | None = None, transaction: object
    ) -> Queued: ...
    def publish(
        self, event: EventModel, *, key: str | None = None, transaction: object = None
    ) -> Accepted | Queued:
        """Publish an event.

        Args:
            event: an ``Event``, or a model of the module that `contract export python` writes.
            key: idempotency key. An event that is published again with its key is accepted once.
                Without one the event gets a new key.
            transaction: connection of the caller's database. The event is then written into its
                table `concordant_outbox`, and sent after the transaction has ended: by ``relay``,
                or by an adapter with the source `database`.

        Raises:
            ClientError: the event is refused, with the code of the reason, or cannot be accepted
                now: then ``retry_s`` is set, and the same call with the same key is safe.
        """
        used = require_key(key or str(uuid4()))
        if transaction is None:
            return self._connection.publish(event.model_dump_json(), used)
        require_transaction(transaction)
        run(transaction, outbox.add(used, event.model_dump_json()))
        return Queued(used)

    def relay(self, transactions: Transactions) -> Relayed:
        """Send the waiting rows of the table `concordant_outbox`, and store each answer there.

        A row that is refused stays in the table with code, field and detail. Do not call this for
        a table from which an adapter with the source `database` takes the rows: each counts keys
        for itself, so an event could be sent by both.

        Args:
            transactions: begins a transaction of the caller's database, for example
                ``engine.begin``.

        Raises:
            ClientError: the adapter does not accept events now. The rows still wait.
        """
        done, after = {"accepted": 0, "refused": 0}, 0
        while True:
            with transactions() as connection:
                rows = run(connection, outbox.waiting(after))
            for row in rows:
                try:
                    answer = self._connection.publish(row.body, require_key(row.key))
                    step, kind = outbox.accepted(row.key, answer), "accepted"
                except ClientError as error:
                    if concerns_the_caller(error):
                        raise
                    step, kind = outbox.refused(row.key, error), "refused"
                with transactions() as connection:
                    run(connection, step)
                done[kind] += 1
                after = row.position
            if not rows:
                return Relayed(**done)

    @overload
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[type[R]],
        senders: Sequence[str] = (),
        start: Start = None,
        positions: Positions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> Subscription[R]: ...
    @overload
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[str] = (),
        senders: Sequence[str] = (),
        start: Start = None,
        positions: Positions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> Subscription[None]: ...
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[Any] = (),
        senders: Sequence[str] = (),
        start: Start = None,
        positions: Positions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> Subscription[Any]:
        """Open a subscription.

        Args:
            name: its name: lower-case letters, digits and hyphens. Its position is stored under it.
            types: event types, or classes of models: each event then has a ``model``. Without
                them all.
            senders: ids of sending agencies; without them all.
            start: where a subscription without a position begins: ``"earliest"``, a time with a
                zone, or None for the first event that no system has imported. The retention of the
                agency decides how far back that can be.
            positions: where its position is: a function that begins a transaction of the caller's
                database, such as ``engine.begin``; a file; or None for memory only.
            results: whether the adapter is told that an event was imported or rejected. The token
                needs the scope ``result``.
            wait: seconds without an event after which the iteration ends; None never ends it.
            on_trouble: called when the adapter cannot be reached, and reading goes on by itself;
                also when it does not take a result. A result that the token may not send waits.
                Without it the code is written into the log `concordant.client`.
            on_removed: called with the number of events whose content was removed before this
                subscription read them; without it they raise `events_removed`.

        Raises:
            ClientError: `subscription_name` or `positions_unusable`.
        """
        options = _options(name, types, results, wait, on_trouble, on_removed)
        selection = _selection(types, senders, start)
        store = PositionStore(positions)
        try:
            feed = self._connection.feed(name, selection, results=results)
        except BaseException:
            store.close()
            raise
        return Subscription(options, feed, store)

    def status(self, event_id: str, source: str | None = None) -> Mapping[str, Any]:
        """Return what became of an event.

        Args:
            event_id: its id.
            source: the agency that sent it, for a received event of an id that two agencies used.
        """
        return self._connection.state(event_id, source)

    def close(self) -> None:
        """Close the client."""
        self._connection.close()


class AsyncClient:
    """``Client`` whose calls are awaited.

    ``connect_async`` and ``open_agency_async`` return one.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def __aenter__(self) -> AsyncClient:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    @overload
    async def publish(
        self, event: EventModel, *, key: str | None = None, transaction: None = None
    ) -> Accepted: ...
    @overload
    async def publish(
        self, event: EventModel, *, key: str | None = None, transaction: object
    ) -> Queued: ...
    async def publish(
        self, event: EventModel, *, key: str | None = None, transaction: object = None
    ) -> Accepted | Queued:
        """Publish an event; see ``Client.publish``."""
        used = require_key(key or str(uuid4()))
        if transaction is None:
            return await self._connection.publish(event.model_dump_json(), used)
        require_transaction(transaction)
        await run_async(transaction, outbox.add(used, event.model_dump_json()))
        return Queued(used)

    async def relay(self, transactions: AsyncTransactions) -> Relayed:
        """Send the waiting rows of the table `concordant_outbox`; see ``Client.relay``."""
        done, after = {"accepted": 0, "refused": 0}, 0
        while True:
            rows = await in_transaction(transactions, outbox.waiting(after))
            for row in rows:
                try:
                    answer = await self._connection.publish(row.body, require_key(row.key))
                    step, kind = outbox.accepted(row.key, answer), "accepted"
                except ClientError as error:
                    if concerns_the_caller(error):
                        raise
                    step, kind = outbox.refused(row.key, error), "refused"
                await in_transaction(transactions, step)
                done[kind] += 1
                after = row.position
            if not rows:
                return Relayed(**done)

    @overload
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[type[R]],
        senders: Sequence[str] = (),
        start: Start = None,
        positions: AsyncPositions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> AsyncSubscription[R]: ...
    @overload
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[str] = (),
        senders: Sequence[str] = (),
        start: Start = None,
        positions: AsyncPositions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> AsyncSubscription[None]: ...
    def subscribe(
        self,
        name: str,
        *,
        types: Sequence[Any] = (),
        senders: Sequence[str] = (),
        start: Start = None,
        positions: AsyncPositions = None,
        results: bool = False,
        wait: float | None = None,
        on_trouble: OnTrouble | None = None,
        on_removed: OnRemoved | None = None,
    ) -> AsyncSubscription[Any]:
        """Open a subscription; see ``Client.subscribe``. Use it with ``async for``."""
        options = _options(name, types, results, wait, on_trouble, on_removed)
        selection = _selection(types, senders, start)
        return AsyncSubscription(
            options,
            lambda: self._connection.feed(name, selection, results=results),
            AsyncPositionStore(positions),
        )

    async def status(self, event_id: str, source: str | None = None) -> Mapping[str, Any]:
        """Return what became of an event; see ``Client.status``."""
        return await self._connection.state(event_id, source)

    async def close(self) -> None:
        """Close the client."""
        await self._connection.close()


def _options(
    name: str,
    types: Sequence[Any],
    results: bool,
    wait: float | None,
    on_trouble: OnTrouble | None,
    on_removed: OnRemoved | None,
) -> Options:
    if not _NAME.fullmatch(name):
        raise ClientError(
            "A subscription's name has lower-case letters, digits and hyphens.",
            code="subscription_name",
            fix="for example: dashboard",
        )
    models = {type_name(one): one for one in types if isinstance(one, type)}
    return Options(name, results, wait, on_trouble or _logged, on_removed, models)


def _logged(error: ClientError) -> None:
    _LOG.warning("Trouble with the adapter: %s", error.code)


def _selection(types: Sequence[Any], senders: Sequence[str], start: Start) -> Selection:
    if isinstance(types, str) or isinstance(senders, str):
        raise ClientError(
            "types and senders are lists, not one text.",
            code="subscription_filter_invalid",
            where="types, senders",
            fix='For example: types=["referral.made"], senders=["csu-camden"]',
        )
    names = tuple(type_name(one) if isinstance(one, type) else str(one) for one in types)
    if start == "earliest":
        return Selection(names, tuple(senders), _EARLIEST)
    if start is not None and (not isinstance(start, datetime) or start.tzinfo is None):
        raise ClientError(
            'start is "earliest", or a time with a time zone.',
            code="subscription_start_invalid",
            where="start",
            fix="For example: datetime.now(UTC) - timedelta(days=7)",
        )
    return Selection(names, tuple(senders), start)
