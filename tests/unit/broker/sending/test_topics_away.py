"""A topic that Kafka lacks or refuses holds up no other; nothing of it is said too early."""

from __future__ import annotations

import pytest

from broker.errors import TransportError
from tests.support.founded_partnership import CASE, COUNCIL, MADE, POLICE
from tests.support.memory_agency import MemoryAgency

KEPT = 3


@pytest.fixture
def away(police: MemoryAgency) -> str:
    """The topic of referrals, which Kafka does not let the police write to (yet)."""
    topic = police.world.topic("a")
    police.kafka.writers[topic].discard(POLICE)
    police.relay.take_lock("test")
    return topic


def sent(member: MemoryAgency, topic: str) -> int:
    return sum(map(len, member.kafka.topics[topic]))


async def test_events_of_other_topics_are_sent_in_the_same_round(
    police: MemoryAgency, away: str
) -> None:
    police.publish(police.event(MADE))
    police.publish(police.event(CASE))
    with pytest.raises(TransportError) as refused:
        await police.relay.round()
    assert refused.value.code == "kafka_refused"
    assert sent(police, police.world.topic("b")) == 1


async def test_events_of_that_topic_wait_without_a_place_and_others_go_on(
    police: MemoryAgency, away: str
) -> None:
    police.publish(police.event(MADE))
    with pytest.raises(TransportError):
        await police.relay.round()
    for _ in range(KEPT):
        police.publish(police.event(MADE))
        police.publish(police.event(CASE))
    assert await police.relay.round() == KEPT
    assert await police.relay.round() == 0
    with police.store.reading() as tx:
        counts = tx.outbox.counts()
    assert (counts.pending, counts.unsent, counts.sent) == (KEPT, 1, KEPT)


async def test_no_heartbeat_names_what_kafka_has_not_acknowledged(
    police: MemoryAgency, council: MemoryAgency, away: str
) -> None:
    police.publish(police.event(MADE))
    police.publish(police.event(CASE))
    with pytest.raises(TransportError):
        await police.relay.round()
    with pytest.raises(TransportError):
        await police.relay.resend()
    police.publish(police.event(CASE))
    await police.relay.round()
    heads = police.relay.acknowledged_heads()
    assert {head.topic for head in heads} == {police.world.topic("b")}
    assert sum(head.size for head in heads) == 2


async def test_a_head_that_was_acknowledged_before_stays_until_the_next_one_is(
    police: MemoryAgency,
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    await police.send(1, case_id=case)
    (before,) = police.relay.acknowledged_heads()
    police.kafka.writers[before.topic].discard(POLICE)
    police.publish(police.event(MADE, case_id=case))
    with pytest.raises(TransportError):
        await police.relay.round()
    assert police.relay.acknowledged_heads() == (before,)
    police.kafka.allow(POLICE, before.topic)
    await police.relay.resend()
    (after,) = police.relay.acknowledged_heads()
    assert (after.generation, after.size) == (before.generation, 2)


async def test_everything_arrives_once_the_topic_is_there(
    police: MemoryAgency, council: MemoryAgency, away: str
) -> None:
    case = "11111111-1111-4111-8111-111111111111"
    expected = [police.publish(police.event(MADE, (COUNCIL,), case_id=case))]
    with pytest.raises(TransportError):
        await police.relay.round()
    expected.append(police.publish(police.event(MADE, (COUNCIL,), case_id=case)))
    with pytest.raises(TransportError):
        await police.relay.resend()
    police.kafka.allow(POLICE, away)
    assert await police.relay.resend() == 1
    assert await police.relay.round() == 1
    assert [event.id for event in council.take(police.log()).opened] == expected
