"""The client beside the adapter: the same calls, with the agency's folder and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.agency.restored import RESTORED_FILE, restored_bytes
from broker.audit.query import entries_of_log
from concordant import AsyncClient, Client, ClientError, Event, publish
from concordant import beside as beside_module
from concordant.beside import AsyncBesideConnection, BesideConnection
from contracts.examples import example
from contracts.policy import policy_for
from tests.support.founded_partnership import COUNCIL, POLICE, founded
from tests.support.memory_agency import Clock, MemoryAgency, cluster
from tests.support.memory_kafka import MemoryKafka, MemoryTransport
from tests.support.words import flatten, unflatten


@pytest.fixture
def kafka() -> MemoryKafka:
    return cluster()


@pytest.fixture
def police(tmp_path: Path, kafka: MemoryKafka) -> Iterator[MemoryAgency]:
    member = MemoryAgency(POLICE, tmp_path / "police.db", kafka, Clock())
    yield member
    member.store.close()


@pytest.fixture
def council(tmp_path: Path, kafka: MemoryKafka, police: MemoryAgency) -> BesideConnection:
    """A connection of the council, whose folder is its own."""
    folder = founded().directory(COUNCIL, tmp_path)
    return BesideConnection(folder, police.clock, MemoryTransport(kafka, COUNCIL, group="desk"))


async def test_a_subscription_gives_chosen_events_once_and_logs_no_other(
    police: MemoryAgency, council: BesideConnection
) -> None:
    sent = await police.send(2)
    await police.send(1, event_type="case.updated")

    def read(types: list[str]) -> list[str]:
        found = []
        with client.subscribe("desk", types=types, wait=2) as events:
            for event in events:
                found.append(event.id)
                assert event.withheld_reasons is not None
                event.acknowledge()
        return found

    with Client(council) as client:
        assert sorted(await asyncio.to_thread(read, ["referral.made"])) == sorted(sent)
        assert await asyncio.to_thread(read, []) == []
    entries = [kind for kind in _kinds(council) if kind == "consultation"]
    assert len(entries) == 2


async def test_an_event_that_was_not_acknowledged_comes_again(
    police: MemoryAgency, council: BesideConnection
) -> None:
    (sent,) = await police.send(1)
    async with AsyncClient(AsyncBesideConnection(council)) as client:
        for _ in range(2):
            async with client.subscribe("desk", wait=5) as events:
                assert (await anext(events)).id == sent
        async with client.subscribe("desk", wait=5) as events:
            await (await anext(events)).acknowledge()
        async with client.subscribe("desk", wait=0.3) as events:
            assert [event.id async for event in events] == []


def test_a_published_event_is_in_the_outbox_once(council: BesideConnection) -> None:
    client = Client(council)
    accepted = client.publish(_example(), key="key-1")
    assert client.publish(_example(), key="key-1") == accepted
    assert client.status(accepted.id)["state"] == "accepted"
    with pytest.raises(ClientError) as error:
        client.publish(Event("referral.made", [POLICE], {}))
    assert (error.value.code, error.value.status) == ("event_invalid", 422)
    with pytest.raises(ClientError) as error:
        client.publish(Event("referral.made", ["haven-support"], {}), key="key-1")
    assert error.value.code == "idempotency_key_reused"
    client.close()


def test_a_restored_agency_publishes_nothing_before_its_adapter_has_read(
    council: BesideConnection,
) -> None:
    (council._directory / "state").mkdir(exist_ok=True)
    (council._directory / RESTORED_FILE).write_bytes(restored_bytes("b" * 32, 1, 2))
    with pytest.raises(ClientError) as error:
        Client(council).publish(_example())
    assert error.value.code == "source_not_started"
    assert error.value.retry_s is not None


def test_results_are_those_of_the_adapters_sink(council: BesideConnection) -> None:
    with pytest.raises(ClientError) as error:
        Client(council).subscribe("desk", results=True)
    assert error.value.code == "results_off"


async def test_publish_takes_a_folder(
    monkeypatch: pytest.MonkeyPatch, council: BesideConnection, police: MemoryAgency
) -> None:
    monkeypatch.setattr(
        beside_module.BesideConnection.__init__, "__defaults__", (police.clock, None)
    )
    accepted = await publish(council._directory, _example(), key="key-1")
    assert Client(council).publish(_example(), key="key-1") == accepted


def _example() -> Event:
    contract = founded().contract
    readable = policy_for(contract, COUNCIL, (POLICE,), "referral.made").fields
    flat = flatten("referral.made", example(contract, COUNCIL, "referral.made").data)
    return Event(
        "referral.made", [POLICE], unflatten({p: v for p, v in flat.items() if p in readable})
    )


def _kinds(council: BesideConnection) -> list[str]:
    with council._state().reading() as tx:
        return [one.entry.kind for one in entries_of_log(tx)]
