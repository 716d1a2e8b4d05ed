"""Memory that an adapter takes for an export, above what it takes when idle: worst inputs.

Each file goes the real way: watched folder, intake, outbox. ``python -m bench exports`` takes each
in a process of its own; ``python -m bench.export_memory PARTNERSHIP JSON`` is that process.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from adapters.base import AgencyAdapter, AgencySystem
from adapters.catalogue import adapter_named
from adapters.intake import Intake, Publication
from adapters.sources.source_file import FileReport
from adapters.sources.watched_folder import FolderSource
from bench.results import save
from bench.worst_exports import WORST, Worst
from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.observing.logs import configure
from broker.observing.metrics import Metrics
from broker.sending.publishing import Publisher
from broker.sending.sealing_context import event_sealer
from broker.store.database import open_store

SIZES_MB: Final = (1, 4, 16, 64)
AGENCIES: Final = {"csu": "csu-camden", "cps": "cps-london", "council": "council-camden"}


def make_partnership(folder: Path) -> None:
    """Make the try-out partnership whose agencies take the files."""
    concordant = [sys.executable, "-m", "adapters.main", "quickstart", str(folder)]
    subprocess.run(concordant, check=True, capture_output=True)


def measure(partnership: Path, files: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Take some files, one after the other, in one process.

    Args:
        partnership: of ``make_partnership``.
        files: (name in ``WORST``, size in bytes).

    Returns:
        For each: ``name``, ``size_mb``, ``idle_mb``, ``peak_mb`` above idle, ``seconds``,
        ``cpu_s``, and what became of it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.export_memory", str(partnership), json.dumps(files)],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[1],
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(*, quick: bool) -> None:
    """Measure every worst input at every size; print and save."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        partnership = Path(folder) / "partnership"
        make_partnership(partnership)
        for name in WORST:
            for size in SIZES_MB[:1] if quick else SIZES_MB:
                (found,) = measure(partnership, [(name, size * 1000 * 1000)])
                rows.append(found)
                save("exports", rows)
                print(
                    f"{name:34}{size:4} MB{found['peak_mb']:8.1f} MB{found['cpu_s']:8.1f} s  "
                    f"{found['code']}",
                    flush=True,
                )


class _Taker:
    """Everything that an adapter has between its folder and its outbox."""

    def __init__(self, directory: Path) -> None:
        participant = load_participant(directory, now_ms())
        config = participant.config
        self.adapter: AgencyAdapter = adapter_named(config.adapter.kind)
        self._folder = participant.path(config.folders.import_)
        self._reports: list[FileReport] = []
        self._intake = Intake(
            AgencySystem(self.adapter, participant.agency, config.partners),
            open_store(participant.state),
            Publication(Publisher(event_sealer(participant)), lambda: None),
            Metrics(),
            now_ms,
        )
        self._source = FolderSource(
            self._folder,
            processed=participant.path(config.folders.processed),
            quarantine=participant.path(config.folders.quarantine),
            suffixes=lambda: self.adapter.suffixes,
            report=self._reports.append,
            settle_s=0.1,
        )

    def drop(self, name: str, worst: Worst, size: int) -> None:
        """Write a file into the watched folder."""
        self._folder.mkdir(exist_ok=True)
        with (self._folder / f"{name.replace(' ', '-')}{worst.suffix}").open("wb") as file:
            for piece in worst.pieces(size):
                file.write(piece)

    async def take(self) -> FileReport:
        """Take what lies there."""
        del self._reports[:]
        while not any(report.status != "waiting" for report in self._reports):
            await self._source.poll(self._intake.take)
            await asyncio.sleep(0.11)
        return self._reports[-1]


def _measured(taker: _Taker, name: str, size: int) -> dict[str, Any]:
    taker.drop(name, WORST[name], size)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the last file took is given back
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    idle = _status_mb("VmRSS")
    began, spent = time.monotonic(), time.process_time()
    report = asyncio.run(taker.take())
    return {
        "name": name,
        "size_mb": round(size / 1e6, 1),
        "idle_mb": round(idle, 1),
        "peak_mb": round(_status_mb("VmHWM") - idle, 1),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_s": round(time.process_time() - spent, 2),
        "status": report.status,
        "code": report.code,
        "refused": report.rows,
    }


def _status_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise KeyError(name)


def _main(partnership: Path, files: Sequence[tuple[str, int]]) -> None:
    configure(json=True)
    kinds = {WORST[name].kind for name, _ in files}
    takers = {kind: _Taker(partnership / AGENCIES[kind]) for kind in kinds}
    for name, size in files:
        print(json.dumps(_measured(takers[WORST[name].kind], name, size)), flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.loads(sys.argv[2]))
