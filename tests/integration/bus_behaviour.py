"""Behaviour of the source and the sink `bus`, the same over every kind of bus.

A subclass has fixtures: ``settings`` (of `[bus]`), and ``outage`` with ``stop`` and ``start``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest

from broker.agency.config_bus import BusSection
from tests.support.bus_agency import BusTown, OwnSystem, bus_town, until
from tests.support.founded_partnership import POLICE

_numbers = itertools.count(1)


class Outage(Protocol):
    """The server of the bus."""

    def settled(self) -> bool: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...


def result(event: Mapping[str, Any], outcome: str = "imported", **more: str) -> bytes:
    """Return the message with a result for a received message."""
    data = {"id": event["id"], "source": event["data"]["source"], "outcome": outcome, **more}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/housing",
            "type": "concordant.result",
            "data": data,
        }
    ).encode()


class BusBehaviour:
    """Behaviour of one agency that sends and one that receives."""

    @pytest.fixture
    async def town(self, tmp_path: Path, settings: Mapping[str, Any]) -> AsyncIterator[BusTown]:
        made = bus_town(tmp_path, settings, f"b{next(_numbers)}")
        yield made
        await made.close()

    async def test_an_event_goes_from_bus_to_bus_and_its_result_comes_back(
        self, town: BusTown
    ) -> None:
        police, council = town.police, town.council
        police.start(sink=False)
        council.start(source=False)
        sending = OwnSystem(police.bus, police.bus.names.answers)
        reading = OwnSystem(council.bus, council.bus.names.received)
        event = police.event()
        body = police.message(event, "one")
        for _ in range(2):  # a repeat is accepted once
            await sending.publish(police.bus.names.send, body)
        answers = [await sending.read(), await sending.read(2)]
        answer = answers[0]
        assert answer is not None
        assert answer["data"]["state"] == "accepted"
        assert answer["data"]["message"] == {"source": "/housing", "id": "one"}
        assert {one["id"] for one in answers if one} == {answer["id"]}
        await town.carry()
        (received,) = await reading.all(1)
        assert received["id"] == answer["data"]["id"]
        assert received["source"] == f"/concordant/{POLICE}"
        assert received["data"]["data"]["case_id"] == event["data"]["case_id"]
        assert council.undelivered() == 1
        await reading.publish(council.bus.names.results, result(received))
        await until(lambda: council.undelivered() == 0)
        with council.member.store.reading() as tx:
            row = tx.inbox.find(POLICE, received["id"])
        assert row is not None
        assert row.payload is None
        await sending.close()
        await reading.close()

    async def test_a_refused_event_is_answered_on_both_subjects_and_a_repeat_again(
        self, town: BusTown
    ) -> None:
        police = town.police
        police.start(sink=False)
        names = police.bus.names
        asking, watching = (
            OwnSystem(police.bus, names.answers),
            OwnSystem(police.bus, names.refused),
        )
        good = police.event()
        for event, key, state in (
            ({**good, "type": "no.such-type"}, "wrong", "refused"),
            (good, "right", "accepted"),
        ):
            body, found = police.message(event, key), []
            for _ in range(2):  # the system lost the first answer
                await asking.publish(names.send, body)
                found.append(await asking.read())
            assert [(one or {}).get("data", {}).get("state") for one in found] == [state] * 2
            assert found[0] == found[1]
        refused = await watching.read()
        assert refused is not None
        assert refused["data"]["message"]["id"] == "wrong"
        await asking.close()
        await watching.close()

    async def test_an_outage_and_kills_lose_nothing_and_keep_the_order_of_a_case(
        self, town: BusTown, outage: Outage
    ) -> None:
        police, council = town.police, town.council
        police.start(sink=False)
        council.start(source=False)
        system = OwnSystem(police.bus)
        case = str(uuid4())
        sent = [police.event(case_id=case) for _ in range(12)]
        for event in sent[:4]:
            await system.publish(police.bus.names.send, police.message(event), case)
        await police.kill()  # wherever it is: perhaps between commit and acknowledgement
        police.start(sink=False)
        for event in sent[4:8]:
            await system.publish(police.bus.names.send, police.message(event), case)
        await system.close()
        await until(lambda: police.ready() and council.ready() and outage.settled())
        await asyncio.to_thread(outage.kill)
        await until(lambda: police.source.trouble is not None and bool(police.source.trouble()))
        await council.kill()
        await asyncio.to_thread(outage.start)
        council.start(source=False)
        for event in sent[8:]:
            await system.publish(police.bus.names.send, police.message(event), case)
        await until(lambda: _accepted(town) == 12, 120)
        await town.carry()
        reading = OwnSystem(council.bus, council.bus.names.received)
        first = await reading.all(5, 90)
        await reading.close()
        await council.kill()
        council.start(source=False)
        rest = await reading.all(12, 90, before=first)
        order = list(dict.fromkeys(one["id"] for one in [*first, *rest]))
        with council.member.store.reading() as tx:
            kept = [row.event_id for row in tx.inbox.received_since(POLICE, 0)]
        assert order == kept
        assert len(kept) == 12
        referrals = {one["id"]: one["data"]["data"]["referral_id"] for one in [*first, *rest]}
        assert [referrals[one] for one in order] == [one["data"]["referral_id"] for one in sent]
        for one in order:
            received = next(each for each in [*first, *rest] if each["id"] == one)
            await reading.publish(council.bus.names.results, result(received))
        await until(lambda: council.undelivered() == 0, 120)
        assert police.source.trouble is not None
        assert police.source.trouble() is None
        await reading.close()
        await system.close()

    async def test_a_stop_is_prompt_while_the_bus_is_down(
        self, town: BusTown, outage: Outage
    ) -> None:
        town.council.start()
        await until(
            lambda: town.council.sink.trouble is not None and not town.council.sink.trouble()
        )
        await asyncio.to_thread(outage.kill)
        try:
            await until(
                lambda: bool(town.council.sink.trouble and town.council.sink.trouble()), 120
            )
            shown = b'concordant_bus_connected{kind="received"} 0.0'
            await until(lambda: shown in town.council.metrics.text(), 120)
            before = time.monotonic()
            await town.council.stop()
            assert time.monotonic() - before < 12
        finally:
            await asyncio.to_thread(outage.start)


class SpoiledHeaders(BusBehaviour):
    """Behaviour over a bus whose headers may have names of any bytes."""

    async def publish_spoiled(self, bus: BusSection, name: str, body: bytes) -> None:
        """Publish a message that has a header whose name is not text."""
        raise NotImplementedError

    async def test_a_header_name_that_is_not_text_puts_its_message_aside(
        self, town: BusTown
    ) -> None:
        police = town.police
        police.start(sink=False)
        names = police.bus.names
        asking = OwnSystem(police.bus, names.answers)
        await until(police.ready)
        spoiled = police.message(police.event(), "spoiled")
        await self.publish_spoiled(police.bus, names.send, spoiled)
        await asking.publish(names.send, police.message(police.event(), "next"))
        refused, accepted = [one["data"] for one in await asking.all(2)]
        assert refused["state"] == "refused"
        assert refused["refusal"]["code"] == "event_malformed"
        assert (accepted["state"], accepted["message"]["id"]) == ("accepted", "next")
        (held,) = (police.root / "quarantine").glob("bus-event-*.cloudevent")
        assert held.read_bytes() == spoiled
        await asking.close()


def _accepted(town: BusTown) -> int:
    with town.police.member.store.reading() as tx:
        counts = tx.outbox.counts()
    return counts.pending + counts.unsent
