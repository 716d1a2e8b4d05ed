"""Make the example folders of a release: two adapters that were stopped with events in flight.

`python -m tests.releases.making NAME` writes `tests/releases/NAME.tar.xz`. Run it once for a
release, with the code of the release, and keep the file unchanged: the tests of later versions open
it. Before a release its own file may be made again. A file holds the folders of a sender and of a
recipient, the records that Kafka stored, and `expected.json`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from adapters.delivery import InboxDelivery
from adapters.trial_agencies import london_agencies
from adapters.trial_partnership import create_partnership
from broker.clock import now_ms
from broker.errors import TransportError
from broker.record import Record, format_record
from tests.support import live_adapter
from tests.support.founded_partnership import NOW
from tests.support.live_adapter import CAST, POLICE, SUPPORT, export

KEPT = (POLICE, SUPPORT)
"""The agencies whose folders are kept: the sender and the recipient."""
NOT_KEPT = ("governance", "state/http-port", "state/adapter.lock")
"""Parts that a stopped adapter does not have, or that belong offline."""


INTERVALS = """
[intervals]
poll = 0.05
relay = 0.05
heartbeat = 60
receipt = 60
"""


class _Town(live_adapter.Partnership):
    """The agencies at a fixed time."""

    async def start_at(self, agency: str, later_ms: int) -> None:
        await self[agency].start(ahead_ms=NOW + later_ms - now_ms())

    def ask(self, agency: str, question: str) -> list[Any]:
        """Return the first column of what a query of the agency's state answers."""
        path = self[agency].folder / "state/concordant.db"
        with sqlite3.connect(path) as connection:
            found = [row[0] for row in connection.execute(question)]
        connection.close()
        return found

    async def until(self, agency: str, question: str, count: int) -> list[Any]:
        for _ in range(3000):
            if len(found := self.ask(agency, question)) == count:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError((question, found, count))


def _export(*numbers: str) -> bytes:
    """Return an export with a referral of each number."""
    return export(*({"REFERRAL_NO": number} for number in numbers))


async def _play(town: _Town) -> dict[str, Any]:
    """Bring events into each state in which an upgrade can find them; return what is expected."""
    police, support = town[POLICE], town[SUPPORT]
    event = "SELECT event_id FROM outbox WHERE "
    held_back = InboxDelivery.round

    # 1. an event that has arrived
    await town.start_at(POLICE, 0)
    await town.start_at(SUPPORT, 0)
    police.drop("one.csv", _export("R1"))
    (delivered,) = await town.until(POLICE, f"{event} sent_ms IS NOT NULL", 1)
    await town.until(SUPPORT, "SELECT 1 FROM inbox WHERE delivered_ms IS NOT NULL", 1)
    await support.stop()

    # 2. events on Kafka that the recipient has not read
    police.drop("two.csv", _export("R2", "R3", "R4"))
    on_kafka = await town.until(POLICE, f"{event} sent_ms IS NOT NULL AND seq > 1 ORDER BY seq", 3)

    # 3. the recipient has read them, and its own system has taken none
    InboxDelivery.round = lambda _self: 0  # type: ignore[method-assign,assignment]
    await town.start_at(SUPPORT, 60_000)
    await town.until(SUPPORT, "SELECT 1 FROM inbox WHERE delivered_ms IS NULL", 3)
    await support.kill()
    InboxDelivery.round = held_back  # type: ignore[method-assign]

    # 4. Kafka is away: events with a place in the stream that Kafka has not acknowledged
    send = police.transport.send

    async def away(records: Sequence[Record]) -> list[int]:
        if any(record.topic in town.data_topics for record in records):
            raise TransportError("Kafka is away", code="kafka_unreachable")
        return await send(records)

    police.transport.send = away  # type: ignore[method-assign]
    police.drop("four.csv", _export("R5", "R6"))
    unsent = await town.until(
        POLICE, f"{event} generation IS NOT NULL AND sent_ms IS NULL ORDER BY seq", 2
    )

    # 5. more events behind them, without a place, and the sender is stopped
    police.drop("five.csv", _export("R7"))
    waiting = await town.until(POLICE, f"{event} sent_ms IS NULL AND seq > 6 ORDER BY seq", 1)
    await police.kill()

    return {
        "now": NOW + 120_000,
        "delivered": [delivered],
        "in_inbox": on_kafka,
        "unsent": unsent,
        "waiting": waiting,
        "schema": town.ask(POLICE, "PRAGMA user_version")[0],
        "log": {
            agency: town.ask(agency, "SELECT count(*) FROM disclosures")[0] for agency in KEPT
        },
        "sealed": {
            row[0]: sha256(row[1] + row[2]).hexdigest()
            for row in _rows(police.folder, "SELECT event_id, value, proof FROM outbox "
                             "WHERE generation IS NOT NULL AND sent_ms IS NULL")
        },
    }  # fmt: skip


def _rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "state/concordant.db") as connection:
        found = connection.execute(question).fetchall()
    connection.close()
    return found


def _records(town: _Town) -> bytes:
    """Return what Kafka stored, one record a line, in the order of its partitions."""
    return b"\n".join(
        format_record(one)
        for _, logs in sorted(town.kafka.topics.items())
        for log in logs
        for one in log
    )


def make(target: Path) -> None:
    """Write the file of a release."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / "folders"
        plans = [plan for plan in london_agencies() if plan.id in CAST]
        create_partnership(root, NOW, agencies=plans)
        for agency in CAST:
            with (root / agency / "agency.toml").open("a") as config:
                config.write(INTERVALS)
        town = _Town(root, NOW)
        expected = asyncio.run(_play(town))
        Path(made, "expected.json").write_text(json.dumps(expected, indent=1))
        Path(made, "kafka.jsonl").write_bytes(_records(town))
        for agency in KEPT:
            for name in NOT_KEPT:
                path = root / agency / name
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        with tarfile.open(target, "w:xz") as archive:
            archive.add(Path(made, "expected.json"), "expected.json")
            archive.add(Path(made, "kafka.jsonl"), "kafka.jsonl")
            for agency in KEPT:
                archive.add(root / agency, agency)


if __name__ == "__main__":
    make(Path(__file__).parent / f"{sys.argv[1]}.tar.xz")
