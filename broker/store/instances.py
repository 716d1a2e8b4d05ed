"""Lease of the one adapter that works on a state on a server, while others wait to take over.

The server's clock alone counts. The holder renews the lease; when it has not for `LEASE_MS`,
another adapter takes it with the next fencing token. Every write transaction of a holder checks its
token first, after it has the turn to write. So a holder that was paused or cut off writes nothing
more once another one has taken over.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, cast, extract, func, select, update

from broker.errors import StoreError
from broker.store import schema
from broker.store.dialects import upsert
from broker.store.postgres_backend import PostgresBackend
from broker.waiting import set_within

LEASE_MS: Final = 8_000
"""Time after its last renewal after which a lease can be taken, in ms of the server's clock."""
RENEW_S: Final = 2.0
LOOK_S: Final = 1.0
"""Pause of a waiting adapter between two looks at the lease, in seconds."""
_PASSING: Final = frozenset({"store_busy", "store_unreachable"})
"""Codes of faults after which the same call is made again."""

_t = schema.lease
_OURS = _t.c.name == "adapter"
_NOW = cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
_HELD = (
    select(func.count()).select_from(_t).where(_OURS, _t.c.taken_ms >= _NOW - bindparam("lasts_"))
)
_NEW = upsert(_t).values(name="adapter", token=1, holder=bindparam("holder_"), taken_ms=_NOW)
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
        holder: names this adapter to operators.
    """

    def __init__(self, backend: PostgresBackend, holder: str) -> None:
        self._backend = backend
        self._holder = holder
        self._token: int | None = None
        self._released = Event()
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
        with self._backend.apart() as connection:
            renewed = connection.execute(_RENEW, {"token_": self._token}).rowcount
        if not renewed:
            raise _lost()

    def release(self) -> None:
        """Give the lease back, so that another adapter need not wait for its end."""
        self._released.set()
        with suppress(StoreError), self._backend.apart() as connection:
            connection.execute(_RELEASE, {"token_": self._token})

    def check(self, connection: Connection) -> None:
        """Check in a write transaction that no other adapter has taken over.

        Raises:
            StoreError: `lease_lost`.
        """
        if connection.scalar(_NEWEST) != self._token:
            raise _lost()

    async def wait(self, stop: asyncio.Event) -> bool:
        """Wait until this adapter has the lease; False if ``stop`` was set before.

        A server that cannot be reached is asked again.
        """
        while not stop.is_set():
            try:
                if await asyncio.to_thread(self.take):
                    return True
            except StoreError as error:
                if error.code not in _PASSING:
                    raise
            await set_within(stop, LOOK_S)
        return False

    async def keep(self, stop: asyncio.Event) -> None:
        """Watch until ``stop`` is set that this adapter still has the lease.

        Raises:
            StoreError: `lease_lost`.
        """
        while not await set_within(stop, RENEW_S):
            if self._taken_over:
                raise _lost()

    def _renew_until_released(self) -> None:
        while not self._released.wait(RENEW_S):
            try:
                self.renew()
            except StoreError as error:
                if error.code == "lease_lost":
                    self._taken_over = True
                    return


def _lost() -> StoreError:
    return StoreError(
        "another adapter of this agency has taken over",
        code="lease_lost",
        fix="Run one adapter for each agency.",
    )
