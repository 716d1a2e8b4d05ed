"""`concordant` on a machine that has faults: its clock is wrong, or it dies at a chosen moment.

    FAULT_CLOCK=FILE   the file holds how many milliseconds the clock is off, read at every look
    FAULT_LEASE_MS=N   a waiting adapter takes over after so long, with a state on a server
    FAULT_DIE=MOMENT:N the N-th time that MOMENT comes, the process kills itself (SIGKILL)

The product has no hook for any of this: its own functions are wrapped here, before it starts. A
moment is a write (before or after its commit), a send (before, in the middle or after), a file of
the sink or a file that is put away (each with its old name still, or with its new one already).
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MOMENTS = (
    "before_commit",
    "after_commit",
    "before_send",
    "amid_send",
    "after_send",
    "before_sink",
    "after_sink",
    "before_shelf",
    "after_shelf",
)
AMID_S = 0.004
"""Into a send of some records: its request is on its way, its answer mostly is not."""


class Fate:
    """Counts one kind of moment; the last one is where the process ends."""

    def __init__(self, moment: str, number: int) -> None:
        self._moment = moment
        self._left = number

    def met(self, moment: str) -> bool:
        """Return True if it is over now."""
        if moment != self._moment:
            return False
        self._left -= 1
        return self._left == 0

    def pass_by(self, moment: str) -> None:
        """Die here, if this is the one."""
        if self.met(moment):
            die()


def die() -> None:
    """As `kill -9` does it: nothing is closed, nothing is said."""
    os.kill(os.getpid(), signal.SIGKILL)


def wrong_clock(file: str) -> None:
    """Let this process see another time than the rest of the machine."""
    right_ns, right = time.time_ns, time.time
    handle = os.open(file, os.O_RDONLY)

    def off_ms() -> int:
        return int(os.pread(handle, 32, 0) or b"0")

    time.time_ns = lambda: right_ns() + off_ms() * 1_000_000
    time.time = lambda: right() + off_ms() / 1000


def hasty(lease_ms: int) -> None:
    """Let a lease last less long, so that another adapter takes over sooner."""
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        return
    from broker.store import instances

    instances.LEASE_MS = lease_ms  # type: ignore[misc]  # that is the fault
    instances.RENEW_S = lease_ms / 4000  # type: ignore[misc]
    instances.LOOK_S = lease_ms / 8000  # type: ignore[misc]


def mortal(fate: Fate) -> None:
    """Wrap every write and every send."""
    from adapters.sinks import folder_sink as folder
    from adapters.sources import shelving
    from broker.store.database import Store
    from broker.transport.kafka import KafkaTransport

    transaction, send = Store.transaction, KafkaTransport.send

    @contextmanager
    def mortal_transaction(self: Store) -> Iterator[Any]:
        with transaction(self) as tx:
            yield tx
            fate.pass_by("before_commit")
        fate.pass_by("after_commit")

    async def mortal_send(self: KafkaTransport, records: Any) -> list[int]:
        fate.pass_by("before_send")
        if fate.met("amid_send"):
            asyncio.get_running_loop().call_later(AMID_S, die)
        offsets = await send(self, records)
        fate.pass_by("after_send")
        return offsets

    def around(moment: str, function: Callable[..., None]) -> Callable[..., None]:
        def wrapped(*arguments: Any) -> None:
            fate.pass_by(f"before_{moment}")
            function(*arguments)
            fate.pass_by(f"after_{moment}")

        return wrapped

    Store.transaction = mortal_transaction  # type: ignore[method-assign]  # that is the fault
    KafkaTransport.send = mortal_send  # type: ignore[method-assign]  # that is the fault
    folder._write = around("sink", folder._write)
    shelving._move = around("shelf", shelving._move)


def main() -> None:
    """Run the command in this state."""
    if file := os.environ.get("FAULT_CLOCK"):
        wrong_clock(file)
    if lasts := os.environ.get("FAULT_LEASE_MS"):
        hasty(int(lasts))
    if fate := os.environ.get("FAULT_DIE"):
        moment, _, number = fate.partition(":")
        mortal(Fate(moment, int(number)))
    from adapters.main import main as concordant

    concordant()


if __name__ == "__main__":
    main()
