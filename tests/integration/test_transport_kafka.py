from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from broker.errors import TransportError
from broker.record import Record
from broker.transport.certificates import issue_ca, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles, admin_settings
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import AclPlan, TopicPlan
from tests.integration.conftest import RealKafka
from tests.integration.transport_behaviour import (
    Inbox,
    TransportBehaviour,
    many,
    receiving,
    record,
    until,
)
from tests.support.spoiled_headers import send_to_kafka

pytestmark = pytest.mark.kafka


class KafkaStage:
    """A topic of its own on the session's Kafka."""

    def __init__(self, kafka: RealKafka) -> None:
        self.kafka = kafka
        deployment = kafka.fresh_name()
        self.topic = f"{deployment}.c.a"
        plan = TopicPlan(self.topic, 2, 86_400_000, "delete", {"compression.type": "zstd"})
        rights = [
            AclPlan(f"User:{who}", *right)
            for who in ("alice", "bob")
            for right in (
                ("topic", self.topic, "read"),
                ("topic", self.topic, "write"),
                ("group", f"{who}.", "read", True),
            )
        ]
        provisioner = Provisioner(kafka.local.connection)
        provisioner.apply(provisioner.plan(deployment, [plan], rights))

    def transport(self, who: str, group: str | None = None) -> KafkaTransport:
        group = group or f"{who}.{self.topic}"
        return KafkaTransport(self.kafka.connection(who), group=group, send_timeout_s=4)

    async def stop_kafka(self) -> None:
        await self.kafka.stop()

    async def start_kafka(self) -> None:
        await self.kafka.start()

    async def move_group(self, group: str, topic: str, partition: int, offset: int) -> None:
        admin = AdminClient(admin_settings(self.kafka.local.connection))
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition, offset)])
        moved = admin.alter_consumer_group_offsets([wanted])
        await asyncio.to_thread(lambda: [answer.result() for answer in moved.values()])


class TestKafka(TransportBehaviour):
    @pytest.fixture
    async def stage(self, real_kafka: RealKafka) -> KafkaStage:
        return KafkaStage(real_kafka)

    async def test_a_header_name_that_is_not_text_stops_no_reader(self, stage: KafkaStage) -> None:
        """aiokafka alone never gets past such a record, on any partition."""
        alice, inbox = stage.transport("alice"), Inbox()
        await alice.send(many(stage.topic, 0, 3))
        await send_to_kafka(await alice._sender._open(), stage.topic, b"poison")
        await alice.send([*many(stage.topic, 0, 3, 3), *many(stage.topic, 1, 3)])
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 10)
        assert inbox.got[0] == ["0-0", "0-1", "0-2", "poison", "0-3", "0-4", "0-5"]
        poison = next(r for r in inbox.records if r.value == b"poison")
        assert poison.headers == ((b"pr\xff\xfe", b"v"), (b"proof", b"p"))
        found = await stage.transport("bob").read_all([stage.topic])
        assert [r.value for r in found if r.headers[0][0] == b"pr\xff\xfe"] == [b"poison"]
        await alice.close()

    async def test_a_large_batch_goes_in_several_and_a_huge_record_is_refused(
        self, stage: KafkaStage
    ) -> None:
        alice, inbox = stage.transport("alice"), Inbox()
        big = [Record(stage.topic, 0, (), bytes([n]) * 200_000) for n in range(20)]
        assert await alice.send(big) == [*range(20)]
        with pytest.raises(TransportError) as refused:
            await alice.send([Record(stage.topic, 0, (), bytes(600_000))])
        assert refused.value.code == "record_too_large"
        big.append(Record(stage.topic, 0, (), bytes(100_000)))  # the same, shortened
        assert await alice.send(big[-1:]) == [20]
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 21)
        assert [r.value for r in inbox.records] == [r.value for r in big]
        await alice.close()

    async def test_a_topic_that_is_not_there_is_not_made(self, stage: KafkaStage) -> None:
        operator = KafkaTransport(stage.kafka.local.connection, send_timeout_s=2)
        with pytest.raises(TransportError):
            await operator.send([record("nobody.made.this", 0, "x")])
        await operator.close()

    async def test_a_thief_of_the_key_of_the_authority_connects_as_any_party(
        self, stage: KafkaStage, tmp_path: Path
    ) -> None:
        """Certificates decide about rights on Kafka alone; who signed a record is step 2."""

        def pose(who: str) -> KafkaTransport:
            tls, authority = tmp_path / who, stage.kafka.authority
            certificate, key = issue_certificate(authority, who)
            save_identity(tls, ca=authority.certificate, certificate=certificate, key=key)
            return KafkaTransport(
                KafkaConnection(stage.kafka.local.bootstrap, TlsFiles.in_folder(tls), who)
            )

        as_alice, as_bob = pose("alice"), pose("bob")
        assert await as_alice.send(many(stage.topic, 0, 2)) == [0, 1]
        assert len(await as_bob.read_all([stage.topic])) == 2
        await as_alice.close()
        await as_bob.close()

    async def test_after_a_crash_what_was_acknowledged_is_there(self, stage: KafkaStage) -> None:
        alice, bob = stage.transport("alice"), stage.transport("bob")
        await alice.send(many(stage.topic, 0, 100))
        await asyncio.to_thread(stage.kafka.local.kill)
        await stage.start_kafka()
        found = await bob.read_all([stage.topic])
        assert [r.value for r in found] == [f"0-{n}".encode() for n in range(100)]
        await alice.close()
        await bob.close()


async def test_a_certificate_of_another_authority_is_refused(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    certificate, key = issue_certificate(issue_ca("others"), "alice")
    save_identity(tmp_path, ca=real_kafka.authority.certificate, certificate=certificate, key=key)
    stranger = KafkaTransport(
        KafkaConnection(real_kafka.local.bootstrap, TlsFiles.in_folder(tmp_path), "alice"),
        send_timeout_s=3,
    )
    with pytest.raises(TransportError) as refused:
        await stranger.read_all(["a"])
    assert refused.value.code == "kafka_unreachable"
    await stranger.close()


async def test_a_connection_without_certificate_is_refused(real_kafka: RealKafka) -> None:
    import ssl

    from aiokafka import AIOKafkaConsumer
    from aiokafka.errors import KafkaError

    context = ssl.create_default_context(cafile=str(real_kafka.connection("alice").tls.ca))
    consumer = AIOKafkaConsumer(
        bootstrap_servers=real_kafka.local.bootstrap, security_protocol="SSL", ssl_context=context
    )
    with pytest.raises(KafkaError):
        await consumer.start()
    await consumer.stop()
    with pytest.raises(TransportError) as missing:
        KafkaTransport(
            KafkaConnection(real_kafka.local.bootstrap, TlsFiles.in_folder(Path("/nowhere")))
        )
    assert missing.value.code == "certificate_unreadable"
