"""Batching in reality: how many events one signature covers, what an event costs, how late it is.

One sender with 18 streams on a real Kafka, through its outbox on SQLite and its relay. Events come
at a steady rate or in one burst. Events of one tick are accepted in one transaction, as an
adapter does. Late is the time from arrival to Kafka's acknowledgement; where the machine cannot
keep up with a rate, the rate reached says so.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from bench import results, sample_event
from bench.durable_path import Durable
from bench.meter import now_ms
from bench.world import World, world

STREAMS: Final = 18
RATES: Final = (25, 250, 2_500)
BURST: Final = 100_000
TICK_S: Final = 0.01
BURST_TRANSACTION: Final = 256


def run(*, quick: bool = False) -> None:
    """Measure and write out/batching.jsonl."""
    seconds = 3 if quick else 10
    rows: list[dict[str, object]] = []
    with world(now_ms(), STREAMS) as made:
        asyncio.run(_steady(made, RATES[0], 1))  # the first statements are compiled
        for rate in RATES:
            rows.append(asyncio.run(_steady(made, rate, seconds)))
            results.show(rows[-1:])
        rows.append(asyncio.run(_burst(made, 2_000 if quick else BURST, 30 if quick else 240)))
        results.show(rows[-1:])
    results.save("batching", rows)


class _Sender:
    """The durable sender, and when each accepted event arrived and was acknowledged."""

    def __init__(self, made: World, folder: Path) -> None:
        self.durable = Durable(made, folder)
        self.waiting: list[float] = []
        self.late: list[float] = []
        self.batches: list[int] = []
        self._more = asyncio.Event()
        self._stop = False

    def accept(self, first: int, arrived: list[float]) -> None:
        """Accept events that arrived at these moments, in one transaction."""
        datas = [sample_event.plain(first + at) for at in range(len(arrived))]
        self.durable.publish(datas)
        self.waiting += arrived

    def wake(self) -> None:
        """There is something to send."""
        self._more.set()

    def stop(self) -> None:
        """Send what waits and end."""
        self._stop = True
        self._more.set()

    async def relay(self) -> None:
        """Rounds of the relay while there is something to send."""
        while not (self._stop and not self.waiting):
            await self._more.wait()
            self._more.clear()
            while (sent := await self.durable.relay.round()) > 0:
                moment = time.perf_counter()
                done, self.waiting = self.waiting[:sent], self.waiting[sent:]
                self.late += [moment - arrived for arrived in done]
                self.batches += [events for _, events in self.durable.relay.batches()]

    def row(self, name: str, wall: float, cpu: float) -> dict[str, object]:
        """Result of a run."""
        events = len(self.late)
        late = sorted(self.late)
        return {
            "arrival": name,
            "events": events,
            "events_s": round(events / wall),
            "per_signature": round(events / len(self.batches), 1),
            "cpu_us": round(cpu / events * 1e6),
            "p50_ms": round(late[events // 2] * 1000, 1),
            "p99_ms": round(late[events * 99 // 100] * 1000, 1),
        }


async def _steady(made: World, rate: int, seconds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        sender = _Sender(made, Path(folder))
        relay = asyncio.create_task(sender.relay())
        wall, cpu = time.perf_counter(), time.process_time()
        accepted = 0
        while (passed := time.perf_counter() - wall) < seconds:
            due = min(int(passed * rate) + 1, rate * seconds)
            if due > accepted:
                arrived = [wall + at / rate for at in range(accepted, due)][:BURST_TRANSACTION]
                await asyncio.to_thread(sender.accept, accepted, arrived)
                accepted += len(arrived)
                sender.wake()
            await asyncio.sleep(TICK_S)
        sender.stop()
        await relay
        row = sender.row(f"{rate} a second", time.perf_counter() - wall, time.process_time() - cpu)
        await sender.durable.close()
    return row


async def _burst(made: World, events: int, limit_s: float) -> dict[str, object]:
    """All at once; after ``limit_s`` no more are accepted, so that a slow machine ends too."""
    with tempfile.TemporaryDirectory() as folder:
        sender = _Sender(made, Path(folder))
        relay = asyncio.create_task(sender.relay())
        wall, cpu = time.perf_counter(), time.process_time()
        for first in range(0, events, BURST_TRANSACTION):
            count = min(BURST_TRANSACTION, events - first)
            await asyncio.to_thread(sender.accept, first, [wall] * count)
            sender.wake()
            await asyncio.sleep(TICK_S)  # the relay's turn at the database, which keeps no queue
            if time.perf_counter() - wall > limit_s:
                break
        sender.stop()
        await relay
        row = sender.row(
            f"burst of {events:,}", time.perf_counter() - wall, time.process_time() - cpu
        )
        await sender.durable.close()
    return row
