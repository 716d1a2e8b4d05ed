"""End to end on a real Kafka, beside raw aiokafka that moves the same bytes in the same run.

Two paths of ours, the sealing one and the durable one, and the latency of the durable one. One
process is the only client, so its CPU time per event is the client's.
"""

from __future__ import annotations

import asyncio

from bench import results
from bench.durable_path import durable_throughput
from bench.latency import latency
from bench.meter import now_ms
from bench.sealing_path import throughput
from bench.world import PARTITIONS, RECIPIENTS, world


def run(*, quick: bool = False) -> None:
    """Measure and write out/endtoend.jsonl."""
    rows: list[dict[str, object]] = []
    with world(now_ms(), PARTITIONS, RECIPIENTS) as made:
        for partitions in (1, PARTITIONS):
            rows += asyncio.run(throughput(made, partitions, 1_500 if quick else 9_000))
            results.show(rows[-4:])
        for partitions in (1, PARTITIONS):
            rows += asyncio.run(durable_throughput(made, partitions, 512 if quick else 4_096))
            results.show(rows[-2:])
        rows.append(asyncio.run(latency(made, 4 if quick else 20)))
        results.show(rows[-1:])
    results.save("endtoend", rows)
