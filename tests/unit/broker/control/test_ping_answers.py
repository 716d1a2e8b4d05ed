"""Answers to pings: who is answered, how often, and what is dropped with which code."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker.agency.participant import LoadedAgency, load_participant
from broker.control.control import Control
from broker.control.own_statements import SigningKeys
from broker.control.ping_answers import (
    ANSWERS_A_MINUTE,
    CHECKS_A_MINUTE,
    MOST_WAITING,
    HeardPing,
    PingAnswers,
    PingOutcome,
)
from broker.judging.key_resolver import TrustStore
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.record import CONTENT_TYPE_HEADER, PING_CONTENT_TYPE, KafkaPartition, Record
from broker.statements import pings
from broker.statements.pings import PingPlace, PongTimes, parse_ping, seal_ping, seal_pong
from broker.store.database import open_store
from broker.transport.topics import control_topics
from tests.support.founded_partnership import (
    COUNCIL,
    MINUTE,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock
from tests.support.memory_kafka import MemoryKafka, MemoryTransport


class Answering:
    """The council's part that answers, over a Kafka in memory."""

    def __init__(self, world: FoundedPartnership, kafka: MemoryKafka, clock: Clock) -> None:
        self.world, self.kafka, self.clock = world, kafka, clock
        participant = world.participants[COUNCIL]
        self.trust = TrustStore(
            COUNCIL, participant.contracts, world.manifests, participant.keyring
        )
        signing = SigningKeys(LoadedAgency(participant), clock)
        transport = MemoryTransport(kafka, COUNCIL)
        self.answers = PingAnswers(signing, self.trust, transport, clock)
        self.topic = control_topics(world.deployment).receipts
        self._made = 0

    def ping(self, sender: str = POLICE, to: str = COUNCIL, signer: str = "", **more: int) -> bytes:
        self._made += 1
        at = PingPlace(
            "ping",
            self.world.deployment,
            sender,
            to,
            f"{self._made:032x}",
            more.get("time_ms", self.clock.now),
        )
        return seal_ping(
            at,
            bytes(32),
            self.world.exchange_key(to),
            self.world.author(signer or sender, receipts=True),
        )

    async def hear(self, *values: bytes) -> PingOutcome:
        for value in values:
            self.answers.hear(value, self.clock.now)
        return await self.answers.answer()

    def said(self) -> list[Record]:
        return self.kafka.topics[self.topic][0]


@pytest.fixture
def answering(world: FoundedPartnership, kafka: MemoryKafka, clock: Clock) -> Answering:
    return Answering(world, kafka, clock)


async def test_a_ping_is_answered_with_one_sealed_pong(answering: Answering) -> None:
    outcome = await answering.hear(answering.ping())
    assert (outcome.answered, outcome.dropped) == ([POLICE], [])
    (record,) = answering.said()
    assert record.headers == ((CONTENT_TYPE_HEADER, PING_CONTENT_TYPE),)
    assert record.value is not None
    at = parse_ping(record.value).place
    assert (at.kind, at.agency, at.to) == ("pong", COUNCIL, POLICE)


async def test_nothing_answers_a_pong(answering: Answering, world: FoundedPartnership) -> None:
    at = PingPlace("pong", world.deployment, POLICE, COUNCIL, "ab" * 16, NOW)
    key, signer = world.exchange_key(COUNCIL), world.author(POLICE, receipts=True)
    pong = seal_pong(at, bytes(32), PongTimes(1, 2, 3), key, signer)
    outcome = await answering.hear(pong)
    assert (outcome.answered, outcome.dropped, answering.said()) == ([], [], [])


async def test_pings_of_others_and_to_others_leave_nothing(answering: Answering) -> None:
    outcome = await answering.hear(answering.ping(sender=POLICE, to=SUPPORT))
    assert (outcome.answered, outcome.dropped, answering.said()) == ([], [], [])


async def test_a_ping_that_is_written_again_is_answered_once(answering: Answering) -> None:
    ping = answering.ping()
    outcome = await answering.hear(ping, ping)
    assert (outcome.answered, outcome.dropped) == ([POLICE], [])
    assert (await answering.hear(ping)).answered == []
    assert len(answering.said()) == 1


async def test_one_agency_has_so_many_answers_in_a_minute(
    answering: Answering, clock: Clock
) -> None:
    outcome = await answering.hear(*(answering.ping() for _ in range(ANSWERS_A_MINUTE + 2)))
    assert len(outcome.answered) == ANSWERS_A_MINUTE
    assert outcome.dropped == [(POLICE, "pings_many")] * 2
    assert (await answering.hear(answering.ping(SUPPORT))).answered == [SUPPORT]
    clock.pass_(MINUTE)
    assert (await answering.hear(answering.ping())).answered == [POLICE]


