"""Adapters that share a state on a server: which one works, which wait, and which are missing.

Each adapter keeps a row of its own in the table of leases, and renews it while it works or waits.
It removes the row when it is told to stop. A row that is not renewed is of an adapter that was
killed or hangs, or whose machine is away. The server's clock alone counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, extract, func, select

from broker.store import schema
from broker.store.dialects import upsert
from contracts.durations import DAY_MS, MINUTE_MS

ROW: Final = "adapter"
"""Name of the lease of the adapter that works."""
LEASE_MS: Final = 8_000
"""Time after its last renewal after which a lease can be taken, in ms of the server's clock."""
MISSING_MS: Final = 5 * MINUTE_MS
"""Age of an adapter's row after which the adapter counts as missing."""
FORGOTTEN_MS: Final = 7 * DAY_MS
"""Age of an adapter's row after which it is removed."""

_t = schema.lease
_PREFIX: Final = f"{ROW}/"
SERVER_MS: Final = cast(extract("epoch", func.clock_timestamp()) * 1000, BigInteger)
"""Now, in ms of the server's clock."""
_NEW = upsert(_t).values(
    name=bindparam("name_"), token=0, holder=bindparam("holder_"), taken_ms=SERVER_MS
)
_SHOW = _NEW.on_conflict_do_update(
    index_elements=[_t.c.name],
    set_={"holder": _NEW.excluded.holder, "taken_ms": _NEW.excluded.taken_ms},
)
_WITHDRAW = delete(_t).where(
    (_t.c.name == bindparam("name_")) & (_t.c.holder == bindparam("holder_"))
)
_FORGET = delete(_t).where(
    _t.c.name.startswith(_PREFIX, autoescape=True) & (_t.c.taken_ms < SERVER_MS - FORGOTTEN_MS)
)
_ALL = select(_t.c.name, _t.c.token, _t.c.holder, _t.c.taken_ms, SERVER_MS.label("now")).where(
    (_t.c.name == ROW) | _t.c.name.startswith(_PREFIX, autoescape=True)
)


@dataclass(frozen=True, slots=True)
class MissingAdapter:
    """An adapter that ended without being told to.

    Attributes:
        name: its instance.
        since_ms: when it was last seen, ms since the epoch by the server's clock.
    """

    name: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class AdaptersSeen:
    """Adapters that share a state.

    Attributes:
        works: instance of the adapter that works; None if none does.
        waits: instances that wait to take over.
        missing: instances that ended without being told to.
        token: number of times that an adapter began to work on this state.
    """

    works: str | None
    waits: tuple[str, ...]
    missing: tuple[MissingAdapter, ...]
    token: int


def show(connection: Connection, instance: str, holder: str) -> None:
    """Renew the row of an adapter, and remove rows that are too old."""
    connection.execute(_FORGET)
    connection.execute(_SHOW, {"name_": _PREFIX + instance, "holder_": holder})


def withdraw(connection: Connection, instance: str, holder: str) -> None:
    """Remove the row of an adapter that was told to stop."""
    connection.execute(_WITHDRAW, {"name_": _PREFIX + instance, "holder_": holder})


def adapters_seen(connection: Connection, lease_ms: int = LEASE_MS) -> AdaptersSeen | None:
    """Return the adapters that share a state; None if it is a file, which one adapter has.

    Args:
        connection: a transaction on the state.
        lease_ms: ms after its last renewal after which a lease can be taken.
    """
    if connection.dialect.name != "postgresql":
        return None
    rows = connection.execute(_ALL).all()
    leases = [row for row in rows if row.name == ROW]
    works = next((row.holder for row in leases if row.taken_ms >= row.now - lease_ms), None)
    waits: list[str] = []
    missing: list[MissingAdapter] = []
    for row in rows:
        instance = row.name.removeprefix(_PREFIX)
        if row.name == ROW or row.holder == works:
            continue
        if row.taken_ms < row.now - MISSING_MS:
            missing.append(MissingAdapter(instance, row.taken_ms))
        elif row.taken_ms >= row.now - lease_ms:
            waits.append(instance)
    return AdaptersSeen(
        None if works is None else works.rpartition(":")[0],
        tuple(sorted(waits)),
        tuple(sorted(missing, key=lambda one: one.name)),
        max((row.token for row in leases), default=0),
    )
