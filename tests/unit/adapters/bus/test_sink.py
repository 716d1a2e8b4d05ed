"""The sink `bus`: published once confirmed, in order, with one id; results end or hold an event."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from adapters.bus.clients import OutgoingMessage
from adapters.bus.reader import CALLER
from adapters.bus.sink import BusSink
from adapters.exchange.offering import Read
from adapters.exchange.results import Rejection
from tests.integration.bus_behaviour import result
from tests.support.bus_agency import BusTown, until
from tests.support.founded_partnership import POLICE
from tests.unit.adapters.bus.conftest import MemoryBus

NAME = "Zephyrine Quillfeather"


async def sent(town: BusTown, count: int = 1) -> list[str]:
    """Send events of one case from the police to the council. Return their ids."""
    case, ids = str(uuid4()), []
    for _ in range(count):
        made = town.police.member.publish(town.police.member.event(case_id=case))
        assert made is not None
        ids.append(made)
    await town.carry()
    return ids


def received(town: BusTown, bus: MemoryBus) -> list[dict[str, Any]]:
    return [json.loads(one) for one in bus.bodies(town.council.bus.names.received)]


async def test_events_are_published_in_order_with_their_ids(town: BusTown, bus: MemoryBus) -> None:
    ids = await sent(town, 3)
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 3)
    messages = received(town, bus)
    assert [one["id"] for one in messages] == ids
    assert {one["source"] for one in messages} == {f"/concordant/{POLICE}"}
    assert {one["data"]["withheld_reasons"] is not None for one in messages} == {True}
    keys = {one.key for one in bus.logs[town.council.bus.names.received]}
    assert len(keys) == 1  # one case


async def test_a_publication_without_confirmation_is_bus_unavailable_and_is_repeated(
    town: BusTown, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = await sent(town, 3)
    bus.unconfirmed = 1
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 4)
    assert [one["id"] for one in received(town, bus)] == [ids[0], *ids]
    assert "bus_unavailable" in capsys.readouterr().err


async def test_a_restart_goes_on_after_the_last_confirmed_event(
    town: BusTown, bus: MemoryBus
) -> None:
    first = await sent(town, 2)
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 2)
    await town.council.kill()
    second = await sent(town, 2)
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 4)
    assert [one["id"] for one in received(town, bus)] == [*first, *second]


async def test_imported_ends_an_event_and_a_repeat_of_the_result_does_no_harm(
    town: BusTown, bus: MemoryBus
) -> None:
    await sent(town)
    names = town.council.bus.names
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 1)
    body = result(received(town, bus)[0])
    bus.logs[names.results] += [OutgoingMessage("1", body), OutgoingMessage("2", body)]
    await until(lambda: bus.acknowledged[names.results] == 2)
    assert town.council.undelivered() == 0
    assert bus.bodies(names.refused) == []


async def test_rejected_holds_an_event_until_a_retry_publishes_it_again(
    town: BusTown, bus: MemoryBus, capsys: pytest.CaptureFixture[str]
) -> None:
    (event,) = await sent(town)
    names, council = town.council.bus.names, town.council
    council.start(source=False)
    await until(lambda: len(received(town, bus)) == 1)
    body = result(received(town, bus)[0], "rejected", reason="unknown_tenant", text=NAME)
    bus.logs[names.results].append(OutgoingMessage("1", body))
    await until(lambda: council.held() == ["rejected_by_system"])
    with council.member.store.transaction() as tx:
        (row,) = tx.inbox.held(9)
        assert tx.inbox.release(row.seq)  # as `quarantine retry` does
    await until(lambda: len(received(town, bus)) == 2)
    again = bus.logs[names.received]
    assert [one["id"] for one in received(town, bus)] == [event, event]
    assert again[0].id != again[1].id  # NATS drops what has an id that it knows
    assert NAME not in capsys.readouterr().err


async def test_a_rejection_keeps_back_later_events_of_the_case_that_are_not_published_yet(
    town: BusTown, bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await sent(town, 2)
    (other,) = await sent(town)
    confirmed, council = BusSink._confirmed, town.council

    def reject(sink: BusSink, read: Read) -> None:
        confirmed(sink, read)
        if read.event.id == first:
            sink._offering.result(CALLER, first, POLICE, Rejection("unknown_tenant", ""))

    with monkeypatch.context() as patched:
        patched.setattr(BusSink, "_confirmed", reject)
        council.start(source=False)
        await until(lambda: other in [one["id"] for one in received(town, bus)])
    assert [one["id"] for one in received(town, bus)] == [first, other]
    with council.member.store.transaction() as tx:
        assert tx.inbox.release(tx.inbox.held(9)[0].seq)
    await until(lambda: len(received(town, bus)) == 4)
    assert [one["id"] for one in received(town, bus)][2:] == [first, second]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"outcome": "lost"}, "result_malformed"),
        ({"id": "7"}, "result_malformed"),
        ({"source": "/"}, "result_malformed"),
        ({"id": "0f6f6e8c-5a3e-4a87-9a52-0f4a3f1f0a11"}, "event_unknown"),
    ],
)
async def test_a_refused_result_is_held_and_told_by_its_code(
    town: BusTown, bus: MemoryBus, change: dict[str, str], code: str
) -> None:
    await sent(town)
    names, council = town.council.bus.names, town.council
    council.start(source=False)
    await until(lambda: len(received(town, bus)) == 1)
    document = json.loads(result(received(town, bus)[0]))
    document["data"] |= change
    bus.logs[names.results].append(OutgoingMessage("1", json.dumps(document).encode()))
    await until(lambda: bus.acknowledged[names.results] == 1)
    (answer,) = bus.bodies(names.refused)
    assert json.loads(answer)["data"]["refusal"]["code"] == code
    assert len(list((council.root / "quarantine").glob("bus-result-*"))) == 2  # and its reason
    assert council.undelivered() == 1


async def test_without_results_a_confirmed_publication_is_the_delivery(
    town: BusTown, bus: MemoryBus
) -> None:
    town.council.bus = town.council.bus.model_copy(update={"results": "none"})
    await sent(town, 2)
    bus.down = True
    town.council.start(source=False)
    trouble = town.council.sink.trouble
    assert trouble is not None
    await until(lambda: trouble() == "bus_unavailable")
    assert town.council.undelivered() == 2
    bus.down = False
    await until(lambda: town.council.undelivered() == 0)
    assert len(received(town, bus)) == 2
    assert trouble() is None


async def test_an_event_without_a_result_is_overdue_after_the_time_of_the_bus(
    town: BusTown, bus: MemoryBus
) -> None:
    config = town.council.parts().participant.config
    sides = config.adapter.model_copy(update={"sink": "bus"})
    section = town.council.bus.model_copy(update={"result_within": 5.0})
    assert config.result_within_ms == 900_000
    changed = config.model_copy(update={"adapter": sides, "bus": section})
    assert changed.result_within_ms == 5_000
    await sent(town)
    town.council.start(source=False)
    await until(lambda: len(received(town, bus)) == 1)
    with town.council.member.store.reading() as tx:
        assert tx.offers.unanswered(town.clock.now)[0] == 1


async def test_content_that_was_erased_is_passed_over(town: BusTown, bus: MemoryBus) -> None:
    first, second = await sent(town, 2)
    bus.down = True
    town.council.start(source=False)
    with town.council.member.store.reading() as tx:
        row = tx.inbox.find(POLICE, first)
    assert row is not None
    await until(lambda: _offered(town) == 2)
    with town.council.member.store.transaction() as tx:
        tx.inbox.mark_delivered(row.seq, town.clock.now, None)
    bus.down = False
    await until(lambda: len(received(town, bus)) == 1)
    assert received(town, bus)[0]["id"] == second


def _offered(town: BusTown) -> int:
    with town.council.member.store.reading() as tx:
        return tx.offers.last()
