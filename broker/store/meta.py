"""Named values, and leases with a fencing token (protocol, "Proof header").

A relay that lost its lease may still be running. Every write of a stream checks the token in the
same transaction, so a stale relay's write fails instead of forking the stream.
"""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select, update

from broker.errors import StoreError
from broker.store import schema
from broker.store.adapters_seen import AdaptersSeen, adapters_seen
from broker.store.area import Area

_meta = schema.meta
_lease = schema.lease

_GET = select(_meta.c.value).where(_meta.c.name == bindparam("name_"))
_UPDATE = update(_meta).where(_meta.c.name == bindparam("name_")).values(value=bindparam("value_"))
_INSERT = insert(_meta)

_TOKEN = select(_lease.c.token).where(_lease.c.name == bindparam("name_"))
_TAKE = (
    update(_lease)
    .where(_lease.c.name == bindparam("name_"))
    .values(token=_lease.c.token + 1, holder=bindparam("holder_"), taken_ms=bindparam("now_"))
)
_FIRST = insert(_lease)


class Meta(Area):
    """Small named values, such as the disclosure log's frontier."""

    def get(self, name: str) -> bytes | None:
        value: bytes | None = self._connection.scalar(_GET, {"name_": name})
        return value

    def set(self, name: str, value: bytes) -> None:
        changed = self._connection.execute(_UPDATE, {"name_": name, "value_": value})
        if changed.rowcount == 0:
            self._connection.execute(_INSERT, {"name": name, "value": value})


class Lease(Area):
    """Fencing: only the process that last took the lease may write streams."""

    def acquire(self, name: str, holder: str, now: int) -> int:
        """Take the lease from its holder. Returns the token, which increases by one each time."""
        taken = self._connection.execute(_TAKE, {"name_": name, "holder_": holder, "now_": now})
        if taken.rowcount == 0:
            self._connection.execute(
                _FIRST, {"name": name, "token": 1, "holder": holder, "taken_ms": now}
            )
            return 1
        token: int = self._connection.execute(_TOKEN, {"name_": name}).scalar_one()
        return token

    def adapters(self) -> AdaptersSeen | None:
        """Return the adapters that share the state; None if it is a file."""
        return adapters_seen(self._connection)

    def check(self, name: str, token: int) -> None:
        """Check that `token` is the newest.

        Raises:
            StoreError: `lease_lost` if it is not.
        """
        newest: int | None = self._connection.scalar(_TOKEN, {"name_": name})
        if newest != token:
            raise StoreError(
                f"the lease '{name}' was taken by another process",
                code="lease_lost",
                fix="Run one adapter per agency state, or let this one start again.",
            )
