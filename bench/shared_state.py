"""One, two and four adapters of an agency over one PostgreSQL state, and one over SQLite.

Two agencies have real adapters and a real Kafka. The state of each is on one real server, or in
files. Measured are the events a second from export to inbox folder, how soon another adapter
works when the one that works is stopped or killed, and what an adapter costs that waits.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import results
from bench.idle import _cpu_s, _memory_mb
from broker.store.adapters_seen import LEASE_MS
from tests.fault.fault_invariants import Invariants
from tests.fault.fault_stage import SENDERS, FaultStage, SharingAdapters, await_condition
from tests.fault.fault_states import FileStates, ServerStates, number_in
from tests.fault.fault_traffic import Traffic

CASES: Final = 1_000
QUICK_CASES: Final = 300
WAITING_S: Final = 20.0
PATIENCE_S: Final = 600.0
TAKEOVERS: Final = 3
BEGUN_S: Final = 8.0
"""Seconds after which an adapter that was started again waits."""
_HOLDER: Final = (
    "SELECT CAST(split_part(holder, ':', 2) AS bigint) FROM lease WHERE name = 'adapter'"
)
_HELD: Final = (
    "SELECT taken_ms > 0 AND token > CAST(:token AS bigint) FROM lease WHERE name = 'adapter'"
)
_TOKEN: Final = "SELECT token FROM lease WHERE name = 'adapter'"


def run(*, quick: bool = False) -> None:
    """Measure and write out/shared_state.jsonl."""
    os.environ["FAULT_LEASE_MS"] = str(LEASE_MS)  # as in the product
    rows: list[dict[str, object]] = []
    base: float | None = None
    for adapters in (0, 1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            states = ServerStates(adapters) if adapters else FileStates()
            with FaultStage(Path(folder) / "p", SENDERS, states) as stage:
                stage.prepare(disks=False)
                rate, row = _measure(stage, QUICK_CASES if quick else CASES, quick=quick)
        base = base or rate
        state = f"PostgreSQL, {adapters}" if adapters else "SQLite, 1"
        rows.append({"state, adapters": state, "x SQLite": f"{rate / base:.2f}", **row})
        results.show(rows[-1:])
    results.save("shared_state", rows)


def _measure(stage: FaultStage, cases: int, *, quick: bool) -> tuple[float, dict[str, object]]:
    traffic = Traffic(stage, 1)
    invariants = Invariants(stage, traffic)
    for agency in stage.agencies:
        _until(stage.adapters[agency].ready, stage, f"{agency} is not ready")
    _until(lambda: _settled(traffic, invariants, 20), stage, "the first events do not arrive")
    began = time.monotonic()
    events = -len(traffic.owed)
    traffic.warm_up(SENDERS[0], cases)
    events += len(traffic.owed)
    _until(lambda: not invariants.missing(), stage, "events do not arrive")
    rate = events / (time.monotonic() - began)
    group = stage.adapters[SENDERS[0]]
    row: dict[str, object] = {"events/s": round(rate)}
    if not isinstance(group, SharingAdapters):
        names = ("after a stop, s", "after kill -9, s", "waiting: CPU, %", "waiting: MB")
        return rate, row | dict.fromkeys(names, "-")
    waiting = [
        one.pid for one in group.members if one.pid is not None and one.pid != _holder(stage)
    ]
    before, began = [_cpu_s(pid) for pid in waiting], time.monotonic()
    time.sleep(WAITING_S / 2 if quick else WAITING_S)
    took = time.monotonic() - began
    cpu = statistics.median((_cpu_s(p) - b) / took for p, b in zip(waiting, before, strict=True))
    memory = statistics.median(_memory_mb(pid) for pid in waiting)
    times = 1 if quick else TAKEOVERS
    after_stop = statistics.median(_taken_over(stage, signal.SIGTERM) for _ in range(times))
    after_kill = statistics.median(_taken_over(stage, signal.SIGKILL) for _ in range(times))
    return rate, row | {
        "after a stop, s": f"{after_stop:.1f}",
        "after kill -9, s": f"{after_kill:.1f}",
        "waiting: CPU, %": f"{100 * cpu:.1f}",
        "waiting: MB": round(memory),
    }


def _settled(traffic: Traffic, invariants: Invariants, cases: int) -> bool:
    if not traffic.owed:
        for agency in SENDERS:
            traffic.warm_up(agency, cases)
    return not invariants.missing()


def _holder(stage: FaultStage) -> int:
    return number_in(stage.database(SENDERS[0]), _HOLDER) or 0


def _taken_over(stage: FaultStage, number: int) -> float:
    """Stop the adapter that works; return the seconds until another one is ready."""
    group = stage.adapters[SENDERS[0]]
    assert isinstance(group, SharingAdapters)

    def whole() -> bool:
        return group.ready() and all(one.running for one in group.members)

    _until(whole, stage, "no adapter is ready")
    time.sleep(BEGUN_S)
    place, holder = stage.database(SENDERS[0]), _holder(stage)
    token = number_in(place, _TOKEN) or 0
    began = time.monotonic()
    os.kill(holder, number)

    def taken() -> bool:
        return bool(number_in(place, _HELD, token=str(token))) and group.ready()

    assert await_condition(taken, lambda: None, PATIENCE_S), "no other adapter takes over"
    took = time.monotonic() - began
    stage.tend()
    return took


def _until(condition: Callable[[], bool], stage: FaultStage, what: str) -> None:
    assert await_condition(condition, stage.tend, PATIENCE_S), what
