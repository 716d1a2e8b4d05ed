"""An adapter that waits answers its supervisor, and writes no file of the one that works."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.standby import wait_for_lease
from broker.agency.participant import Participant, load_participant
from broker.agency.running import PORT_FILE
from broker.observing.metrics import Metrics
from broker.store import instances
from broker.store.database import open_store
from broker.store.instances import Instance
from tests.support.founded_partnership import NOW, POLICE, founded
from tests.support.state_places import empty_place, require_postgres


@dataclass(frozen=True)
class Pair:
    """An adapter that works, and one that waits at a port."""

    participant: Participant
    port: int
    works: Instance
    waits: Instance


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    require_postgres()
    monkeypatch.setattr(instances, "LOOK_S", 0.01)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    folder = founded().directory(POLICE, tmp_path)
    settings = folder / "agency.toml"
    text = re.sub(r"(\[http\].*\n(?:.+\n)*?port = )\d+", rf"\g<1>{port}", settings.read_text())
    settings.write_text(text)
    place = empty_place()
    with closing(open_store(place)) as first, closing(open_store(place)) as second:
        works, waits = first.among_others("a"), second.among_others("b")
        assert works is not None
        assert waits is not None
        assert works.take()
        yield Pair(load_participant(folder, NOW), port, works, waits)
        waits.release()
        works.release()


async def answer(port: int, path: str) -> httpx.Response:
    """Ask until the adapter answers."""
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            try:
                return await client.get(f"http://127.0.0.1:{port}{path}")
            except httpx.TransportError:
                await asyncio.sleep(0.01)


async def test_a_waiting_adapter_is_alive_and_ready_and_says_that_it_waits(pair: Pair) -> None:
    metrics = Metrics()
    waiting = asyncio.create_task(
        wait_for_lease(pair.participant, pair.waits, metrics, asyncio.Event())
    )
    assert (await answer(pair.port, "/livez")).status_code == 200
    assert (await answer(pair.port, "/readyz")).status_code == 200
    text = (await answer(pair.port, "/metrics")).text
    assert "\nconcordant_adapter_works 0.0\n" in text
    assert not waiting.done()
    assert not pair.participant.path(PORT_FILE).exists()
    pair.works.release()
    async with asyncio.timeout(30):
        assert await waiting
    with socket.socket() as free:  # the adapter that works listens there next
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", pair.port))


async def test_an_adapter_waits_also_if_the_other_one_has_its_port(pair: Pair) -> None:
    metrics = Metrics()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", pair.port))
        taken.listen()
        waiting = asyncio.create_task(
            wait_for_lease(pair.participant, pair.waits, metrics, asyncio.Event())
        )
        pair.works.release()
        async with asyncio.timeout(30):
            assert await waiting


async def test_an_adapter_that_is_told_to_stop_does_not_begin(pair: Pair) -> None:
    stop = asyncio.Event()
    stop.set()
    assert not await wait_for_lease(pair.participant, pair.waits, Metrics(), stop)
    assert pair.works.seen().waits == ()
