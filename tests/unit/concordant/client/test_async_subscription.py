"""Subscriptions whose calls are awaited: as the others, and several at one time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concordant.client import AsyncReceived, ClientError
from concordant.testing import TestAgency

Send = Callable[..., str]


async def store(event: AsyncReceived[Any], transaction: sqlite3.Connection) -> None:
    transaction.execute("INSERT INTO cases VALUES (?)", (event.id,))


async def fails(event: AsyncReceived[Any], transaction: sqlite3.Connection) -> None:
    await store(event, transaction)
    raise RuntimeError


async def test_a_handler_its_effect_and_the_position_are_one_transaction(
    council: TestAgency, send: Send, database: sqlite3.Connection
) -> None:
    sent = send()
    async with council.async_client("dashboard") as client:
        for handler, expected in ((fails, []), (store, [(sent,)]), (store, [(sent,)])):
            events = client.subscribe("cases", positions=lambda: database, wait=0)
            try:
                await events.run(handler)
            except RuntimeError:
                assert handler is fails
            assert database.execute("SELECT event FROM cases").fetchall() == expected


async def test_an_event_that_was_not_acknowledged_is_not_passed_over(
    council: TestAgency, send: Send, tmp_path: Path
) -> None:
    send()
    async with council.async_client() as client:
        events = client.subscribe("cases", positions=tmp_path / "p.db", wait=0)
        given = await anext(events)
        with pytest.raises(ClientError) as error:
            await anext(events)
        assert error.value.code == "event_not_acknowledged"
        await events.close()
        async with client.subscribe("cases", positions=tmp_path / "p.db", wait=0) as again:
            assert (await anext(again)).id == given.id


async def test_results_and_rejections_reach_the_adapter(council: TestAgency, send: Send) -> None:
    first, second = send(), send()
    async with council.async_client() as client:
        async with client.subscribe("cases", results=True, wait=0) as events:
            outcomes = {}
            async for event in events:
                if event.id == first:
                    await event.acknowledge()
                else:
                    await event.reject("unknown_tenant", "none")
                outcomes[event.id] = event
        assert outcomes.keys() == {first, second}
        assert (await client.status(first))["state"] == "imported"
        assert (await client.status(second))["state"] == "rejected"


async def test_a_result_waits_for_a_token_that_may_send_it(
    council: TestAgency, send: Send, tmp_path: Path
) -> None:
    sent, file, trouble = send(), tmp_path / "positions.db", list[str]()
    async with (
        council.async_client("reader", ("read",)) as reader,
        reader.subscribe(
            "cases", positions=file, results=True, wait=0,
            on_trouble=lambda error: trouble.append(error.code),
        ) as events,
    ):  # fmt: skip
        await (await anext(events)).acknowledge()
    assert trouble == ["api_scope_missing"]
    async with council.async_client("dashboard") as client:
        assert (await client.status(sent))["state"] == "offered"
        async with client.subscribe("cases", positions=file, results=True, wait=0) as again:
            assert [event async for event in again] == []
        assert (await client.status(sent))["state"] == "imported"


async def test_a_waiting_subscription_gets_an_event_when_it_comes(
    council: TestAgency, send: Send
) -> None:
    async with council.async_client() as client, client.subscribe("cases", wait=30) as events:
        coming = asyncio.create_task(anext(events))
        await asyncio.sleep(0.05)
        sent = await asyncio.to_thread(send)
        assert (await coming).id == sent


async def test_an_adapter_that_is_away_is_waited_for(
    council: TestAgency, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concordant.client.http_requests.RETRY_S", 0.01)
    trouble = asyncio.Event()
    council.stop()
    async with council.async_client() as client:
        events = client.subscribe("cases", wait=30, on_trouble=lambda _error: trouble.set())
        coming = asyncio.create_task(anext(events))
        await trouble.wait()
        sent = await asyncio.to_thread(send)
        await asyncio.to_thread(council.start)
        assert (await coming).id == sent
        await events.close()
