"""Growth: cost of an event after up to a million others in the same stream.

The stream is filled with leaf hashes (what a sender's tree and a reader's state see of an event),
so that reaching a million takes seconds; at each size a batch of whole events is then appended and
read. Memory is what Python holds for the sender's and the reader's state of the stream, not that
of the process. Start-up is measured on a state database with a million leaves of a reader in it:
opening it and reading the heads, the outbox and the reader's state.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench import benchmark_partnership, results, sample_event
from bench.cases import ours
from bench.meter import now_ms
from bench.sample_event import SOURCE
from broker.judging.partition_state import (
    Generation,
    PartitionState,
    StoredCheckpoint,
    format_state,
    parse_state,
)
from broker.judging.store_context import write_state
from broker.record import KafkaPartition
from broker.sending.streams import Stream, open_generation
from broker.store.database import open_store
from broker.tlog.checkpoint import Place
from broker.tlog.merkle import Frontier

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
BATCH: Final = 256
_CHUNK: Final = 10_000


def run(*, quick: bool = False) -> None:
    """Measure and write out/growth.jsonl."""
    sizes = SIZES[:3] if quick else SIZES
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        load = benchmark_partnership.create(Path(folder) / "bench", now_ms())
        cases = {size: _grown(load, size) for size in sizes}
        found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
        for turn in range(4 if quick else 10):
            for size, case in cases.items():  # sizes take turns, so that noise is shared
                found[size].append(_batch(case, turn))
        for size, case in cases.items():
            produce, consume = zip(*found[size][1:], strict=True)
            rows.append(
                {
                    "events": size,
                    "produce_us": round(statistics.median(produce), 1),
                    "consume_us": round(statistics.median(consume), 1),
                    "sender_bytes": _held(lambda case=case: _sender_state(case)),
                    "reader_bytes": _held(lambda case=case: _reader_state(case)),
                }
            )
        results.show(rows)
        behind = _start_up(Path(folder), 100_000 if quick else 1_000_000)
        results.show([behind])
    results.save("growth", [*rows, behind])


def _grown(load: Any, size: int) -> ours.Case:
    """A case whose stream holds ``size`` events already, and whose reader met them."""
    case = ours.Case(4, load, now_ms)
    frontier = Frontier()
    while frontier.size < size:
        count = min(_CHUNK, size - frontier.size)
        frontier = frontier.extend([os.urandom(32) for _ in range(count)])
    case.row = replace(case.row, size=size, frontier=frontier.to_bytes(), root=frontier.root())
    name = case.row.name
    held = Generation(name, 0, size, frontier, StoredCheckpoint(size, frontier.root(), 0, 0))
    case.adopt(PartitionState(name, name, 0, {name: held}))
    return case


def _batch(case: ours.Case, turn: int) -> tuple[float, float]:
    datas = [sample_event.plain(turn * BATCH + at) for at in range(BATCH)]
    began = time.process_time()
    messages = case.produce(datas)
    middle = time.process_time()
    opened = case.consume(messages)
    ended = time.process_time()
    assert [case.data(one) for one in opened] == datas
    return (middle - began) / BATCH * 1e6, (ended - middle) / BATCH * 1e6


def _sender_state(case: ours.Case) -> object:
    return replace(case.row, frontier=bytes(bytearray(case.row.frontier)))


def _reader_state(case: ours.Case) -> object:
    return parse_state(format_state(case.state))


def _held(make: Any) -> int:
    """Bytes that a copy of a state takes."""
    make()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = make()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before + 0 * sys.getsizeof(kept)


def _start_up(folder: Path, events: int) -> dict[str, object]:
    """A sender's and a reader's first steps with ``events`` rows in their state database."""
    path = folder / "state.db"
    store = open_store(path)
    stream = Stream("bench", SOURCE, "bench.topic", 0)
    row = open_generation(stream, None, None, now_ms())
    frontier = Frontier()
    place = Place(SOURCE, "bench.topic", 0)
    with store.transaction() as tx:
        tx.streams.save(row)
        for first in range(0, events, _CHUNK):
            leaves = [os.urandom(32) for _ in range(_CHUNK)]
            frontier = frontier.extend(leaves)
            tx.reader_logs.save_leaves(
                place.generation(row.name),
                [(first + at, leaf, "stored") for at, leaf in enumerate(leaves)],
            )
        held = Generation(
            row.name,
            0,
            events,
            frontier,
            StoredCheckpoint(events, frontier.root(), now_ms() // 1000, 0),
        )
        state = PartitionState(row.name, row.name, now_ms() // 1000, {row.name: held})
        write_state(tx, place, 0, None, state)
        tx.streams.save(
            replace(row, size=events, frontier=frontier.to_bytes(), root=frontier.root())
        )
    store.close()
    began = time.perf_counter()
    store = open_store(path)
    with store.reading() as tx:
        found = tx.streams.last_with_records(KafkaPartition("bench.topic", 0))
        waiting = tx.outbox.pending(1)
        stored = tx.reader.state(place)
    took = time.perf_counter() - began
    store.close()
    assert found is not None
    assert found.size == events
    assert not waiting
    assert stored is not None
    assert stored[1] is not None
    assert parse_state(stored[1]).generations[row.name].size == events
    return {
        "start_up_with": events,
        "start_up_ms": round(took * 1000, 1),
        "database_mb": round(path.stat().st_size / 2**20, 1),
    }
