"""The start of an adapter records settings that have changed since it ran last."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.runner import run_adapter
from broker.agency.participant import load_participant
from broker.audit.entries import NewLogEntry
from broker.audit.query import entries_of_log
from broker.store.database import open_store
from tests.support.founded_partnership import COUNCIL, NOW, founded
from tests.support.memory_agency import cluster
from tests.support.memory_kafka import MemoryTransport


async def start_and_stop(folder: Path) -> None:
    stop = asyncio.Event()
    stop.set()
    transport = MemoryTransport(cluster(), COUNCIL)
    await run_adapter(folder, lambda: NOW, stop=stop, transport=transport)


def settings_logged(folder: Path) -> list[NewLogEntry]:
    participant = load_participant(folder, NOW)
    store = open_store(folder / participant.config.state.database)
    with store.reading() as tx:
        found = [placed.entry for placed in entries_of_log(tx)]
    store.close()
    return [entry for entry in found if entry.kind == "setting"]


async def test_each_start_after_a_change_gives_one_entry(tmp_path: Path) -> None:
    folder = founded().directory(COUNCIL, tmp_path)
    await start_and_stop(folder)
    await start_and_stop(folder)
    assert settings_logged(folder) == []
    file = folder / "agency.toml"
    file.write_text(file.read_text().replace("inbox_days = 90", "inbox_days = 80"))
    await start_and_stop(folder)
    await start_and_stop(folder)
    (entry,) = settings_logged(folder)
    assert (entry.settings, entry.operator) == (("retention.inbox_days",), "adapter")
