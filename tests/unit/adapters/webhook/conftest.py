"""A council whose own system is a webhook, and the police that sends to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.exchange.offering import Reading
from adapters.webhook.endpoint import WebhookEndpoint, endpoint_settings
from adapters.webhook.sink import DeliveryRecords, RetrySchedule, WebhookSink
from broker.agency.delivery_sections import WebhookSection
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.waiting import set_within
from tests.support.founded_partnership import COUNCIL, POLICE, FoundedPartnership, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver


class WebhookCouncil:
    """The council with the real sink; only Kafka and the clock of the state are in memory."""

    def __init__(self, folder: Path, world: FoundedPartnership) -> None:
        self.clock = Clock()
        self.kafka = cluster(world)
        self.world = world
        self.folder = folder
        self.police = MemoryAgency(POLICE, folder / "police.db", self.kafka, self.clock, world)
        self.member = MemoryAgency(COUNCIL, folder / "council.db", self.kafka, self.clock, world)
        self.metrics = Metrics()
        self.settings: dict[str, Any] = {"retry_first": 0.05, "retry_most": 0.2, "timeout": 2.0}

    def sink(self, receiver: WebhookReceiver, **changes: Any) -> WebhookSink:
        """Return a new sink, as a new process makes it."""
        (self.folder / "webhook-secret").write_text(f"{receiver.secret}\n")
        (self.folder / "webhook-secret").chmod(0o600)
        section = WebhookSection(url=receiver.url, **(self.settings | changes))
        # The receiver compares the time of a signature with the real time.
        endpoint = WebhookEndpoint(endpoint_settings(section, self.folder), now_ms)
        reading = Reading(COUNCIL, self.member.secret, lambda: self.member.contracts)
        schedule = RetrySchedule(section.retry_first, section.retry_most, section.give_up_after)
        records = DeliveryRecords(self.member.store, reading, schedule, self.clock)
        return WebhookSink(records, endpoint, section.requests, self.metrics, self.clock)

    async def receive(self, count: int = 1, **changes: Any) -> list[str]:
        """Let the police send events, and receive them. Return their ids."""
        ids = await self.police.send(count, **changes)
        self.member.receive_all()
        return ids

    def held(self) -> list[tuple[str, str]]:
        return self.member.held_events()

    def waiting(self) -> int:
        with self.member.store.reading() as tx:
            return tx.inbox.counts().undelivered

    def failing(self) -> int:
        with self.member.store.reading() as tx:
            return tx.attempts.failing().events

    def release(self) -> None:
        """Release held events, as `quarantine retry` does."""
        with self.member.store.transaction() as tx:
            for row in tx.inbox.held(99):
                assert tx.inbox.release(row.seq)

    def close(self) -> None:
        for one in (self.police, self.member):
            one.store.close()


async def running(sink: WebhookSink, until: Any, seconds: float = 10.0, tick: Any = None) -> None:
    """Run the loop of the sink until a condition holds, or fail."""
    stop = asyncio.Event()
    turns: list[float] = []
    task = asyncio.create_task(
        sink.run(lambda _s: _pause(stop), stop, lambda: turns.append(time.monotonic()))
    )
    ends = time.monotonic() + seconds
    try:
        while not until():
            assert not task.done(), task.result()
            assert time.monotonic() < ends, "the condition does not hold"
            await asyncio.sleep(0.01)
            if tick is not None:
                tick()
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await task
    assert turns


async def _pause(stop: asyncio.Event) -> None:
    await set_within(stop, 0.01)


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookCouncil]:
    from adapters.webhook import sink

    monkeypatch.setattr(sink, "PAUSE_FIRST_S", 0.02)
    monkeypatch.setattr(sink, "PAUSE_MOST_S", 0.1)
    made = WebhookCouncil(tmp_path, founded())
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as made:
        yield made
