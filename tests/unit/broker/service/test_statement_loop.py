"""Loop of statements for partners: a fault is reported, and the loop goes on."""

from __future__ import annotations

import asyncio

import pytest

from adapters.wiring import Outside, connect_broker
from broker.errors import StoreError
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.service.statement_loop import look_at_intervals
from contracts.errors import ConcordantError
from tests.support.memory_agency import MemoryAgency

ALTERED = "store_corrupt"


async def test_a_fault_is_reported_and_the_loop_goes_on() -> None:
    stop = asyncio.Event()
    reported: list[str | None] = []
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks < 3:
            raise StoreError("a row was changed", code=ALTERED)
        stop.set()

    def waits(error: ConcordantError) -> None:
        reported.append(error.code)

    async with asyncio.timeout(20):
        await look_at_intervals(look, 0.0, waits, stop)
    assert (looks, reported) == (3, [ALTERED, ALTERED])


@pytest.mark.parametrize("part", ["listing", "unions", "counts"])
async def test_an_altered_row_for_figures_does_not_end_the_adapter(
    council: MemoryAgency, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    outside = Outside(council.store, council.transport, council.clock, Metrics(), Readiness())
    service = connect_broker(council.participant, outside, lambda: None)
    stop, failed = asyncio.Event(), asyncio.Event()

    async def altered() -> None:
        failed.set()
        raise StoreError("a row was changed", code=ALTERED)

    monkeypatch.setattr(getattr(service.parts, part), "look", altered)
    running = asyncio.create_task(service.run(stop))
    async with asyncio.timeout(30):
        await asyncio.wait(
            (running, asyncio.create_task(failed.wait())), return_when="FIRST_COMPLETED"
        )
        stop.set()
        await running
    assert failed.is_set()
