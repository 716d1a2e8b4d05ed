"""Loops are woken by a commit of any process, by a database that cannot be read, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from broker.errors import StoreError
from broker.store.changes import StoreChanges
from broker.store.database import Store, open_store

LOOK_S = 0.001


class Wakes:
    """Counts the wakes of a running watch."""

    def __init__(self) -> None:
        self.count = 0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Note one."""
        self.count += 1
        self._woken.set()

    async def after(self, change: Callable[[], None]) -> None:
        """Change something, and wait for the wake."""
        self._woken.clear()
        change()
        async with asyncio.timeout(20):
            await self._woken.wait()


@asynccontextmanager
async def watching(store: Store) -> AsyncIterator[Wakes]:
    """Watch a store."""
    wakes, stop = Wakes(), asyncio.Event()
    changes = StoreChanges(store, [wakes.wake])
    task = asyncio.create_task(changes.run(LOOK_S, stop))
    await wakes.after(lambda: None)  # the start counts: something may be there already
    yield wakes
    stop.set()
    await task
    assert wakes.count > 1


_numbers = count()


def put(store: Store) -> None:
    """Commit something new."""
    with store.transaction() as tx:
        tx.meta.set("name", str(next(_numbers)).encode())


async def test_a_commit_of_this_process_or_of_another_one_wakes(tmp_path: Path) -> None:
    own, other = (open_store(tmp_path / "state.db") for _ in range(2))
    async with watching(own) as wakes:
        for store in (own, other, other):
            await wakes.after(lambda store=store: put(store))
    for store in (own, other):
        store.close()


async def test_without_a_commit_nothing_is_woken(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    async with watching(store) as wakes:
        before = wakes.count
        with store.reading() as tx:
            tx.meta.get("name")
        for _ in range(20):
            await asyncio.sleep(LOOK_S)
        assert wakes.count == before
        await wakes.after(lambda: put(store))
    store.close()


async def test_a_state_that_cannot_be_read_wakes_and_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loops that are woken meet the fault themselves, and report it."""
    store = open_store(tmp_path / "state.db")

    def fails() -> None:
        raise StoreError("the disk is away", code="store_unusable")

    with monkeypatch.context() as broken:
        broken.setattr(store, "commits", fails)
        async with watching(store) as wakes:
            await wakes.after(lambda: None)
            broken.undo()
            await asyncio.sleep(2 * LOOK_S)
            await wakes.after(lambda: put(store))
    store.close()


async def test_the_end_wakes_a_loop_that_pauses(tmp_path: Path) -> None:
    store = open_store(tmp_path / "state.db")
    changes, stop = StoreChanges(store, []), asyncio.Event()
    task = asyncio.create_task(changes.run(3_600.0, stop))
    never = asyncio.Event()
    async with asyncio.timeout(20):
        await changes.changed.within(None, never)  # the start
        stop.set()
        await changes.changed.within(None, never)
        await task
    store.close()
