"""Real adapters with HTTP on both sides: an exchange, and a kill while one accepts events."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from adapters.http_api.tokens import SCOPES, new_token
from broker.agency.running import API_PORT_FILE
from broker.store.database import open_store
from contracts.examples import example
from tests.support import live_adapter
from tests.support.founded_partnership import (
    COUNCIL,
    MADE,
    NOW,
    POLICE,
    FoundedPartnership,
    founded,
)
from tests.support.http_agency import as_body
from tests.support.live_adapter import Adapter, copy_partnership

pytestmark = pytest.mark.timeout(240)


def with_http(folder: Path) -> None:
    settings = folder / "agency.toml"
    text = settings.read_text()
    sides = '[adapter]\nsource = "http"\nsink = "http"\n'
    settings.write_text(text.replace("[adapter]\n", sides, 1))


def body(world: FoundedPartnership, sender: str, to: str) -> dict[str, object]:
    """A new referral of a new case."""
    event = as_body(example(world.contract, sender, MADE))
    event["recipients"] = [to]
    event["data"] |= {"referral_id": str(uuid4()), "case_id": str(uuid4())}
    return event


def client(adapter: Adapter) -> httpx.AsyncClient:
    token = new_token(adapter.folder, "housing", SCOPES, adapter.clock())[1]
    port = (adapter.folder / API_PORT_FILE).read_text().strip()
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)


async def test_two_agencies_exchange_events_over_http_on_both_sides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, begin = founded(), time.monotonic()
    monkeypatch.setattr(
        live_adapter, "now_ms", lambda: NOW + int(1000 * (time.monotonic() - begin))
    )
    town = copy_partnership(world.root, tmp_path)
    for agency in (POLICE, COUNCIL):
        with_http(town[agency].folder)
    await town.start(POLICE, COUNCIL)
    try:
        async with client(town[POLICE]) as police, client(town[COUNCIL]) as council:
            for sender, reader, source, to in (
                (police, council, POLICE, COUNCIL),
                (council, police, COUNCIL, POLICE),
            ):
                sent = await sender.post(
                    "/events", json=body(world, source, to), headers={"idempotency-key": "1"}
                )
                assert sent.status_code == 201, sent.text
                event_id = sent.json()["id"]
                page = (await reader.get("/events", params={"wait": 30})).json()
                assert [one["id"] for one in page["events"]] == [event_id]
                assert page["events"][0]["source"] == source
                done = await reader.post(f"/events/{event_id}/result", json={"outcome": "imported"})
                assert done.status_code == 200
                assert (await sender.get(f"/events/{event_id}")).json()["state"] == "on_kafka"
                assert (await reader.get("/events")).json()["events"] == []
    finally:
        await town.stop()
    assert not (town[POLICE].folder / "inbox").exists() or not list(
        (town[POLICE].folder / "inbox").iterdir()
    )


# --- a process that is killed ---------------------------------------------------------------------


class Process:
    """An adapter in a process of its own; no Kafka answers, so what it accepts waits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / API_PORT_FILE).unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTED, str(folder), str(NOW)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not (folder / API_PORT_FILE).exists() or not self.port():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def port(self) -> str:
        return (self.folder / API_PORT_FILE).read_text().strip()

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(60)


STARTED = """
import asyncio, sys, time
from pathlib import Path
from adapters.runner import run_adapter
begin, now = time.monotonic(), int(sys.argv[2])
asyncio.run(run_adapter(Path(sys.argv[1]), lambda: now + int(1000 * (time.monotonic() - begin))))
"""


async def test_requests_that_are_repeated_after_a_kill_have_one_effect_each(
    tmp_path: Path,
) -> None:
    world = founded()
    folder = world.directory(POLICE, tmp_path)
    with_http(folder)
    settings = folder / "agency.toml"
    settings.write_text(settings.read_text().replace("localhost:9092", "127.0.0.1:1"))
    token = new_token(folder, "housing", SCOPES, NOW)[1]
    requests = {str(uuid4()): json.dumps(body(world, POLICE, COUNCIL)) for _ in range(60)}

    def send(port: str) -> dict[str, str]:
        """Send every request, some at a time; return key to id of those with an answer."""
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        found: dict[str, str] = {}

        def one(key: str) -> None:
            with suppress(httpx.TransportError):
                answer = httpx.post(
                    f"http://127.0.0.1:{port}/events",
                    content=requests[key],
                    headers={**headers, "idempotency-key": key},
                    timeout=60,
                )
                assert answer.status_code == 201, answer.text
                found[key] = answer.json()["id"]

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, requests))
        return found

    process = await asyncio.to_thread(Process, folder)
    try:
        sending = asyncio.create_task(asyncio.to_thread(send, process.port()))
        store = open_store(folder / "state/concordant.db")
        while True:  # in the middle: some are accepted, others not yet
            with store.reading() as tx:
                if tx.outbox.last() >= 5:
                    break
            await asyncio.sleep(0.005)
        await asyncio.to_thread(process.end)
        answered = await sending
        assert len(answered) < len(requests)
        process = await asyncio.to_thread(Process, folder)
        everything = await asyncio.to_thread(send, process.port())
    finally:
        process.end()
    assert everything.keys() == requests.keys()
    assert answered.items() <= everything.items()
    with store.reading() as tx:
        rows = [one.event_id for one in tx.outbox.pending(999)] + [
            one.event_id for one in tx.outbox.unsent()
        ]
    store.close()
    assert sorted(rows) == sorted(everything.values())
