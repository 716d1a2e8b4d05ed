"""Lost connections, restarts and kills of a real server, while rows are taken."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.tables.errors import DatabaseError
from tests.support.database_agency import (
    DatabaseAgency,
    DatabasePartnership,
    OwnDatabase,
    database_partnership,
)
from tests.support.founded_partnership import COUNCIL, POLICE, founded
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of its own, which the tests stop."""
    made = PostgresServer()
    yield made
    made.end()


@pytest.fixture
def restarted(tmp_path: Path, server: PostgresServer) -> Iterator[DatabasePartnership]:
    own = {one: OwnDatabase("postgresql", tmp_path / one, server) for one in (POLICE, COUNCIL)}
    made = database_partnership(tmp_path, founded(), own)
    yield made
    made.close()


def disconnect(agency: DatabaseAgency) -> None:
    """End the sessions of the adapter, as an administrator or a firewall does."""
    agency.own.script(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = 'concordant_adapter' AND datname = current_database()"
    )


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def all_accepted(agency: DatabaseAgency, count: int) -> bool:
    states = [one[0] for one in agency.own.answers().values()]
    return states == ["accepted"] * count


def test_a_connection_that_is_lost_in_the_middle_loses_and_repeats_nothing(
    restarted: DatabasePartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each step of a round the connection is cut once."""
    police = restarted[POLICE]
    for _ in range(3):
        police.own.put(police.body())
    rows = police.source._tables.rows
    for name in ("waiting", "content", "answer"):
        whole = getattr(rows, name)

        def cut(*given: object, whole: Callable[..., object] = whole) -> object:
            found = whole(*given)
            disconnect(police)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(rows, name, cut)
            with pytest.raises(DatabaseError) as caught:
                police.source.round()
        assert caught.value.code == "database_unreachable"
    while police.source.round():
        pass
    assert all_accepted(police, 3)
    assert len(police.outbox()) == len(set(police.outbox())) == 3


async def test_the_loops_survive_a_crash_of_the_server(
    restarted: DatabasePartnership, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    police = restarted[POLICE]
    for side in ("source", "sink"):
        monkeypatch.setattr(f"adapters.tables.{side}.retry_delay_s", lambda *_a, **_k: 0.05)
    stop = asyncio.Event()
    loop = asyncio.create_task(police.source.run(stop, lambda: None))
    for _ in range(5):
        police.own.put(police.body())
    await until(lambda: len(police.entries("disclosure")) >= 2)
    server.stop(signal.SIGQUIT)
    await until(lambda: police.source._trouble() == "database_unreachable")
    assert "database_unreachable" in police.metrics.text().decode()
    server.start()
    for _ in range(2):
        police.own.put(police.body())
    await until(lambda: all_accepted(police, 7))
    await until(lambda: police.source._trouble() is None)
    stop.set()
    await loop
    assert len(police.outbox()) == len(set(police.outbox())) == 7
    assert len(police.entries("disclosure")) == 7


async def test_events_reach_the_inbox_once_over_a_restart(
    restarted: DatabasePartnership, server: PostgresServer
) -> None:
    police, council = restarted[POLICE], restarted[COUNCIL]
    for _ in range(3):
        police.own.put(police.body((COUNCIL,)))
    police.take()
    await restarted.deliver(POLICE, COUNCIL)
    server.stop(signal.SIGINT)
    with pytest.raises(DatabaseError):
        council.sink.round()
    server.start()
    council.sink.round()
    rows = council.own.inbox()
    assert {row["id"] for row in rows} == {one[3] for one in police.own.answers().values()}
    assert len(rows) == 3
    council.own.run("UPDATE concordant_inbox SET result = 'imported'")
    disconnect(council)
    with pytest.raises(DatabaseError):
        council.sink.round()
    council.sink.round()
    with council.member.store.reading() as tx:
        assert tx.inbox.counts().delivered == 3


async def test_a_retry_of_a_person_wakes_the_source(restarted: DatabasePartnership) -> None:
    police = restarted[POLICE]
    section = police.own.section.model_copy(update={"poll": 3_600.0})
    police.own.section = section
    police.stop()
    police.start()
    stop = asyncio.Event()
    loop = asyncio.create_task(police.source.run(stop, lambda: None))
    await until(lambda: police.source._looked is not None)
    key = police.own.put(police.body())
    await asyncio.sleep(0.05)
    police.source.retry_now()
    await until(lambda: police.own.answers()[key][0] == "accepted")
    stop.set()
    await loop
