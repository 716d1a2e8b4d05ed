"""Cost of adapters that have nothing to do: seven parties, a real Kafka, heartbeats and reports.

Each adapter is a process of its own with the intervals of an agency. CPU time and memory are those
that Linux counts for the process. The values are medians over the seven adapters.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from adapters.demo.stage import Stage
from bench import results

SETTLE_S: Final = 45.0
"""Seconds in which the parties exchange their agreements and first heartbeats."""
MEASURED_S: Final = 120.0
KEPT: Final = "VmRSS:"
"""Line of /proc/PID/status with the memory that is in use now."""


def run(*, quick: bool = False) -> None:
    """Measure and write out/idle.jsonl."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "town", None, lambda _: None, intervals="")
        with stage:
            stage.prepare()
            stage.start_kafka()
            stage.provision()
            stage.start_adapters()
            row = _measure(stage, MEASURED_S / 10 if quick else MEASURED_S)
    results.save("idle", [row])
    results.show([row])


def _measure(stage: Stage, seconds: float) -> dict[str, object]:
    pids = [one.pid for one in stage.adapters.values() if one.pid is not None]
    time.sleep(SETTLE_S)
    before, began = [_cpu_s(pid) for pid in pids], time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    cpu = [(_cpu_s(pid) - was) / took for pid, was in zip(pids, before, strict=True)]
    return {
        "adapters": len(pids),
        "seconds": round(took),
        "cpu_percent": round(100 * statistics.median(cpu), 2),
        "memory_mb": round(statistics.median(_memory_mb(pid) for pid in pids)),
    }


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process in seconds, its own and that of the kernel for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(KEPT)).split()[1]) / 1024
