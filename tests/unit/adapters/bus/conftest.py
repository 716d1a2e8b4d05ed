"""Two agencies on a bus in memory."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.bus import sides
from adapters.bus.clients import BusSettings, Incoming, OutgoingMessage, Right
from tests.support.bus_agency import BusTown, bus_town

SETTINGS = {"kind": "nats", "servers": ["127.0.0.1:4222"], "tls": False}


class MemoryBus:
    """A bus that keeps what is not acknowledged, and that can be down or lose an answer."""

    def __init__(self) -> None:
        self.logs: dict[str, list[OutgoingMessage]] = defaultdict(list)
        self.read: dict[str, int] = defaultdict(int)
        self.acknowledged: dict[str, int] = defaultdict(int)
        self.down = False
        self.unconfirmed = 0

    def client(self, _settings: BusSettings, reads: str | None) -> MemoryClient:
        return MemoryClient(self, reads)

    def bodies(self, name: str) -> list[bytes]:
        return [one.body for one in self.logs[name]]


class MemoryClient:
    """See ``BusClient``."""

    def __init__(self, bus: MemoryBus, reads: str | None) -> None:
        self._bus = bus
        self._reads = reads

    async def open(self) -> None:
        await self.check()

    async def check(self) -> None:
        if self._bus.down:
            raise ConnectionError("secret text of a library")

    async def publish(self, name: str, message: OutgoingMessage) -> None:
        await self.check()
        self._bus.logs[name].append(message)
        if self._bus.unconfirmed:
            self._bus.unconfirmed -= 1
            raise TimeoutError

    async def next(self, wait_s: float) -> Incoming | None:
        await self.check()
        assert self._reads is not None
        place = self._bus.acknowledged[self._reads]
        log = self._bus.logs[self._reads]
        if place >= len(log):
            await asyncio.sleep(min(wait_s, 0.01))
            return None
        self._bus.read[self._reads] += 1

        async def acknowledge() -> None:
            await self.check()
            self._bus.acknowledged[str(self._reads)] = place + 1

        return Incoming(log[place].body, {}, acknowledge)

    async def may_read(self, name: str) -> Right:
        return "allowed"

    async def may_write(self, name: str) -> Right:
        return "allowed"

    async def close(self) -> None:
        pass


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    made = MemoryBus()
    monkeypatch.setattr(sides, "client_maker", lambda _kind: made.client)
    return made


@pytest.fixture
async def town(bus: MemoryBus, tmp_path: Path) -> AsyncIterator[BusTown]:
    made = bus_town(tmp_path, SETTINGS)
    yield made
    await made.close()
