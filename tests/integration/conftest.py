"""One real Kafka for a pytest process: under xdist each worker has its own to stop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.transport.certificates import (
    Authority,
    issue_ca,
    issue_certificate,
    save_identity,
)
from broker.transport.connection import KafkaConnection, TlsFiles
from broker.transport.local import LocalKafka
from tests.integration.identity_provider import IdentityProvider
from tests.integration.kafka_listeners import sasl_listeners


@dataclass
class RealKafka:
    """The Kafka of this process, and identities of its authority."""

    local: LocalKafka
    authority: Authority
    folder: Path
    provider: IdentityProvider
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def connection(self, who: str) -> KafkaConnection:
        """Connection of `who`, with a certificate of its own."""
        tls = self.folder / who
        if not tls.exists():
            certificate, key = issue_certificate(self.authority, who)
            save_identity(tls, ca=self.authority.certificate, certificate=certificate, key=key)
        return KafkaConnection(self.local.bootstrap, TlsFiles.in_folder(tls), who)

    def fresh_name(self) -> str:
        """A deployment name that no other test uses."""
        return f"d{next(self.numbers)}"

    async def stop(self) -> None:
        await asyncio.to_thread(self.local.stop)

    async def start(self) -> None:
        await asyncio.to_thread(self.local.start)


@pytest.fixture(scope="session")
def session_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    folder = tmp_path_factory.mktemp("kafka")
    authority = issue_ca("tests")
    provider = IdentityProvider()
    local = LocalKafka(folder / "kafka", authority, sasl=sasl_listeners(provider.address))
    local.start()
    try:
        yield RealKafka(local, authority, folder, provider)
    finally:
        local.stop()
        provider.close()


@pytest.fixture
def real_kafka(session_kafka: RealKafka) -> Iterator[RealKafka]:
    """The session's Kafka, running again for the next test whatever this one did to it."""
    if not session_kafka.local.running:
        session_kafka.local.start()
    yield session_kafka
    if not session_kafka.local.running:
        session_kafka.local.start()
