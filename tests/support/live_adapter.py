"""Real adapters of a small partnership over a Kafka in memory, and what their /metrics answers."""

from __future__ import annotations

import asyncio
import random
import shutil
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from adapters.csu import ADAPTER as CSU
from adapters.demo.samples.csu import sample_rows
from adapters.demo.samples.facts import case_list
from adapters.runner import PORT_FILE, run_adapter
from broker.agency.participant import Participant, load_participant
from broker.clock import now_ms
from broker.observing.metrics import Metrics
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.sending.streams import Stream, append
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.store.rows import GenerationRow
from broker.tlog.merkle import EMPTY_ROOT, Frontier
from broker.transport.topics import control_topics, data_topics
from tests.support.memory_kafka import MemoryKafka, MemoryTransport

POLICE, SUPPORT, COUNCIL = "csu-camden", "haven-support", "council-camden"
CAST = (POLICE, COUNCIL, SUPPORT)

SHORT_INTERVALS = """
[intervals]
poll = 0.05
relay = 0.05
heartbeat = 0.3
receipt = 0.2
"""


class Adapter:
    """One agency's adapter, as `concordant adapter run` runs it but for Kafka and the clock."""

    def __init__(self, folder: Path, kafka: MemoryKafka) -> None:
        self.folder = folder
        self.agency = folder.name
        self.kafka = kafka
        self.ahead_ms = 0
        self.monotonic_ahead_s = 0.0
        self.transport = MemoryTransport(kafka, self.agency)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def clock(self) -> int:
        """Milliseconds since the epoch, `ahead_ms` ahead."""
        return now_ms() + self.ahead_ms

    async def start(self, *, ahead_ms: int | None = None) -> None:
        """Start it, with a clock that is so far ahead."""
        if ahead_ms is not None:
            self.ahead_ms = ahead_ms
        (self.folder / PORT_FILE).unlink(missing_ok=True)
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(
            run_adapter(
                self.folder,
                self.clock,
                settle_s=0.1,
                stop=self._stop,
                transport=self.transport,
                metrics=Metrics(lambda: time.monotonic() + self.monotonic_ahead_s),
            )
        )
        await self.until(lambda _text: True)

    async def stop(self) -> None:
        """Stop it in order."""
        self._stop.set()
        assert self._task is not None
        await self._task
        self._task = None

    async def kill(self) -> None:
        """Stop it wherever it is."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def scrape(self) -> str:
        """Return the answer of its /metrics."""
        port = (self.folder / PORT_FILE).read_text().strip()

        def ask() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return answer.read().decode()

        return await asyncio.to_thread(ask)

    async def until(self, seen: Callable[[str], bool], limit_s: float = 180.0) -> str:
        """Scrape until something is seen; what was scraped then."""
        text, end = "", time.monotonic() + limit_s
        while time.monotonic() < end:
            if self._task is not None and self._task.done():
                self._task.result()
            with suppress(OSError, ValueError):
                text = await self.scrape()
                if seen(text):
                    return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"not seen within {limit_s} s:\n{text}")

    def drop(self, name: str, content: bytes) -> None:
        """Drop an export into the import folder."""
        (self.folder / "import" / name).write_bytes(content)

    # --- its state, while it does not run ---------------------------------------------------------

    def participant(self) -> Participant:
        """The agency as its folder says."""
        return load_participant(self.folder, self.clock())

    def head(self, topic: str, partition: int) -> GenerationRow:
        """The newest generation of one of its streams."""
        store = open_store(self.folder / "state/concordant.db")
        with store.reading() as tx:
            row = tx.streams.current(KafkaPartition(topic, partition))
        store.close()
        assert row is not None
        return row

    def fork(self, generation: GenerationRow) -> Record:
        """Another first record of a generation, signed by this agency: equivocation."""
        participant, now = self.participant(), self.clock()
        empty = replace(generation, size=0, frontier=Frontier().to_bytes(), root=EMPTY_ROOT)
        stream = Stream(participant.deployment, self.agency, empty.topic, empty.partition)
        signer = cosigner(participant.key_name, participant.stream_signer(now))
        value = b"other content at the same place"
        _, (place,) = append(stream, empty, [value], signer, now)
        headers = ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof))
        return Record(empty.topic, empty.partition, headers, value)


class Partnership:
    """The agencies and their Kafka."""

    def __init__(self, root: Path, now: int | None = None) -> None:
        self.kafka = MemoryKafka()
        self.adapters = {agency: Adapter(root / agency, self.kafka) for agency in CAST}
        contract = self[POLICE].participant().contract_in_force(now or now_ms()).contract
        for topic in data_topics(contract):
            self.kafka.create_topic(topic, 6)
        for topic in control_topics(contract.deployment).names:
            self.kafka.create_topic(topic, 1)
        self.data_topics = tuple(data_topics(contract))
        for topic in self.kafka.topics:
            for agency in CAST:
                self.kafka.allow(agency, topic)

    def __getitem__(self, agency: str) -> Adapter:
        return self.adapters[agency]

    def records(self) -> list[Record]:
        """Every record of the data topics."""
        return [
            record
            for topic in self.data_topics
            for partition in self.kafka.topics[topic]
            for record in partition
        ]

    def put(self, record: Record) -> None:
        """Append a record, as every agency with the right to write to the topic can."""
        log = self.kafka.topics[record.topic][record.partition]
        log.append(replace(record, offset=len(log)))

    def withhold(self, record: Record) -> None:
        """Remove a record and keep the others, as the host of Kafka can."""
        log = self.kafka.topics[record.topic][record.partition]
        log[:] = [replace(one, offset=n) for n, one in enumerate(o for o in log if o != record)]

    async def start(self, *agencies: str, ahead_ms: int = 0) -> None:
        """Start some of them."""
        for agency in agencies:
            await self[agency].start(ahead_ms=ahead_ms)

    async def stop(self) -> None:
        """Stop all that run."""
        for adapter in self.adapters.values():
            if adapter._task is not None:
                await adapter.kill()


def copy_partnership(made: Path, into: Path) -> Partnership:
    """A copy of a partnership to do anything with, with short intervals."""
    for agency in CAST:
        shutil.copytree(made / agency, into / agency)
        with (into / agency / "agency.toml").open("a") as config:
            config.write(SHORT_INTERVALS)
    return Partnership(into)


def export(*changes: Mapping[str, object], seed: int = 5) -> bytes:
    """A police export of referrals to the support service, one row for each set of changes."""
    rows = [{**row, **change} for row, change in zip(_rows(seed), changes, strict=False)]
    assert len(rows) == len(changes)
    return CSU.write(rows, header=CSU.mapping.export_columns)


def police_rows(seed: int = 5) -> list[Mapping[str, object]]:
    """Return the rows of such exports: own column to value, for the columns of an export."""
    columns = CSU.mapping.export_columns
    return [{name: row.get(name, "") for name in columns} for row in _rows(seed)]


def _rows(seed: int) -> Sequence[Mapping[str, object]]:
    made = sample_rows(random.Random(seed), case_list(seed, 40), flaws=False)
    return [
        row.values  # type: ignore[misc]  # every row of this adapter is a mapping
        for row in made
        if row.event_type == "referral.made" and row.values["PARTNERS"] == "VSHAV"
    ]
