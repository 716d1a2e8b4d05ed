"""The durable path: outbox, relay and inbox on SQLite, with every commit synced."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench import sample_event
from bench.benchmark_partnership import READER, recipient_ids
from bench.meter import Meter, now_ms
from bench.raw_kafka import end
from bench.sample_event import SOURCE, TYPE
from bench.world import PARTITIONS, RECIPIENTS, World
from broker import pseudonyms
from broker.judging.key_resolver import TrustStore
from broker.receiving.receiving import Receiving
from broker.record import KafkaPartition, Record
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay, StreamSigning
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import StreamOwner
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.transport.kafka import KafkaTransport
from broker.transport.topics import inbox_group
from contracts.events import PlainEvent

TRANSACTION_EVENTS: Final = 256
"""Events that the adapter accepts in one transaction, as it does for a file of many."""


class Durable:
    """A sender with its outbox and relay, and a reader with its inbox, both on SQLite."""

    def __init__(self, made: World, folder: Path) -> None:
        sender, reader = made.load(SOURCE), made.load(READER)
        self.secret = sender.keyring.secret()
        self.outbox = open_store(folder / "sender.db")
        self.inbox = open_store(folder / "reader.db")
        self.publisher = Publisher(event_sealer(sender))
        self.transport = KafkaTransport(made.connection(SOURCE))
        self.receiver = KafkaTransport(
            made.connection(READER), group=inbox_group(made.load(READER).deployment, READER)
        )
        signer = cosigner(sender.key_name, sender.stream_signer(now_ms()))
        self.relay = Relay(
            StreamOwner(sender.deployment, SOURCE),
            self.outbox,
            self.transport,
            StreamSigning(lambda: signer),
            now_ms,
        )
        self.relay.take_lock("bench")
        trust = TrustStore(READER, reader.contracts, reader.manifests, reader.keyring)
        self.receiving = Receiving(self.inbox, trust, reader.keyring.secret())
        self._topic = made.topic
        self.to = recipient_ids(RECIPIENTS)

    def publish(self, datas: Sequence[dict[str, Any]]) -> list[str]:
        """Accept events in one transaction; their ids."""
        with self.outbox.transaction() as tx, self.publisher.accepting(tx) as acceptance:
            ids = [acceptance.publish(PlainEvent(TYPE, self.to, data), now_ms()) for data in datas]
        return [found for found in ids if found is not None]

    async def send(self) -> None:
        """Send all that waits."""
        while await self.relay.round():
            pass

    async def receive(
        self,
        offsets: dict[int, int],
        stop: asyncio.Event,
        on_opened: Callable[[Sequence[str]], None],
    ) -> None:
        """Take what comes into the inbox until ``stop``."""

        async def take(partition: KafkaPartition, records: list[Record]) -> None:
            batch = await asyncio.to_thread(self.receiving.take, partition, records, now_ms())
            assert not batch.refused, batch.refused
            offsets[partition.number] = records[-1].offset + 1
            on_opened([opened.id for opened in batch.opened])

        await self.receiver.run(
            [self._topic], take, lambda partition: offsets[partition.number], stop
        )

    async def close(self) -> None:
        """Let go of everything."""
        await self.transport.close()
        self.outbox.close()
        self.inbox.close()


def _cases(secret: bytes, partitions: int, count: int, first: int) -> list[dict[str, Any]]:
    """Events whose cases fall into the first ``partitions`` partitions."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        data = sample_event.plain(first)
        first += 1
        if pseudonyms.partition_of_case(secret, data["case_id"], PARTITIONS) < partitions:
            found.append(data)
    return found


async def durable_throughput(made: World, partitions: int, events: int) -> list[dict[str, object]]:
    """Events per second and CPU through the outbox and its relay, and into the inbox."""
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        durable = Durable(made, Path(folder))
        offsets = {p: await end(made, made.topic, p) for p in range(PARTITIONS)}
        for turn in range(2):
            meter = Meter()
            datas = _cases(durable.secret, partitions, events, (turn + 2) * 10_000_000)

            async def publish_and_send(datas: list[dict[str, Any]] = datas) -> None:
                for at in range(0, len(datas), TRANSACTION_EVENTS):
                    durable.publish(datas[at : at + TRANSACTION_EVENTS])
                await durable.send()

            async def receive() -> None:
                stop = asyncio.Event()
                opened = 0

                def count(ids: Sequence[str]) -> None:
                    nonlocal opened
                    opened += len(ids)
                    if opened >= events:
                        stop.set()

                await durable.receive(offsets, stop, count)

            await meter.measure("outbox, relay", events, publish_and_send)
            await meter.measure("judge, inbox", events, receive)
        await durable.close()
    return meter.rows(partitions, {})
