"""The loop that publishes again what readers asked for: after new events, and not too fast."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from broker.control.replay_requests import ReplayRequests
from broker.errors import TransportError
from broker.service import replaying
from broker.service.replaying import Replaying
from broker.statements.notices import REPLAY_HEADING, Notice
from broker.tlog.checkpoint import GenerationPlace, Origin
from tests.support.founded_partnership import NOW, POLICE, founded


class FakeRelay:
    """Has ``records`` of 1,000 bytes, ``busy`` looks at events that wait, and ``failures``."""

    def __init__(self, records: int = 100, busy: int = 0, failures: int = 0) -> None:
        self.records = records
        self.busy = busy
        self.failures = failures
        self.sent: list[tuple[int, int]] = []

    def has_waiting(self) -> bool:
        self.busy -= 1
        return self.busy >= 0

    async def replay(self, log: GenerationPlace, first: int, last: int) -> tuple[int, int, int]:
        assert self.busy < 0, "events go first"
        if self.failures:
            self.failures -= 1
            raise TransportError("away", code="kafka_unreachable")
        count = max(min(last, self.records - 1) - first + 1, 0)
        if count:
            self.sent.append((first, first + count - 1))
        return count, 1000 * count, last


async def published(relay: FakeRelay, last: int) -> list[tuple[int, int]]:
    requests = ReplayRequests()
    origin = Origin(founded().deployment, POLICE, founded().topic(), 0, "g")
    requests.ask(POLICE, Notice(REPLAY_HEADING, origin, 0, last, NOW), NOW)
    stop = asyncio.Event()
    control = SimpleNamespace(
        replay_requests=requests, present=lambda: SimpleNamespace(parties="abcd")
    )
    loop = Replaying(relay, control, lambda: NOW)  # type: ignore[arg-type]  # as a relay and control
    task = asyncio.create_task(loop.run(stop))
    for _ in range(400):
        await asyncio.sleep(0.01)
        if requests.next(NOW, 4) is None:
            break
    stop.set()
    await task
    return relay.sent


async def test_a_long_range_is_published_chunk_by_chunk_and_ends_where_the_records_do() -> None:
    assert await published(FakeRelay(records=150), 2**40) == [(0, 63), (64, 127), (128, 149)]


async def test_events_that_wait_go_first() -> None:
    relay = FakeRelay(records=10, busy=3)
    assert await published(relay, 9) == [(0, 9)]
    assert relay.busy < 0


async def test_a_record_kafka_does_not_take_is_published_later() -> None:
    relay = FakeRelay(records=10, failures=1)
    assert await published(relay, 9) == [(0, 9)]


def test_replays_take_at_most_half_of_what_a_party_may_write() -> None:
    assert replaying.REPLAY_BYTES_A_SECOND * 2 <= replaying.PRODUCER_BYTES_A_SECOND