async def test_forged_pings_cost_so_many_checks_in_a_minute(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another party writes pings in the name of the police."""
    checked: list[int] = []
    real = answering.answers._pong.__globals__["require_author"]

    def counting(*given: object, **more: object) -> object:
        checked.append(1)
        return real(*given, **more)

    monkeypatch.setitem(answering.answers._pong.__globals__, "require_author", counting)
    for _ in range(4):
        forged = [answering.ping(signer=SUPPORT) for _ in range(MOST_WAITING)]
        outcome = await answering.hear(*forged)
        assert outcome.answered == []
    assert len(checked) == CHECKS_A_MINUTE
    assert answering.said() == []


async def test_more_than_can_wait_are_dropped_and_counted(answering: Answering) -> None:
    outcome = await answering.hear(*[b"x"] * (MOST_WAITING + 5))
    assert outcome.dropped.count(("", "pings_many")) == 5
    assert outcome.dropped.count(("", "ping_malformed")) == MOST_WAITING
    assert not answering.answers.waits()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda one: one.ping(time_ms=NOW - 11 * MINUTE), "request_old"),
        (lambda one: one.ping(time_ms=NOW + 6 * MINUTE), "early"),
        (lambda one: one.ping(signer=SUPPORT), "key_unknown"),
    ],
)
async def test_a_ping_at_fault_is_dropped_with_its_code(
    answering: Answering, make: Callable[[Answering], bytes], code: str
) -> None:
    outcome = await answering.hear(make(answering))
    assert (outcome.answered, outcome.dropped) == ([], [(POLICE, code)])


async def test_a_ping_sealed_to_another_key_is_ping_unopenable(
    answering: Answering, world: FoundedPartnership
) -> None:
    at = PingPlace("ping", world.deployment, POLICE, COUNCIL, "cd" * 16, NOW)
    value = pings._seal(
        at, bytes(64), world.exchange_key(SUPPORT), world.author(POLICE, receipts=True)
    )
    assert (await answering.hear(value)).dropped == [(POLICE, "ping_unopenable")]


async def test_a_party_that_left_is_not_answered(
    answering: Answering, world: FoundedPartnership, clock: Clock
) -> None:
    left = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=clock.now,
        reason="closed",
    )
    clock.pass_(MINUTE)
    manifests = world.reissue(POLICE, ManifestChanges(standing=(left,)), clock.now)
    answering.trust.believe(answering.trust.contracts, manifests)
    assert (await answering.hear(answering.ping())).dropped == [(POLICE, "party_left")]
    assert (await answering.hear(answering.ping(SUPPORT))).answered == [SUPPORT]


async def test_a_pong_that_kafka_does_not_take_is_dropped(answering: Answering) -> None:
    ping = answering.ping()
    answering.kafka.up = False
    outcome = await answering.hear(ping)
    assert outcome.dropped == [(POLICE, "kafka_unreachable")]
    answering.kafka.up = True
    assert not answering.answers.waits()


def test_a_reader_that_does_not_answer_knows_the_type_and_passes_it_over(
    answering: Answering, world: FoundedPartnership, tmp_path: Path
) -> None:
    """A subscription takes a ping as a known record: it is neither refused nor answered."""
    participant = load_participant(world.directory(COUNCIL, tmp_path), NOW)
    store = open_store(tmp_path / "state.db")
    control = Control(answering.trust, participant.repository, store)
    headers = ((CONTENT_TYPE_HEADER, PING_CONTENT_TYPE),)
    record = Record(answering.topic, 0, headers, answering.ping(), 0)
    news = control.take(KafkaPartition(answering.topic, 0), [record], NOW)
    store.close()
    assert (news.rejected, news.alarms) == ([], [])


async def test_a_ping_that_comes_while_others_are_taken_is_not_lost(answering: Answering) -> None:
    """As the thread of the reader may add one at any moment."""
    first, second = answering.ping(), answering.ping()

    class Raced(deque[HeardPing]):
        raced = False

        def _race(self) -> None:
            if not self.raced:
                self.raced = True
                answering.answers.hear(second, answering.clock.now)

        def __iter__(self) -> Iterator[HeardPing]:
            yield from super().__iter__()
            self._race()

        def popleft(self) -> HeardPing:
            taken = super().popleft()
            self._race()
            return taken

    answering.answers._waiting = Raced()
    assert (await answering.hear(first)).answered == [POLICE]
    assert answering.answers.waits()
    assert (await answering.hear()).answered == [POLICE]
    assert not answering.answers.waits()
