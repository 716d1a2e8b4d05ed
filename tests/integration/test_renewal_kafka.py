"""Renewal of TLS files without a restart, with a Kafka that then trusts only the new authority."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from broker.errors import TransportError
from broker.transport.certificates import OPERATOR_NAME, issue_ca, issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.kafka import KafkaTransport
from broker.transport.kafka.rights import try_login
from broker.transport.provisioning import Provisioner
from broker.transport.topics import AclPlan, TopicPlan
from tests.integration.conftest import RealKafka
from tests.integration.transport_behaviour import Inbox, many, receiving, until, until_sent

pytestmark = pytest.mark.kafka


async def test_a_running_transport_goes_on_with_renewed_files(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    deployment = real_kafka.fresh_name()
    topic = f"{deployment}.c.a"
    rights = [
        AclPlan("User:ada", "topic", topic, "read"),
        AclPlan("User:ada", "topic", topic, "write"),
        AclPlan("User:ada", "group", "ada.", "read", True),
    ]
    provisioner = Provisioner(real_kafka.local.connection)
    plan = TopicPlan(topic, 1, 86_400_000, "delete", {"compression.type": "zstd"})
    provisioner.apply(provisioner.plan(deployment, [plan], rights))
    before = real_kafka.connection("ada")
    assert before.tls.ca
    ours, kept = tmp_path / "ada", tmp_path / "kafka"
    shutil.copytree(before.tls.ca.parent, ours)
    shutil.copytree(real_kafka.local.folder / "tls", kept)
    connection = KafkaConnection(real_kafka.local.bootstrap, TlsFiles.in_folder(ours), "ada")
    ada, inbox = KafkaTransport(connection, group=f"ada.{topic}", send_timeout_s=5), Inbox()
    authority = issue_ca("renewed")
    try:
        async with receiving(ada, topic, inbox):
            await ada.send(many(topic, 0, 1))
            await until(lambda: len(inbox.records) == 1)
            await real_kafka.stop()
            certificate, key = issue_certificate(
                authority, OPERATOR_NAME, ["localhost", "127.0.0.1"]
            )
            ca = authority.certificate
            tls = real_kafka.local.folder / "tls"
            save_identity(tls, ca=ca, certificate=certificate, key=key)
            certificate, key = issue_certificate(authority, "ada")
            save_identity(ours, ca=ca, certificate=certificate, key=key)
            await real_kafka.start()
            await until_sent(ada, many(topic, 0, 1, 1))
            await until(lambda: inbox.got[0] == ["0-0", "0-1"])
        await ada.close()
        with pytest.raises(TransportError):
            await asyncio.to_thread(try_login, before, 5)
    finally:
        await real_kafka.stop()
        shutil.rmtree(real_kafka.local.folder / "tls")
        shutil.copytree(kept, real_kafka.local.folder / "tls")
