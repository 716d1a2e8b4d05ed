"""Memory that an adapter takes for an export, above what it takes when idle: worst inputs.

Each file goes the real way, watched folder, intake and outbox, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.results import save
from bench.worst_exports import WORST, Worst

SIZES_MB: Final = (1, 4, 16, 64)
AGENCIES: Final = {"csu": "csu-camden", "cps": "cps-london", "council": "council-camden"}


def measure(partnership: Path, worst: Worst, size: int) -> dict[str, Any]:
    """Take one file in a process of its own.

    Args:
        partnership: a try-out partnership; the agency's folder in it is used.
        worst: what to take.
        size: of the file in bytes, about.

    Returns:
        ``peak_mb`` above idle, ``seconds``, ``status`` and ``code`` of the file.
    """
    agency = partnership / AGENCIES[worst.kind]
    for name in ("import", "processed", "quarantine"):
        shutil.rmtree(agency / name, ignore_errors=True)
        (agency / name).mkdir()
    for name in (agency / "state").glob("concordant.db*"):
        name.unlink()
    with (agency / "import" / f"worst{worst.suffix}").open("wb") as file:
        for piece in worst.pieces(size):
            file.write(piece)
    done = subprocess.run(
        [sys.executable, "-m", "bench.exports", str(agency)],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[1],
    )
    return dict(json.loads(done.stdout))


def run(*, quick: bool) -> None:
    """Measure every worst input at every size; print and save."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        partnership = Path(folder) / "partnership"
        concordant = [sys.executable, "-m", "adapters.main"]
        subprocess.run(
            [*concordant, "quickstart", str(partnership)], check=True, capture_output=True
        )
        for name, worst in WORST.items():
            for size in SIZES_MB[:1] if quick else SIZES_MB:
                found = measure(partnership, worst, size * 1000 * 1000)
                print(
                    f"{name:34}{size:4} MB{found['peak_mb']:8.1f} MB{found['seconds']:8.1f} s  "
                    f"{found['code']}",
                    flush=True,
                )
                rows.append({"name": name, "size_mb": size, **found})
                save("exports", rows)


def _take(directory: Path) -> dict[str, Any]:
    """In the process that is measured: make everything that an adapter has, then take the file."""
    import gc

    from adapters.catalogue import adapter_named
    from adapters.intake import Intake
    from adapters.sources.folder import FolderSource
    from adapters.sources.interfaces import FileReport
    from broker.agency.participant import load_participant
    from broker.clock import now_ms
    from broker.observing.logs import configure
    from broker.observing.metrics import Metrics
    from broker.sending.governing import event_sealer
    from broker.sending.publishing import Publisher
    from broker.store.database import open_store

    configure(json=True)
    participant = load_participant(directory, now_ms())
    config = participant.config
    adapter = adapter_named(config.adapter.kind)
    list(adapter.read(b"{}\n") if config.adapter.kind == "council" else [])
    store = open_store(participant.path(config.state.database))
    reports: list[FileReport] = []
    intake = Intake(
        adapter,
        participant.agency,
        config.partners,
        store,
        Publisher(event_sealer(participant)),
        lambda: None,
        Metrics(),
        now_ms,
    )
    folders = config.folders
    source = FolderSource(
        participant.path(folders.import_),
        processed=participant.path(folders.processed),
        quarantine=participant.path(folders.quarantine),
        suffixes=adapter.suffixes,
        report=reports.append,
        settle_s=0.1,
    )

    async def poll() -> None:
        while not any(report.status != "waiting" for report in reports):
            await source.poll(intake.take)
            await asyncio.sleep(0.11)

    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    idle = _status_kb("VmRSS")
    began = time.monotonic()
    asyncio.run(poll())
    seconds = time.monotonic() - began
    peak = _status_kb("VmHWM")
    store.close()
    return {
        "idle_mb": round(idle / 1000, 1),
        "peak_mb": round((peak - idle) / 1000, 1),
        "seconds": round(seconds, 1),
        "status": reports[-1].status,
        "code": reports[-1].code,
        "refused": reports[-1].rows,
    }


def _status_kb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1.024
    raise KeyError(name)


if __name__ == "__main__":
    os.umask(0o077)
    print(json.dumps(_take(Path(sys.argv[1]))))
