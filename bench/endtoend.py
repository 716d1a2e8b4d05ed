"""End to end on a real Kafka, beside raw aiokafka that moves the same bytes in the same run.

Two paths of ours: *sealing* is seal, append, send and receive, judge, in memory; *durable* adds
what the adapter does, outbox and inbox on SQLite with every commit synced. One process is the only
client, so its CPU time per event is the client's. Phases of ours and of raw take turns.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench import event, results
from bench.event import SOURCE, TYPE
from bench.partnership import READER, recipient_ids
from bench.world import World, world
from broker import pseudonyms
from broker.judging.file_view import FileView
from broker.judging.judging import judge_each
from broker.judging.trust import OpeningKeys, Trust
from broker.receiving.receiving import Receiving
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, SEALED_CONTENT_TYPE, Record
from broker.sending.governing import event_sealer
from broker.sending.publishing import Publisher
from broker.sending.relay import Relay
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.store.database import open_store
from broker.transport.connection import KafkaConnection, ssl_context
from broker.transport.kafka import KafkaTransport
from broker.transport.kafka.sending import BATCH_BYTES, LINGER_MS, MAX_REQUEST_BYTES
from contracts.events import PlainEvent

RECIPIENTS: Final = 4
PARTITIONS: Final = 6
ROUNDS: Final = 3
TRANSACTION_EVENTS: Final = 256
"""Events that the adapter accepts in one transaction, as it does for a file of many."""


def now_ms() -> int:
    """This clock."""
    return time.time_ns() // 1_000_000


def run(*, quick: bool = False) -> None:
    """Measure and write out/endtoend.jsonl."""
    rows: list[dict[str, object]] = []
    with world(now_ms(), PARTITIONS, RECIPIENTS) as made:
        for partitions in (1, PARTITIONS):
            rows += asyncio.run(_throughput(made, partitions, 1_500 if quick else 9_000))
            results.show(rows[-4:])
        for partitions in (1, PARTITIONS):
            rows += asyncio.run(_durable(made, partitions, 512 if quick else 4_096))
            results.show(rows[-2:])
        rows.append(asyncio.run(_latency(made, 4 if quick else 20)))
        results.show(rows[-1:])
    results.save("endtoend", rows)


class Meter:
    """Wall and CPU time of phases of one name, summed over rounds and given as a median."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[float, float]]] = {}

    async def measure(self, name: str, events: int, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run ``work``, which moves ``events`` events."""
        wall, cpu = time.perf_counter(), time.process_time()
        answer = await work()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self._found.setdefault(name, []).append((events / wall, cpu / events * 1e6))
        return answer

    def rows(self, partitions: int, beside: dict[str, str]) -> list[dict[str, object]]:
        """One row a name; ``beside`` names what each is compared with."""
        medians = {
            name: (statistics.median(r for r, _ in f), statistics.median(c for _, c in f))
            for name, f in self._found.items()
        }
        return [
            {
                "path": name,
                "partitions": partitions,
                "events_s": round(rate),
                "cpu_us": round(cpu, 1),
                "x_raw": round(rate / medians[beside[name]][0], 2) if name in beside else "",
            }
            for name, (rate, cpu) in medians.items()
        ]


# --- the sealing path, and raw aiokafka ----------------------------------------------------------


async def _throughput(made: World, partitions: int, events: int) -> list[dict[str, object]]:
    meter = Meter()
    sender = KafkaTransport(made.connection(SOURCE))
    receiver = KafkaTransport(made.connection(READER))
    raw = await _raw_producer(made.operator)
    sealing = _Sealing(made, partitions)
    view = _view(made)
    offsets = {p: await _end(made, made.topic, p) for p in range(PARTITIONS)}
    raw_offsets = {p: await _end(made, made.raw_topic, p) for p in range(PARTITIONS)}
    number = 0
    for turn in range(ROUNDS + 1):
        meter = Meter() if turn == 1 else meter  # the first turn warms up
        datas = [event.plain(1_000_000 * partitions + number + at) for at in range(events)]
        number += events
        sent = await meter.measure("seal, send", events, lambda: sealing.send(sender, datas))  # noqa: B023 - awaited here
        await meter.measure("raw send", events, lambda: _raw_send(raw, made.raw_topic, sent))  # noqa: B023
        await meter.measure(
            "receive, judge", events, lambda: _receive(receiver, made.topic, offsets, events, view)
        )
        await meter.measure(
            "raw receive",
            events,
            lambda: _raw_receive(made.operator, made.raw_topic, raw_offsets, events),
        )
    await raw.stop()
    await sender.close()
    return meter.rows(partitions, {"seal, send": "raw send", "receive, judge": "raw receive"})


class _Sealing:
    def __init__(self, made: World, partitions: int) -> None:
        participant = made.load(SOURCE)
        self._sealer = event_sealer(participant)
        self._signer = cosigner(participant.key_name, participant.stream_signer(now_ms()))
        streams = [
            Stream(participant.deployment, SOURCE, made.topic, at) for at in range(partitions)
        ]
        self._streams = [(s, open_generation(s, None, None, now_ms())) for s in streams]
        self._to = recipient_ids(RECIPIENTS)

    async def send(self, sender: KafkaTransport, datas: Sequence[dict[str, Any]]) -> list[Record]:
        """In rounds of one batch for each stream; the next is sealed while one is on its way."""
        sent: list[Record] = []
        whole = len(self._streams) * MAX_BATCH_EVENTS
        sending: asyncio.Task[list[int]] | None = None
        for at in range(0, len(datas), whole):
            records = await asyncio.to_thread(self._seal, datas[at : at + whole])
            if sending is not None:
                await sending
            sending = asyncio.create_task(sender.send(records))
            sent += records
        if sending is not None:
            await sending
        return sent

    def _seal(self, datas: Sequence[dict[str, Any]]) -> list[Record]:
        now = now_ms()
        values = [self._sealer.seal(PlainEvent(TYPE, self._to, d), now).value for d in datas]
        records: list[Record] = []
        count = len(self._streams)
        for at, (stream, row) in enumerate(self._streams):
            mine = values[at::count]
            if mine:
                grown, places = append(stream, row, mine, self._signer, now)
                self._streams[at] = (stream, grown)
                records += [
                    Record(
                        stream.topic,
                        stream.partition,
                        ((CONTENT_TYPE_HEADER, SEALED_CONTENT_TYPE), (PROOF_HEADER, place.proof)),
                        value,
                    )
                    for value, place in zip(mine, places, strict=True)
                ]
        return records


def _view(made: World) -> FileView:
    me = made.load(READER)
    return FileView(
        me.deployment,
        me.agency,
        Trust(me.agency, me.manifests, me.contracts),
        OpeningKeys(me.agency, me.manifests, me.keyring),
        lambda *_: False,
        now_ms(),
    )


async def _receive(
    receiver: KafkaTransport, topic: str, offsets: dict[int, int], events: int, view: FileView
) -> None:
    """Judge ``events`` new records; ``offsets`` is where each partition goes on."""
    stop, one = asyncio.Event(), asyncio.Lock()
    opened = 0

    def judge(records: list[Record]) -> None:
        for _record, judgement in judge_each(records, view, now_ms()):
            view.took(judgement)
            assert judgement.event is not None, judgement.refusal

    async def take(_topic: str, partition: int, records: list[Record]) -> None:
        nonlocal opened
        async with one:  # the view is one thread's; meanwhile Kafka is read on
            await asyncio.to_thread(judge, records)
        opened += len(records)
        offsets[partition] = records[-1].offset + 1
        if opened >= events:
            stop.set()

    await receiver.run([topic], take, lambda _t, p: offsets[p], stop)
    assert opened == events


async def _end(made: World, topic: str, partition: int) -> int:
    consumer = AIOKafkaConsumer(**_options(made.operator))
    await consumer.start()
    where = TopicPartition(topic, partition)
    found: int = (await consumer.end_offsets([where]))[where]
    await consumer.stop()
    return found


def _options(connection: KafkaConnection) -> dict[str, Any]:
    return {
        "bootstrap_servers": connection.bootstrap,
        "security_protocol": "SSL",
        "ssl_context": ssl_context(connection.tls),
    }


async def _raw_producer(connection: KafkaConnection) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        **_options(connection),
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    return producer


async def _raw_send(producer: AIOKafkaProducer, topic: str, records: Sequence[Record]) -> None:
    """The same bytes, in batches filled by hand, which is the fastest way that aiokafka has."""
    by_partition: dict[int, list[Record]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record)

    async def one(partition: int, mine: list[Record]) -> None:
        at = 0
        while at < len(mine):
            batch = producer.create_batch()
            while at < len(mine):
                headers = [(name.decode(), value) for name, value in mine[at].headers]
                if not batch.append(
                    timestamp=None, key=None, value=mine[at].value, headers=headers
                ):
                    break
                at += 1
            batch.close()
            await (await producer.send_batch(batch, topic, partition=partition))

    await asyncio.gather(*(one(partition, mine) for partition, mine in by_partition.items()))


async def _raw_receive(
    connection: KafkaConnection, topic: str, offsets: dict[int, int], events: int
) -> None:
    consumer = AIOKafkaConsumer(
        **_options(connection), group_id=f"bench-{topic}", enable_auto_commit=False
    )
    await consumer.start()
    places = [TopicPartition(topic, partition) for partition in offsets]
    consumer.assign(places)
    for place in places:
        consumer.seek(place, offsets[place.partition])
    taken = 0
    while taken < events:
        for place, records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).items():
            taken += len(records)
            offsets[place.partition] = records[-1].offset + 1
    await consumer.stop()


# --- the durable path ----------------------------------------------------------------------------


class Durable:
    """A sender with its outbox and relay, and a reader with its inbox, both on SQLite."""

    def __init__(self, made: World, folder: Path) -> None:
        sender, reader = made.load(SOURCE), made.load(READER)
        self.secret = sender.keyring.secret()
        self.outbox = open_store(folder / "sender.db")
        self.inbox = open_store(folder / "reader.db")
        self.publisher = Publisher(event_sealer(sender))
        self.transport = KafkaTransport(made.connection(SOURCE))
        self.receiver = KafkaTransport(made.connection(READER))
        signer = cosigner(sender.key_name, sender.stream_signer(now_ms()))
        self.relay = Relay(
            sender.deployment, SOURCE, self.outbox, self.transport, lambda: signer, now_ms
        )
        self.relay.take_lock("bench")
        trust = Trust(READER, reader.manifests, reader.contracts)
        keys = OpeningKeys(READER, reader.manifests, reader.keyring)
        self.receiving = Receiving(
            reader.deployment,
            READER,
            self.inbox,
            lambda: trust,
            lambda: keys,
            reader.keyring.secret(),
        )
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

        async def take(topic: str, partition: int, records: list[Record]) -> None:
            batch = await asyncio.to_thread(
                self.receiving.take, topic, partition, records, now_ms()
            )
            assert not batch.refused, batch.refused
            offsets[partition] = records[-1].offset + 1
            on_opened([opened.id for opened in batch.opened])

        await self.receiver.run([self._topic], take, lambda _t, p: offsets[p], stop)

    async def close(self) -> None:
        """Let go of everything."""
        await self.transport.close()
        self.outbox.close()
        self.inbox.close()


def _cases(secret: bytes, partitions: int, count: int, first: int) -> list[dict[str, Any]]:
    """Events whose cases fall into the first ``partitions`` partitions."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        data = event.plain(first)
        first += 1
        if pseudonyms.partition(secret, data["case_id"], PARTITIONS) < partitions:
            found.append(data)
    return found


async def _durable(made: World, partitions: int, events: int) -> list[dict[str, object]]:
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        durable = Durable(made, Path(folder))
        offsets = {p: await _end(made, made.topic, p) for p in range(PARTITIONS)}
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


async def _latency(made: World, seconds: int, rate: int = 25) -> dict[str, object]:
    """From accepting an event to its being in the reader's inbox, at ``rate`` events a second."""
    accepted: dict[str, float] = {}
    taken: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        durable = Durable(made, Path(folder))
        offsets = {p: await _end(made, made.topic, p) for p in range(PARTITIONS)}
        stop, waiting = asyncio.Event(), asyncio.Event()

        async def relay() -> None:
            while not stop.is_set():
                await waiting.wait()
                waiting.clear()
                await durable.send()

        def note(ids: Sequence[str]) -> None:
            moment = time.perf_counter()
            taken.update((one, moment) for one in ids)

        tasks = [
            asyncio.create_task(durable.receive(offsets, stop, note)),
            asyncio.create_task(relay()),
        ]
        await asyncio.sleep(3)  # the reader joins its group
        began = time.perf_counter()
        for at in range(seconds * rate):
            await asyncio.sleep(max(0.0, began + at / rate - time.perf_counter()))
            moment = time.perf_counter()
            (one,) = await asyncio.to_thread(durable.publish, [event.plain(90_000_000 + at)])
            accepted[one] = moment
            waiting.set()
        deadline = time.perf_counter() + 10
        while len(taken) < len(accepted) and time.perf_counter() < deadline:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.05)
        stop.set()
        waiting.set()
        await asyncio.gather(*tasks)
        await durable.close()
    ages = sorted((taken[one] - moment) * 1000 for one, moment in accepted.items())
    return {
        "path": "accepted to inbox",
        "rate": rate,
        "events": len(ages),
        "p50_ms": round(ages[len(ages) // 2], 1),
        "p99_ms": round(ages[len(ages) * 99 // 100], 1),
    }
