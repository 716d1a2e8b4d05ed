"""A ping over the control topic in memory, to a partner whose real adapter runs or does not."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from broker.clock import now_ms
from broker.envelope.sealing import WrapRecipient
from broker.errors import StoreError
from broker.operations import event_ping
from broker.operations.event_ping import PING_LOCK, PingResult, ping_partner
from broker.record import CONTENT_TYPE_HEADER, PING_CONTENT_TYPE, KafkaPartition, Record
from broker.statements.authorship import author
from broker.statements.pings import PingPlace, PongTimes, parse_ping, seal_pong
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from broker.transport.topics import control_topics
from contracts.errors import UnknownNameError
from tests.support.command_line import made  # noqa: F401 - a fixture
from tests.support.live_adapter import COUNCIL, POLICE, SUPPORT, Partnership, copy_partnership
from tests.support.memory_kafka import MemoryTransport

STATIONS = [
    "accepted",
    "sealed",
    "on_kafka",
    "fetched",
    "verified",
    "answered",
    "answer_on_kafka",
    "answer_verified",
]


@pytest.fixture
def town(made: Path, tmp_path: Path) -> Partnership:  # noqa: F811 - the fixture
    return copy_partnership(made, tmp_path / "town")


async def ping(town: Partnership, partner: str = COUNCIL, timeout_s: float = 20) -> PingResult:
    """Ping as the command does, in a thread and over a connection of its own."""
    transport = MemoryTransport(town.kafka, POLICE, group="ping")
    return await asyncio.to_thread(
        ping_partner,
        town[POLICE].folder,
        partner,
        now_ms,
        timeout_s=timeout_s,
        transport=transport,
    )


async def test_a_running_partner_answers_and_each_station_has_its_time(town: Partnership) -> None:
    await town.start(COUNCIL)
    try:
        result = await ping(town)
        answered = 'pings_total{outcome="answered"} 1.0'  # counted once the answer is sent
        await town[COUNCIL].until(lambda metrics: answered in metrics)
    finally:
        await town[COUNCIL].stop()
    assert result.came_back, result
    assert [one.name for one in result.stations] == STATIONS
    times = [one.time_ms for one in result.stations]
    assert times == sorted(times)
    assert [one.by for one in result.stations[3:6]] == [COUNCIL] * 3
    sent, answer = result.stations[2], result.stations[6]
    assert (sent.topic, sent.partition) == (answer.topic, answer.partition)
    assert sent.offset is not None
    assert answer.offset is not None
    assert sent.offset < answer.offset
    assert not result.own_adapter_runs


async def test_a_ping_leaves_nothing_in_the_state_of_either_agency(town: Partnership) -> None:
    await town.start(POLICE, COUNCIL)
    try:
        assert (await ping(town)).own_adapter_runs
    finally:
        await town.stop()
    for agency in (POLICE, COUNCIL):
        store = open_store(town[agency].folder / "state/concordant.db")
        with store.reading() as tx:
            counts = (tx.inbox.get(1), tx.disclosures.size(), tx.quarantine.unauthenticated())
            assert counts == (None, 0, ())
            assert tx.outbox.last() == 0
        store.close()
        folders = ("import", "processed", "quarantine", "inbox")
        assert not any(list((town[agency].folder / name).iterdir()) for name in folders)


async def test_without_an_answer_it_says_where_it_stopped_and_what_to_check(
    town: Partnership,
) -> None:
    result = await ping(town, timeout_s=0.3)
    assert (result.came_back, result.code) == (False, "ping_unanswered")
    assert [one.name for one in result.stations] == STATIONS[:3]
    assert COUNCIL in result.fix


async def test_a_forged_or_wrong_answer_is_not_taken(town: Partnership) -> None:
    """An answer signed by the support service, one with other bytes, and then the true one."""
    now = now_ms()
    asking = town[POLICE].participant()
    one = event_ping._Ping(asking, COUNCIL, now_ms, MemoryTransport(town.kafka, POLICE))
    asked = parse_ping(one._sealed()).place
    topic = control_topics(asked.deployment).receipts
    place = PingPlace("pong", asked.deployment, COUNCIL, POLICE, asked.id, now)
    exchange = asking.manifests.exchange_key(POLICE, now)
    key = WrapRecipient(POLICE, exchange.kid, exchange.sealer())

    async def hears(signer: str, challenge: bytes) -> str | None:
        receipts = town[signer].participant().receipt_signer(now)
        name = author(f"{asked.deployment}/{COUNCIL}", receipts)
        value = seal_pong(place, challenge, PongTimes(now, now, now), key, name)
        headers = ((CONTENT_TYPE_HEADER, PING_CONTENT_TYPE),)
        await one._take(KafkaPartition(topic, 0), [Record(topic, 0, headers, value, 7)])
        return one.result.code

    assert await hears(SUPPORT, one._challenge) == "key_unknown"
    assert await hears(COUNCIL, bytes(32)) == "ping_malformed"
    assert not one._done.is_set()
    assert await hears(COUNCIL, one._challenge) is None
    assert one._done.is_set()
    assert one.result.stations[-1].name == "answer_verified"


async def test_an_unknown_partner_is_agency_unknown_and_nothing_is_sent(town: Partnership) -> None:
    for name in ("council-camdn", POLICE):
        with pytest.raises(UnknownNameError) as caught:
            await ping(town, name)
        assert caught.value.code == "agency_unknown"
    assert not any(log for logs in town.kafka.topics.values() for log in logs)


async def test_two_pings_of_one_agency_do_not_run_at_once(town: Partnership) -> None:
    with exclusive(town[POLICE].folder / PING_LOCK), pytest.raises(StoreError) as caught:
        await ping(town)
    assert caught.value.code == "already_running"


@pytest.mark.parametrize(
    ("code", "heard_ms", "words"),
    [
        ("key_unknown", None, "newest manifest"),
        ("ping_unopenable", None, "doctor"),
        ("ping_unanswered", None, "Nothing was heard"),
        ("ping_unanswered", 10_000_000, "last heard"),
        ("ping_unanswered", 99_990_000, "ping_dropped"),
    ],
)
def test_the_next_step_depends_on_what_is_known(
    town: Partnership, code: str, heard_ms: int | None, words: str
) -> None:
    result = PingResult(COUNCIL, heard_ms=heard_ms, code=code)
    assert words in event_ping._fix(result, town[POLICE].participant(), 100_000_000)


def test_only_a_missing_state_means_that_nothing_was_heard(
    town: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_participant: object) -> None:
        raise StoreError("It is locked.", code="store_busy")

    participant = town[POLICE].participant()
    shutil.rmtree(town[POLICE].folder / "state", ignore_errors=True)
    assert event_ping._heard(participant, COUNCIL) is None
    monkeypatch.setattr(event_ping, "open_held_state", locked)
    with pytest.raises(StoreError) as caught:
        event_ping._heard(participant, COUNCIL)
    assert caught.value.code == "store_busy"


async def test_a_ping_whose_state_is_locked_keeps_its_result_and_names_the_code(
    town: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_participant: object) -> None:
        raise StoreError("It is locked.", code="store_busy")

    monkeypatch.setattr(event_ping, "open_held_state", locked)
    result = await ping(town, timeout_s=0.3)
    assert (result.code, result.unread, result.heard_ms) == ("ping_unanswered", "store_busy", None)
    assert "store_busy" in result.fix
    assert "Nothing was heard" not in result.fix
