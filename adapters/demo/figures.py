"""Figures of a run: bytes, events per signature, events per second, delays and memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.demo.comparing import ExchangeComparison
from adapters.demo.hosting import Seen, record_size
from adapters.demo.processes import AdapterProcess


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Figures of one run.

    Attributes:
        events: sealed events on Kafka.
        signatures: checkpoints that cover them.
        events_per_signature: mean number of events per signature; largest_batch is the maximum.
        record_bytes: of all sealed events, values and headers, before Kafka compresses them.
        bytes_per_event: the mean of those.
        disk_bytes: size of Kafka's data topics on disk; None for a Kafka that the demo did not
            start.
        delivered: files in inbox folders.
        events_per_second: delivered in the busiest second of all inboxes together.
        p50_s, p99_s: seconds from a complete export to the inbox, while everything was up. They
            include the wait until a file counts as complete.
        longest_s: the longest of all, outages included.
        adapter_mib: resident memory by agency, at the end.
        adapter_peak_mib: highest resident memory by agency; it is that of the start.
        seconds: of the whole run.
    """

    events: int
    signatures: int
    events_per_signature: float
    largest_batch: int
    record_bytes: int
    bytes_per_event: int
    disk_bytes: int | None
    delivered: int
    events_per_second: int
    p50_s: float
    p99_s: float
    longest_s: float
    adapter_mib: Mapping[str, int]
    adapter_peak_mib: Mapping[str, int]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """Return the figures for ``--json``."""
        return asdict(self)


def measured(
    seen: Sequence[Seen],
    comparison: ExchangeComparison,
    quiet: Iterable[tuple[str, str]],
    arrived_at: Sequence[float],
    adapters: Mapping[str, AdapterProcess],
    kafka_data: Path | None,
    seconds: float,
) -> RunFigures:
    """Compute the figures.

    Args:
        seen: sealed events that Kafka holds.
        comparison: of sources and sinks.
        quiet: (recipient, event id) of events exported while everything was up.
        arrived_at: when each file of an inbox was written, seconds since the epoch.
        adapters: by agency, with their memory.
        kafka_data: folder of Kafka's data, if the demo started Kafka.
        seconds: duration of the whole run.
    """
    batches = Counter(
        (s.proof.signed.checkpoint.origin, s.proof.signed.checkpoint.size) for s in seen
    )
    record_bytes = sum(record_size(s.record) for s in seen)
    waits = sorted(comparison.seconds[key] for key in quiet if key in comparison.seconds)
    busiest = Counter(int(at) for at in arrived_at)
    return RunFigures(
        events=len(seen),
        signatures=len(batches),
        events_per_signature=round(len(seen) / max(1, len(batches)), 1),
        largest_batch=max(batches.values(), default=0),
        record_bytes=record_bytes,
        bytes_per_event=record_bytes // max(1, len(seen)),
        disk_bytes=None if kafka_data is None else on_disk(kafka_data),
        delivered=len(arrived_at),
        events_per_second=max(busiest.values(), default=0),
        p50_s=_quantile(waits, 0.5),
        p99_s=_quantile(waits, 0.99),
        longest_s=round(max(comparison.seconds.values(), default=0.0), 2),
        adapter_mib={agency: a.resident_bytes >> 20 for agency, a in adapters.items()},
        adapter_peak_mib={agency: a.peak_bytes >> 20 for agency, a in adapters.items()},
        seconds=round(seconds, 1),
    )


def on_disk(data: Path) -> int:
    """Return the size in bytes of the data topics' compressed segments on disk."""
    control = ("manifests", "contracts", "heartbeats", "receipts")
    return sum(
        path.stat().st_size
        for path in data.glob("*/*.log")
        if "." in path.parent.name and not any(name in path.parent.name for name in control)
    )


def distinct_events(seen: Iterable[Seen]) -> list[Seen]:
    """Return each event once: replays from an archive and copies by others are not counted."""
    first: dict[bytes, Seen] = {}
    for one in seen:
        first.setdefault(one.sealed.id, one)
    return list(first.values())


def _quantile(ordered: Sequence[float], share: float) -> float:
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
