"""A contract learned while running, over a Kafka in memory."""

from __future__ import annotations

from pathlib import Path

from broker.subscriber import subscribe
from broker.transport.topics import control_topics, data_topics
from contracts.model import Contract
from tests.integration.key_story import (
    CAST,
    COUNCIL,
    PARTITIONS,
    POLICE,
    SUPPORT,
    Adapter,
    clock,
    cluster,
    partnership,
)
from tests.integration.learned_story import learned_while_running
from tests.integration.service_story import until
from tests.support.memory_kafka import MemoryTransport


async def test_topics_of_a_contract_learned_while_running_are_read_and_left(
    tmp_path: Path,
) -> None:
    root = partnership(tmp_path / "p", clock())
    kafka = cluster(root, clock())
    transports: list[MemoryTransport] = []

    def adapter(agency: str) -> Adapter:
        def transport() -> MemoryTransport:
            transports.append(MemoryTransport(kafka, agency))
            return transports[-1]

        return Adapter(root / agency, transport)

    def apply(contract: Contract) -> None:
        for topic in set(data_topics(contract)) - kafka.topics.keys():
            kafka.create_topic(topic, PARTITIONS)
            for agency in CAST:
                kafka.allow(agency, topic)

    police, council, support = adapter(POLICE), adapter(COUNCIL), adapter(SUPPORT)
    desk = MemoryTransport(kafka, COUNCIL, group="desk")
    async with subscribe(root / COUNCIL, "desk", clock=clock, receiver=desk) as events:
        topic = await learned_while_running(police, council, [support], events, apply)
        assert topic in desk.subscribed
    reading = transports[1]
    assert topic in reading.subscribed
    for one in (police, support):
        await one.end()  # they would bring the version again

    def left() -> bool:
        for partition in kafka.topics[control_topics(topic.partition(".")[0]).contracts]:
            partition.clear()  # the council itself publishes the version, and would read it again
        for file in (council.directory / "contracts").glob("*-1.1.0*"):
            file.unlink()
        return bool(reading.subscribed) and topic not in reading.subscribed

    await until(left, council)
    await council.end()
