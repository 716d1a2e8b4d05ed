"""Cost of one event to produce and to consume, beside five alternatives.

Process CPU time, rounds interleaved over all cases within one run, medians. Ratios are to the case
``reference`` of the same recipients and batch. Prints the tables and writes out/envelope.jsonl.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import benchmark_partnership, peers, results
from bench.cases import ours, plain, reference
from bench.measuring import Case, Round, run_round

RECIPIENTS: Final = (1, 4, 16)
BATCHES: Final = (1, 16, 256)
EVENTS: Final = 256
"""Per round and case: one batch of 256, 16 of 16, or 256 of one."""
GOALS: Final = {(4, 256): (1.0, 0.7), (4, 1): (2.0, 1.9)}
REFERENCE: Final = "reference"
COUNCIL: Final = "bench-council-02"


def now_ms() -> int:
    """This clock."""
    return time.time_ns() // 1_000_000


class Council(ours.Case):
    """Ours, with a reader that may read three of the four groups."""

    name = "concordant, reader of 3 groups"


def run(*, quick: bool = False) -> None:
    """Measure everything and write out/envelope.jsonl."""
    failed = peers.install()
    for requirement, reason in failed.items():
        print(f"could not be installed: {requirement}: {reason}")
    rounds = 5 if quick else 15
    events = 64 if quick else EVENTS
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        load = benchmark_partnership.create(Path(folder) / "bench", now_ms())
        for recipients in RECIPIENTS:
            beside = [peers.Peer(name, recipients) for name in peers.MODULES]
            for batch in BATCHES:
                cases: list[Case] = [
                    ours.Case(recipients, load, now_ms),
                    reference.Case(recipients),
                    reference.Tuned(recipients),
                    plain.Case(recipients),
                ]
                if recipients > 1:
                    cases.insert(1, Council(recipients, load, now_ms, COUNCIL))
                # A peer's cost is per event whatever the batch: measured once, shown for each.
                found = measure(cases, beside, batch, max(events, batch), rounds)
                rows += table(recipients, batch, found, beside)
            for peer in beside:
                peer.close()
    results.save("envelope", rows)


def measure(
    cases: Sequence[Case],
    beside: Sequence[peers.Peer],
    batch: int,
    events: int,
    rounds: int,
) -> dict[str, Round]:
    """Medians by case. Ours and the references take turns in every round, peers in every third."""
    found: dict[str, list[Round]] = {}
    for at in range(rounds + 1):
        for case in cases:
            found.setdefault(case.name, []).append(run_round(case, batch, events))
        if at % 3 == 0:
            for peer in beside:
                if peer.missing is None:
                    found.setdefault(peer.name, []).append(peer.round(batch, min(events, 64)))
    return {
        name: Round(*map(statistics.median, zip(*some[1:], strict=True)))  # the first warms up
        for name, some in found.items()
    }


def table(
    recipients: int, batch: int, found: dict[str, Round], beside: Sequence[peers.Peer]
) -> list[dict[str, object]]:
    """Print one table; returns its rows."""
    base = found[REFERENCE]
    print(f"\n{recipients} recipients, batches of {batch}")
    print(f"{'case':32}{'produce us':>11}{'consume us':>11}{'bytes':>8}{'x ref':>8}{'x ref':>8}")
    rows: list[dict[str, object]] = []
    for name, one in found.items():
        produce, consume = one.produce_us / base.produce_us, one.consume_us / base.consume_us
        rows.append(
            {
                "case": name,
                "recipients": recipients,
                "batch": batch,
                "produce_us": round(one.produce_us, 2),
                "consume_us": round(one.consume_us, 2),
                "bytes": round(one.bytes),
                "produce_x_ref": round(produce, 3),
                "consume_x_ref": round(consume, 3),
            }
        )
        print(
            f"{name:32}{one.produce_us:11.1f}{one.consume_us:11.1f}{one.bytes:8.0f}"
            f"{produce:8.2f}{consume:8.2f}"
        )
    goal = GOALS.get((recipients, batch))
    if goal is not None:
        print(f"{'goal':32}{'':30}{goal[0]:8.2f}{goal[1]:8.2f}")
    for peer in beside:
        if peer.missing is not None:
            print(f"{peer.name:32}  not measured: {peer.missing}")
    return rows
