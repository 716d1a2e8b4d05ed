"""Delays after failures; loops go on after a shortage of file descriptors only."""

from __future__ import annotations

import asyncio
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import waiting
from broker.errors import RegistryError, StoreError
from broker.waiting import (
    DESCRIPTORS_EXHAUSTED,
    Wakeup,
    any_within,
    out_of_descriptors,
    retry_delay_s,
    run_together,
    through_shortage,
)


def translated() -> RegistryError:
    """As the registry raises it: the reason is the context, which nobody is shown."""
    try:
        try:
            raise OSError(errno.ENFILE, "x")
        except OSError:
            raise RegistryError("cannot be read", code="registry_unreadable") from None
    except RegistryError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EMFILE, "x"), True),
        (translated(), True),
        (StoreError("x", code=DESCRIPTORS_EXHAUSTED), True),
        (OSError(errno.EACCES, "x"), False),
        (ExceptionGroup("x", [OSError(errno.EMFILE, "x"), translated()]), True),
        (ExceptionGroup("x", [OSError(errno.EMFILE, "x"), StoreError("x", code="y")]), False),
        (StoreError("x", code="store_unusable"), False),
        (None, False),
    ],
)
def test_a_shortage_is_known_through_every_translation(error, expected: bool) -> None:
    assert out_of_descriptors(error) is expected


def test_a_group_that_is_the_context_of_its_own_member_ends() -> None:
    member = StoreError("x", code="store_unusable")
    group = ExceptionGroup("x", [member])
    member.__context__ = group
    assert out_of_descriptors(group) is False


async def test_a_loop_begins_again_after_a_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DESCRIPTORS_WAIT_S", 0.001)
    ends: list[Exception | None] = [OSError(errno.EMFILE, "x"), translated(), None]
    told = 0

    async def run() -> None:
        if (end := ends.pop(0)) is not None:
            raise end

    def tell() -> None:
        nonlocal told
        told += 1

    await through_shortage(run, asyncio.Event(), tell)
    assert (ends, told) == ([], 2)


async def test_a_loop_that_was_told_to_stop_does_not_begin_again() -> None:
    stop = asyncio.Event()
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        stop.set()
        raise OSError(errno.EMFILE, "x")

    await through_shortage(run, stop, lambda: None)
    assert begun == 1


async def test_any_other_end_is_an_end() -> None:
    async def run() -> None:
        raise StoreError("x", code="lease_lost")

    with pytest.raises(StoreError):
        await through_shortage(run, asyncio.Event(), lambda: None)


@given(st.integers(1, 10**9))
def test_a_delay_stays_within_its_limits_however_long_an_outage_lasts(failures: int) -> None:
    assert 0.5 <= retry_delay_s(failures, first=0.5, most=10.0) <= 10.0


def test_delays_double() -> None:
    assert [retry_delay_s(n, first=0.5, most=3.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 3.0]


async def test_the_first_failure_ends_all_loops_and_is_raised_as_it_is() -> None:
    stop, ended = asyncio.Event(), []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(stop.is_set())

    async def fails() -> None:
        await asyncio.sleep(0)
        raise StoreError("x", code="lease_lost")

    with pytest.raises(StoreError, match="x"):
        await run_together([waits, fails, waits], stop, tell_shortage=lambda: None)
    assert ended == [True, True]


async def test_loops_that_end_by_themselves_wait_for_the_others() -> None:
    stop, done = asyncio.Event(), []

    async def loop(seconds: float) -> None:
        await asyncio.sleep(seconds)
        done.append(seconds)

    await run_together([lambda: loop(0.02), lambda: loop(0.0)], stop, tell_shortage=lambda: None)
    assert done == [0.0, 0.02]
    assert stop.is_set()


async def test_a_shortage_ends_no_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "DESCRIPTORS_WAIT_S", 0.0)
    tries, told = [], []

    async def loop() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError(errno.EMFILE, "x")

    await run_together([loop], asyncio.Event(), tell_shortage=lambda: told.append(1))
    assert (len(tries), len(told)) == (2, 1)


async def test_a_pause_ends_at_its_time_or_at_any_of_its_events() -> None:
    stop, again = asyncio.Event(), asyncio.Event()
    assert await any_within(0.001, stop, again) is False
    asyncio.get_running_loop().call_later(0.001, again.set)
    assert await any_within(30, stop, again) is True
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1  # the wait for the other event has ended


async def test_a_ring_of_any_thread_ends_a_pause_and_one_before_it_is_kept() -> None:
    bell, stop = Wakeup(), asyncio.Event()
    bell.ring()
    async with asyncio.timeout(20):
        await bell.within(None, stop)
        pausing = asyncio.create_task(bell.within(None, stop))
        await asyncio.sleep(0)
        await asyncio.to_thread(bell.ring)
        await pausing
        await bell.within(0.001, stop)  # it was used up
        stop.set()
        await bell.within(None, stop)
