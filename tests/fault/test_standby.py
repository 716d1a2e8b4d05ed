"""Two adapters of one agency over PostgreSQL: the one that works is killed or paused.

Real processes and a real server; no Kafka answers, so what they accept waits in the outbox. A
request that is repeated at the other adapter has one effect.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from adapters.http_api.tokens import SCOPES, new_token
from broker.agency.participant import load_participant
from broker.agency.running import API_PORT_FILE
from broker.store.database import Store, open_store
from contracts.examples import example
from tests.support.founded_partnership import COUNCIL, MADE, NOW, POLICE, founded
from tests.support.http_agency import as_body
from tests.support.postgres import OWNER, PASSWORD, PostgresServer
from tests.support.state_places import require_postgres

pytestmark = pytest.mark.timeout(240)

LASTS_MS = 3_000
STARTED = f"""
import asyncio, sys, time
from pathlib import Path
from adapters.runner import run_adapter
from broker.store import backend, instances
instances.LEASE_MS, instances.RENEW_S, instances.LOOK_S = {LASTS_MS}, 0.2, 0.1
begin, now = time.monotonic(), int(sys.argv[2])
asyncio.run(run_adapter(Path(sys.argv[1]), lambda: now + int(1000 * (time.monotonic() - begin))))
"""


class Pair:
    """Two processes on one folder; each is started again when it ends, as a service is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes = [self._started() for _ in range(2)]

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", STARTED, str(self.folder), str(NOW)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start_again(self) -> None:
        """Start each process that has ended."""
        for at, one in enumerate(self.processes):
            if one.poll() is not None:
                self.processes[at] = self._started()

    def of(self, number: int) -> subprocess.Popen[bytes]:
        (found,) = [one for one in self.processes if one.pid == number]
        return found

    def end(self) -> None:
        for one in self.processes:
            one.send_signal(signal.SIGCONT)
            one.kill()
            one.wait(60)


class Stage:
    """An agency with its state on a server, and requests of its own system."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder, self.server = folder, server
        (folder / "state-password").write_text(PASSWORD)
        settings = folder / "agency.toml"
        text = settings.read_text().replace("localhost:9092", "127.0.0.1:1")
        url = server.url(server.database(), OWNER)
        state = f'[state]\nurl = "{url}"\npassword = {{ file = "state-password" }}\n'
        sides = '[adapter]\nsource = "http"\nsink = "http"\n'
        text = text.replace("[adapter]\n", sides, 1).replace("[state]\n", state, 1)
        settings.write_text(text)
        self.token = new_token(folder, "housing", SCOPES, NOW)[1]
        self.pair = Pair(folder)

    def store(self) -> Store:
        return open_store(load_participant(self.folder, NOW).state)

    def holder(self) -> tuple[int, int]:
        """Return the token of the lease, and the process that has it."""
        with self.opened() as store, store._engine.connect() as connection:
            asked = "SELECT token, holder FROM lease WHERE name = 'adapter'"
            token, holder = connection.exec_driver_sql(asked).one()
        return token, int(holder.rpartition(":")[2])

    def opened(self) -> closing[Store]:
        return closing(self.store())

    def accept(self, key: str, content: str, meanwhile: Callable[[], None]) -> str:
        """Send a request until one of the adapters accepts it; return the id of its event."""
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            try:
                port = (self.folder / API_PORT_FILE).read_text().strip()
                answer = httpx.post(
                    f"http://127.0.0.1:{port}/events",
                    content=content,
                    headers={
                        "authorization": f"Bearer {self.token}",
                        "content-type": "application/json",
                        "idempotency-key": key,
                    },
                    timeout=2,
                )
            except (httpx.HTTPError, OSError, httpx.InvalidURL):
                answer = None
            if answer is not None and answer.status_code == 201:
                return str(answer.json()["id"])
            meanwhile()
            time.sleep(0.05)
        raise AssertionError("no adapter accepts the request")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    require_postgres()
    server = PostgresServer()
    made = Stage(founded().directory(POLICE, tmp_path), server)
    yield made
    made.pair.end()
    server.end()


def requests(count: int) -> dict[str, str]:
    """Return new referrals of new cases, by idempotency key."""
    found = {}
    for _ in range(count):
        event = as_body(example(founded().contract, POLICE, MADE))
        event["recipients"] = [COUNCIL]
        event["data"] |= {"referral_id": str(uuid4()), "case_id": str(uuid4())}
        found[str(uuid4())] = json.dumps(event)
    return found


def kill(stage: Stage) -> None:
    stage.pair.of(stage.holder()[1]).kill()


def pause(stage: Stage) -> None:
    os.kill(stage.holder()[1], signal.SIGSTOP)


def crash_server(stage: Stage) -> None:
    stage.server.stop(signal.SIGQUIT)
    stage.server.start()


@pytest.mark.parametrize("fault", [kill, pause, crash_server])
def test_another_adapter_takes_over_and_each_request_has_one_effect(
    stage: Stage, fault: Callable[[Stage], None]
) -> None:
    asked = requests(12)
    answers: dict[str, str] = {}
    for number, (key, content) in enumerate(asked.items()):
        if number == 4:
            before = stage.holder()
            fault(stage)
        answers[key] = stage.accept(key, content, stage.pair.start_again)
    after = stage.holder()
    if fault is not crash_server:
        assert after[0] > before[0]
        assert after[1] != before[1]
    if fault is pause:  # it goes on, finds the lease lost, and ends without a write
        paused = stage.pair.of(before[1])
        paused.send_signal(signal.SIGCONT)
        assert paused.wait(60) != 0
    again = {key: stage.accept(key, text, stage.pair.start_again) for key, text in asked.items()}
    assert again == answers
    with stage.opened() as store, store.reading() as tx:
        rows = [one.event_id for one in (*tx.outbox.pending(999), *tx.outbox.unsent())]
    assert sorted(rows) == sorted(answers.values())
