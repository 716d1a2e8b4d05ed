"""Lease of the one adapter that works on a state on a server, while others wait to take over.

The server's clock alone counts. The holder renews the lease; when it has not for `LEASE_MS`,
another adapter takes it with the next fencing token. Every write transaction of a holder checks its
token first, after it has the turn to write. So a holder that was paused or cut off writes nothing
more once another one has taken over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update

from broker.errors import StoreError
from broker.store import schema
from broker.store.adapters_seen import (
    LEASE_MS,
    ROW,
    SERVER_MS,
    AdaptersSeen,
    adapters_seen,
    show,
    withdraw,
)
from broker.store.dialects import upsert
from broker.store.postgres_backend import PostgresBackend
from broker.waiting import set_within

RENEW_S: Final = 2.0
LOOK_S: Final = 1.0
"""Pause of a waiting adapter between two looks at the lease, in seconds."""
_PASSING: Final = frozenset({"store_busy", "store_unreachable"})
"""Codes of faults after which the same call is made again."""

_t = schema.lease
_OURS = _t.c.name == ROW
_NOW = SERVER_MS
_HELD = (
    select(func.count()).select_from(_t).where(_OURS, _t.c.taken_ms >= _NOW - bindparam("lasts_"))
)
_NEW = upsert(_t).values(name=ROW, token=1, holder=bindparam("holder_"), taken_ms=_NOW)
_TAKE = _NEW.on_conflict_do_update(
    index_elements=[_t.c.name],
    set_={
        "token": _t.c.token + 1,
        "holder": _NEW.excluded.holder,
        "taken_ms": _NEW.excluded.taken_ms,
    },
    where=_t.c.taken_ms < _NEW.excluded.taken_ms - bindparam("lasts_", type_=BigInteger),
).returning(_t.c.token)
_HAS = _OURS & (_t.c.token == bindparam("token_"))
_RENEW = update(_t).where(_HAS).values(taken_ms=_NOW)
_RELEASE = update(_t).where(_HAS).values(taken_ms=0)
_NEWEST = select(_t.c.token).where(_OURS)


class Instance:
    """One adapter among those that share a state.

    Args:
        backend: the state.
        name: names this adapter to operators, and differs from those of the others.
        process: number of the process.
    """

    def __init__(self, backend: PostgresBackend, name: str, process: int) -> None:
        self._backend = backend
        self._name = name
        self._holder = f"{name}:{process}"
        self._token: int | None = None
        self._released = Event()
        self._renewing = Lock()
        self._taken_over = False

    def take(self) -> bool:
        """Take the lease if it is free or over. Returns whether this adapter has it now.

        Raises:
            StoreError: the state cannot be used.
        """
        with self._backend.reading() as connection:
            held: int = connection.execute(_HELD, {"lasts_": LEASE_MS}).scalar_one()
        if held:
            return False
        with self._backend.writing() as connection:  # after a holder's transaction has ended
            self._token = connection.scalar(_TAKE, {"holder_": self._holder, "lasts_": LEASE_MS})
        if self._token is None:
            return False
        # A thread, because the event loop may be busy for long while the adapter starts.
        Thread(target=self._renew_until_released, name="lease", daemon=True).start()
        return True

    def renew(self) -> None:
        """Renew the lease. It wakes no other loop.

        Raises:
            StoreError: `lease_lost`, or the state cannot be used.
        """
        with self._renewing:
            if self._released.is_set():
                return
            with self._backend.apart() as connection:
                renewed = connection.execute(_RENEW, {"token_": self._token}).rowcount
                show(connection, self._name, self._holder)
        if not renewed:
            raise _lost()

    def seen(self) -> AdaptersSeen:
        """Return the adapters that share the state.

        Raises:
            StoreError: the state cannot be used.
        """
        with self._backend.reading() as connection:
            found = adapters_seen(connection, LEASE_MS)
        assert found is not None
        return found

    def release(self) -> None:
        """Give the lease back, so that another adapter need not wait for its end."""
        self._released.set()
        with self._renewing, suppress(StoreError), self._backend.apart() as connection:
            connection.execute(_RELEASE, {"token_": self._token})
            withdraw(connection, self._name, self._holder)

    def check(self, connection: Connection) -> None:
        """Check in a write transaction that no other adapter has taken over.

        Raises:
            StoreError: `lease_lost`.
        """
        if connection.scalar(_NEWEST) != self._token:
            raise _lost()

    async def try_to_take(self) -> bool:
        """Take the lease if it is free or over. A server that cannot be reached is no fault.

        Returns:
            Whether this adapter has the lease now.

        Raises:
            StoreError: the state cannot be used.
        """
        with _passing():
            return await asyncio.to_thread(self.take)
        return False

    async def wait(self, stop: asyncio.Event, told: Callable[[AdaptersSeen], None]) -> bool:
        """Wait until this adapter has the lease; False if ``stop`` was set before.

        A server that cannot be reached is asked again.

        Args:
            stop: ends the wait.
            told: called with the adapters of now, again and again.
        """
        while not stop.is_set():
            if await self.try_to_take():
                return True
            with _passing():
                told(await asyncio.to_thread(self._wait_visibly))
            await set_within(stop, LOOK_S)
        with suppress(StoreError):
            await asyncio.to_thread(self.release)
        return False

    async def keep(self, stop: asyncio.Event, told: Callable[[AdaptersSeen], None]) -> None:
        """Watch until ``stop`` is set that this adapter still has the lease.

        Args:
            stop: ends the watch.
            told: called with the adapters of now, again and again.

        Raises:
            StoreError: `lease_lost`.
        """
        while not await set_within(stop, RENEW_S):
            if self._taken_over:
                raise _lost()
            with _passing():
                told(await asyncio.to_thread(self.seen))

    def _wait_visibly(self) -> AdaptersSeen:
        with self._backend.apart() as connection:
            show(connection, self._name, self._holder)
        return self.seen()

    def _renew_until_released(self) -> None:
        while not self._released.wait(RENEW_S):
            try:
                self.renew()
            except StoreError as error:
                if error.code == "lease_lost":
                    self._taken_over = True
                    return


@contextmanager
def _passing() -> Iterator[None]:
    """Suppress faults after which the same call is made again."""
    try:
        yield
    except StoreError as error:
        if error.code not in _PASSING:
            raise


def _lost() -> StoreError:
    return StoreError(
        "another adapter of this agency has taken over",
        code="lease_lost",
        fix="Run one adapter for each agency.",
    )
