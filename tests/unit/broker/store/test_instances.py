"""Adapters that share a state: one works, another one takes over, and a paused one is fenced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from broker.errors import StoreError
from broker.store import instances
from broker.store.adapters_seen import FORGOTTEN_MS, MISSING_MS, AdaptersSeen
from broker.store.database import Store, open_store
from broker.store.instances import Instance
from broker.store.place import PostgresPlace
from tests.support.postgres import postgres
from tests.support.state_places import empty_place, require_postgres


@pytest.fixture
def place() -> PostgresPlace:
    require_postgres()
    return empty_place()


@pytest.fixture
def stores(place: PostgresPlace) -> Iterator[list[Store]]:
    opened = [open_store(place) for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


@pytest.fixture
def adapters(stores: list[Store]) -> Iterator[list[Instance]]:
    made = [store.among_others(f"host-{number}") for number, store in enumerate(stores)]
    found = [one for one in made if one is not None]
    yield found
    for one in found:
        one.release()


def told(_seen: AdaptersSeen) -> None:
    """Nobody looks."""


def let_it_end(place: PostgresPlace) -> None:
    """Let the time of the lease pass, as it does when its holder does not renew it."""
    age(place, instances.LEASE_MS)


def age(place: PostgresPlace, milliseconds: int) -> None:
    """Let so much time pass, and a moment more, in which no adapter renews anything."""
    with postgres().owner(place.database) as connection:
        connection.execute(
            f'UPDATE "{place.schema}".lease SET taken_ms = taken_ms - %s', (milliseconds + 1,)
        )


def put(store: Store, value: bytes) -> None:
    with store.transaction() as tx:
        tx.meta.set("name", value)


def kept(store: Store) -> bytes | None:
    with store.reading() as tx:
        return tx.meta.get("name")


def test_a_file_is_shared_with_no_other_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    with closing(open_store(tmp_path_factory.mktemp("state") / "state.db")) as store:
        assert store.among_others("host") is None
        put(store, b"1")


def test_one_adapter_works_and_the_other_one_waits(
    stores: list[Store], adapters: list[Instance]
) -> None:
    assert adapters[0].take()
    assert not adapters[1].take()
    put(stores[0], b"1")
    with pytest.raises(StoreError) as caught:
        put(stores[1], b"2")
    assert caught.value.code == "lease_lost"
    assert kept(stores[1]) == b"1"


def test_a_lease_that_is_given_back_is_free_at_once(
    stores: list[Store], adapters: list[Instance]
) -> None:
    assert adapters[0].take()
    adapters[0].release()
    assert adapters[1].take()
    put(stores[1], b"2")


def test_a_holder_that_was_paused_writes_nothing_more(
    stores: list[Store], adapters: list[Instance], place: PostgresPlace
) -> None:
    assert adapters[0].take()
    put(stores[0], b"1")
    let_it_end(place)
    assert adapters[1].take()
    put(stores[1], b"2")
    for late in (lambda: put(stores[0], b"3"), adapters[0].renew):
        with pytest.raises(StoreError) as caught:
            late()
        assert caught.value.code == "lease_lost"
    adapters[0].release()  # it gives back nothing of the other one's
    put(stores[1], b"4")
    assert kept(stores[0]) == b"4"


def test_a_renewed_lease_stays_and_wakes_no_loop(
    stores: list[Store], adapters: list[Instance], place: PostgresPlace
) -> None:
    assert adapters[0].take()
    let_it_end(place)
    with closing(stores[0].commits()) as commits:
        before = commits.count()
        adapters[0].renew()
        assert not adapters[1].take()
        assert commits.count() == before


async def test_a_waiting_adapter_takes_over_when_the_holder_ends(
    adapters: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "LOOK_S", 0.001)
    never = asyncio.Event()
    assert await adapters[0].wait(never, told)
    waiting = asyncio.create_task(adapters[1].wait(never, told))
    await asyncio.sleep(0)
    assert not waiting.done()
    adapters[0].release()
    async with asyncio.timeout(20):
        assert await waiting


async def test_a_holder_renews_and_learns_that_another_one_took_over(
    adapters: list[Instance], place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "RENEW_S", 0.001)
    assert adapters[0].take()
    keeping = asyncio.create_task(adapters[0].keep(asyncio.Event(), told))
    with postgres().owner(place.database) as connection:
        change = f'UPDATE "{place.schema}".lease SET token = token + 1'
        connection.execute(change)
    async with asyncio.timeout(20):
        with pytest.raises(StoreError) as caught:
            await keeping
    assert caught.value.code == "lease_lost"


async def test_a_waiting_adapter_can_be_stopped(adapters: list[Instance]) -> None:
    stop = asyncio.Event()
    assert adapters[0].take()
    stop.set()
    assert not await adapters[1].wait(stop, told)


async def test_each_adapter_sees_which_one_works_and_which_wait(
    adapters: list[Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "LOOK_S", 0.001)
    looks: list[AdaptersSeen] = []
    never, looked = asyncio.Event(), asyncio.Event()

    def look(seen: AdaptersSeen) -> None:
        looks.append(seen)
        looked.set()

    assert await adapters[0].wait(never, look)
    assert looks == []
    waiting = asyncio.create_task(adapters[1].wait(never, look))
    async with asyncio.timeout(20):
        await looked.wait()
    assert looks[0] == AdaptersSeen("host-0", ("host-1",), (), 1)
    adapters[0].release()
    async with asyncio.timeout(20):
        assert await waiting
    assert adapters[1].seen() == AdaptersSeen("host-1", (), (), 2)


async def test_an_adapter_that_stops_waiting_is_not_missing(
    adapters: list[Instance], place: PostgresPlace
) -> None:
    assert adapters[0].take()
    stop = asyncio.Event()

    def end(_seen: AdaptersSeen) -> None:
        stop.set()

    assert not await adapters[1].wait(stop, end)
    age(place, MISSING_MS)
    assert adapters[0].seen().missing == ()


def test_an_adapter_that_was_killed_is_missing(
    adapters: list[Instance], place: PostgresPlace
) -> None:
    assert adapters[0].take()
    adapters[0].renew()
    age(place, MISSING_MS)
    assert adapters[1].take()
    seen = adapters[1].seen()
    assert (seen.works, seen.waits) == ("host-1", ())
    assert [one.name for one in seen.missing] == ["host-0"]
    age(place, FORGOTTEN_MS)
    adapters[1].renew()
    assert adapters[1].seen().missing == ()
