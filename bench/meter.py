"""Wall and CPU time of phases of one name, and this machine's clock."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any


def now_ms() -> int:
    """This clock."""
    return time.time_ns() // 1_000_000


class Meter:
    """Wall and CPU time of phases of one name, summed over rounds and given as a median."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[float, float]]] = {}

    async def measure(self, name: str, events: int, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run ``work``, which moves ``events`` events."""
        wall, cpu = time.perf_counter(), time.process_time()
        answer = await work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._found.setdefault(name, []).append((events / wall, cpu / events * 1e6))
        return answer

    def rows(self, partitions: int, beside: dict[str, str]) -> list[dict[str, object]]:
        """One row a name; ``beside`` names what each is compared with."""
        medians = {
            name: (statistics.median(r for r, _ in f), statistics.median(c for _, c in f))
            for name, f in self._found.items()
        }
        return [
            {
                "path": name,
                "partitions": partitions,
                "events_s": round(rate),
                "cpu_us": round(cpu, 1),
                "x_raw": round(rate / medians[beside[name]][0], 2) if name in beside else "",
            }
            for name, (rate, cpu) in medians.items()
        ]
