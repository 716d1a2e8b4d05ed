"""Keys of every kind, the certificates for Kafka among them, are replaced on a real Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.transport.certificates import issue_certificate, save_identity
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.kafka import KafkaTransport
from broker.transport.provisioning import Provisioner
from broker.transport.topics import acl_plans, topic_plans
from tests.integration.conftest import RealKafka
from tests.integration.key_story import COUNCIL, POLICE, SUPPORT, Adapter, clock
from tests.integration.rotation_story import Rotation, renewed_yesterday

pytestmark = pytest.mark.kafka


async def test_nothing_is_lost_or_refused_while_every_key_is_replaced(
    real_kafka: RealKafka, tmp_path: Path
) -> None:
    root, deployment = tmp_path / "p", real_kafka.fresh_name()
    end = renewed_yesterday(root, 30, deployment)
    contract = load_participant(root / POLICE, clock()).contract_in_force(clock()).contract
    provisioner = Provisioner(real_kafka.local.connection)
    provisioner.apply(provisioner.plan(deployment, topic_plans(contract), acl_plans(contract)))

    def certified(agency: str) -> None:
        certificate, key = issue_certificate(real_kafka.authority, agency)
        ca = real_kafka.authority.certificate
        save_identity(root / agency / "tls", ca=ca, certificate=certificate, key=key)

    def adapter(agency: str) -> Adapter:
        certified(agency)
        tls = TlsFiles.in_folder(root / agency / "tls")
        connection = KafkaConnection(real_kafka.local.bootstrap, tls, agency)
        return Adapter(
            root / agency, lambda: KafkaTransport(connection, group=f"{deployment}.{agency}.inbox")
        )

    story = Rotation(*(adapter(agency) for agency in (POLICE, COUNCIL, SUPPORT)))
    await story.begin()
    for one in story.everyone:  # a certificate is read when the adapter connects
        certified(one.agency)
        await one.end()
        await one.start()
    await story.more_arrive()
    await story.governance_keys()
    await story.signing_keys()
    await story.exchange_keys(end)
    await story.end()
