"""A release whose folders are kept: unpack it, and run its agencies with the code of today."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from broker.audit.log import log_origin
from broker.audit.verification import verify_log
from broker.clock import now_ms
from broker.record import PROOF_HEADER, Record, parse_record
from broker.store.database import open_store
from tests.releases.making import KEPT
from tests.support.live_adapter import SUPPORT, Partnership

HERE = Path(__file__).parent
RELEASES = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))


@dataclass(frozen=True)
class Expected:
    """Ids of events that were in flight when the adapters of the release were stopped."""

    now: int
    schema: int
    delivered: list[str]
    in_inbox: list[str]
    unsent: list[str]
    waiting: list[str]
    log: dict[str, int]
    sealed: dict[str, str]

    @property
    def events(self) -> set[str]:
        return {*self.delivered, *self.in_inbox, *self.unsent, *self.waiting}


class KeptRelease(Partnership):
    """The folders of a release, and the Kafka of that time."""

    def __init__(self, name: str, into: Path) -> None:
        with tarfile.open(HERE / f"{name}.tar.xz") as archive:
            archive.extractall(into, filter="data")
        self.expected = Expected(**json.loads((into / "expected.json").read_text()))
        super().__init__(into, self.expected.now)
        for line in (into / "kafka.jsonl").read_bytes().splitlines():
            self.put(parse_record(line))

    async def start_at_its_time(self, agency: str) -> None:
        await self[agency].start(ahead_ms=self.expected.now - now_ms())

    def ask(self, agency: str, question: str) -> list[Any]:
        """Return the rows that a query of an agency's state answers."""
        path = self[agency].folder / "state/concordant.db"
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(question).fetchall()

    async def until(self, agency: str, question: str, answer: object) -> None:
        for _ in range(6000):
            if self.ask(agency, question) == [(answer,)]:
                return
            await asyncio.sleep(0.02)
        raise AssertionError((question, self.ask(agency, question), answer))

    def sealed_on_kafka(self) -> list[str]:
        """Return the digest of value and proof of each record of the data topics."""
        return [_digest(record) for record in self.records()]

    def inbox_files(self) -> set[str]:
        """Return the names, without ending, of the files that the recipient's system finds."""
        return {path.stem for path in (self[SUPPORT].folder / "inbox").iterdir()}

    def require_whole_logs(self) -> None:
        """The disclosure log of each agency is whole, and has kept its entries."""
        for agency in KEPT:
            participant = self[agency].participant()
            store = open_store(self[agency].folder / "state/concordant.db")
            with store.reading() as tx:
                origin = log_origin(participant.deployment, agency)
                size = verify_log(tx, origin, lambda *_arguments: None).size
            store.close()
            assert size >= self.expected.log[agency]


def _digest(record: Record) -> str:
    proof = dict(record.headers)[PROOF_HEADER]
    assert record.value is not None
    assert proof is not None
    return sha256(record.value + proof).hexdigest()
