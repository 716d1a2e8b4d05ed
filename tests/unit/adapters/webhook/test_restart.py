"""A real adapter process that is killed while it sends: nothing is lost; repeats keep their id."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.database import open_store
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.webhook_receiver import Reply, Taken, WebhookReceiver
from tests.unit.adapters.webhook.test_commands import with_webhook

pytestmark = pytest.mark.timeout(240)
EVENTS = 24
STARTED = """
import asyncio, sys, time
from pathlib import Path
from adapters.runner import run_adapter
from adapters.webhook import endpoint, side
from broker.clock import now_ms
begin, now = time.monotonic(), int(sys.argv[2])
real = endpoint.WebhookEndpoint
# The receiver compares the time of a signature with the real time.
endpoint.WebhookEndpoint = lambda settings, clock: real(settings, now_ms)
asyncio.run(run_adapter(Path(sys.argv[1]), lambda: now + int(1000 * (time.monotonic() - begin))))
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for one in started:
        one.kill()
        one.wait(60)


def start(folder: Path, started: list[subprocess.Popen[bytes]]) -> None:
    words = [sys.executable, "-c", STARTED, str(folder), str(NOW)]
    nowhere = subprocess.DEVNULL
    started.append(subprocess.Popen(words, stdout=nowhere, stderr=nowhere))


async def test_a_kill_in_the_middle_loses_nothing_and_repeats_have_the_same_id(
    tmp_path: Path, receiver: WebhookReceiver, process: list[subprocess.Popen[bytes]]
) -> None:
    world, clock = founded(), Clock()
    folder = world.directory(COUNCIL, tmp_path)
    with_webhook(folder, receiver.url, "requests = 4\nretry_first = 0.2\n")
    settings = folder / "agency.toml"
    settings.write_text(settings.read_text().replace("localhost:9092", "127.0.0.1:1"))
    (folder / "webhook-secret").write_text(receiver.secret)
    (folder / "webhook-secret").chmod(0o600)
    kafka = cluster(world)
    police = MemoryAgency(POLICE, tmp_path / "police.db", kafka, clock, world)
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    council = MemoryAgency(COUNCIL, folder / "state/concordant.db", kafka, clock, world)
    sent = [id_ for _ in range(EVENTS // 2) for id_ in await police.send(2)]
    for logical in world.contract.topics:
        for records in kafka.topics[world.topic(logical)]:
            if records:
                assert council.take(records).refused == []
    council.store.close()
    police.store.close()
    half = threading.Event()

    def reply(_: Taken) -> Reply:
        if len(receiver.taken) > EVENTS // 2:
            half.set()
            time.sleep(0.05)  # answers that the killed process never stores
        return 204, {}, b""

    receiver.reply = reply
    start(folder, process)
    assert await asyncio.to_thread(half.wait, 120)
    process[0].send_signal(signal.SIGKILL)
    await asyncio.to_thread(process[0].wait, 60)
    receiver.reply = lambda _: (204, {}, b"")
    start(folder, process)
    store = open_store(folder / "state/concordant.db")
    ends = time.monotonic() + 120
    while True:
        with store.reading() as tx:
            counts = tx.inbox.counts()
        if counts.delivered == EVENTS:
            break
        assert time.monotonic() < ends, counts
        await asyncio.sleep(0.05)
    store.close()
    assert sorted(set(receiver.events())) == sorted(sent)
    assert len(receiver.counts()) == EVENTS
    messages = {one.event["id"]: one.message for one in receiver.taken}
    assert all(messages[one.event["id"]] == one.message for one in receiver.taken)
