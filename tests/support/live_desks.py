"""Running adapters of a partnership over a Kafka in memory, with the pages of each agency."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.clock import now_ms
from broker.transport.memory import MemoryKafka
from contracts.model import Contract
from tests.support.browser import ServedPages
from tests.support.live_adapter import SHORT_INTERVALS, Adapter


class AgencyAtWork:
    """One agency: its adapter, which runs, and its pages.

    Attributes:
        folder: its folder.
        ahead_ms: how far the clock of its pages is ahead of the time.
    """

    def __init__(self, folder: Path, kafka: MemoryKafka, loop: asyncio.AbstractEventLoop) -> None:
        self.folder = folder
        self.ahead_ms = 0
        self._loop = loop
        self._adapter = Adapter(folder, kafka)
        self._run(self._adapter.start())
        self.pages = ServedPages(folder, lambda: now_ms() + self.ahead_ms)

    @contextmanager
    def adapter_down(self) -> Iterator[None]:
        """Stop the adapter in order meanwhile; its pages go on."""
        self._run(self._adapter.stop())
        try:
            yield
        finally:
            self._run(self._adapter.start())

    def close(self) -> None:
        """End its pages and its adapter."""
        self.pages.close()
        self._run(self._adapter.stop())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(120)


class PartnershipAtWork:
    """All agencies of a partnership, in one process.

    Attributes:
        kafka: their Kafka.
        agencies: agency id -> the agency.
    """

    def __init__(self, folders: Mapping[str, Path], contract: Contract) -> None:
        self.kafka = MemoryKafka.of_agreement(contract)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.agencies: dict[str, AgencyAtWork] = {}
        for agency, folder in folders.items():
            self.agencies[agency] = AgencyAtWork(folder, self.kafka, self._loop)

    def __getitem__(self, agency: str) -> AgencyAtWork:
        return self.agencies[agency]

    @contextmanager
    def kafka_down(self) -> Iterator[None]:
        """Stop Kafka meanwhile."""
        self.kafka.up = False
        try:
            yield
        finally:
            self.kafka.up = True

    def close(self) -> None:
        """End everything."""
        for one in self.agencies.values():
            one.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def with_desk(folder: Path) -> None:
    """Make an agency's adapter one for people without a case system, with short intervals."""
    _rewrite(folder, 'kind = "desk"')


def with_own_mapping(folder: Path, mapping: str) -> None:
    """Make an agency's adapter one for tables by a mapping of its own, with short intervals."""
    (folder / "mapping.yaml").write_text(mapping)
    _rewrite(folder, 'kind = "mapped"')


def _rewrite(folder: Path, kind: str) -> None:
    settings = folder / "agency.toml"
    lines: Sequence[str] = settings.read_text().splitlines()
    changed = [kind if line.startswith("kind = ") else line for line in lines]
    settings.write_text("\n".join(changed) + "\n" + SHORT_INTERVALS)
