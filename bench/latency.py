"""Latency of an event from acceptance to the reader's inbox, at a steady rate."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import sample_event
from bench.durable_path import Durable
from bench.raw_kafka import end
from bench.world import PARTITIONS, World


async def latency(made: World, seconds: int, rate: int = 25) -> dict[str, object]:
    """From accepting an event to its being in the reader's inbox, at ``rate`` events a second."""
    accepted: dict[str, float] = {}
    taken: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        durable = Durable(made, Path(folder))
        offsets = {p: await end(made, made.topic, p) for p in range(PARTITIONS)}
        stop, waiting = asyncio.Event(), asyncio.Event()

        async def relay() -> None:
            while not stop.is_set():
                await waiting.wait()
                waiting.clear()
                await durable.send()

        def note(ids: Sequence[str]) -> None:
            moment = time.perf_counter()
            taken.update((one, moment) for one in ids)

        tasks = [
            asyncio.create_task(durable.receive(offsets, stop, note)),
            asyncio.create_task(relay()),
        ]
        await asyncio.sleep(3)  # the reader joins its group
        began = time.perf_counter()
        for at in range(seconds * rate):
            await asyncio.sleep(max(0.0, began + at / rate - time.perf_counter()))
            moment = time.perf_counter()
            (one,) = await asyncio.to_thread(durable.publish, [sample_event.plain(90_000_000 + at)])
            accepted[one] = moment
            waiting.set()
        deadline = time.perf_counter() + 10
        while len(taken) < len(accepted) and time.perf_counter() < deadline:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.05)
        stop.set()
        waiting.set()
        await asyncio.gather(*tasks)
        await durable.close()
    ages = sorted((taken[one] - moment) * 1000 for one, moment in accepted.items())
    return {
        "path": "accepted to inbox",
        "rate": rate,
        "events": len(ages),
        "p50_ms": round(ages[len(ages) // 2], 1),
        "p99_ms": round(ages[len(ages) * 99 // 100], 1),
    }
