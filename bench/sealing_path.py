"""The sealing path: seal, append, send and receive, judge, in memory, beside raw aiokafka.

Phases of ours and of raw take turns in one process, so that noise is shared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from bench import sample_event
from bench.benchmark_partnership import READER, recipient_ids
from bench.meter import Meter, now_ms
from bench.raw_kafka import end, raw_producer, raw_receive, raw_send
from bench.sample_event import SOURCE, TYPE
from bench.world import PARTITIONS, RECIPIENTS, World
from broker.judging.file_context import FileContext
from broker.judging.judgements import Opened
from broker.judging.judging import judge_each
from broker.judging.key_resolver import TrustStore
from broker.judging.verification_cache import VerificationCache
from broker.record import (
    CONTENT_TYPE_HEADER,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    KafkaPartition,
    Record,
)
from broker.sending.sealing_context import event_sealer
from broker.sending.streams import MAX_BATCH_EVENTS, Stream, append, open_generation
from broker.statements.authorship import cosigner
from broker.transport.kafka import KafkaTransport
from broker.transport.topics import inbox_group
from contracts.events import PlainEvent

ROUNDS: Final = 3


async def throughput(made: World, partitions: int, events: int) -> list[dict[str, object]]:
    """Events per second and CPU of sealing and judging, and of raw aiokafka with their bytes."""
    meter = Meter()
    sender = KafkaTransport(made.connection(SOURCE))
    receiver = KafkaTransport(
        made.connection(READER), group=inbox_group(made.load(READER).deployment, READER)
    )
    raw = await raw_producer(made.operator)
    sealing = _Sealing(made, partitions)
    context = _context(made)
    offsets = {p: await end(made, made.topic, p) for p in range(PARTITIONS)}
    raw_offsets = {p: await end(made, made.raw_topic, p) for p in range(PARTITIONS)}
    number = 0
    for turn in range(ROUNDS + 1):
        meter = Meter() if turn == 1 else meter  # the first turn warms up
        datas = [sample_event.plain(1_000_000 * partitions + number + at) for at in range(events)]
        number += events
        sent = await meter.measure("seal, send", events, lambda: sealing.send(sender, datas))  # noqa: B023 - awaited here
        await meter.measure("raw send", events, lambda: raw_send(raw, made.raw_topic, sent))  # noqa: B023
        await meter.measure(
            "receive, judge",
            events,
            lambda: _receive(receiver, made.topic, offsets, events, context),
        )
        await meter.measure(
            "raw receive",
            events,
            lambda: raw_receive(made.operator, made.raw_topic, raw_offsets, events),
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
        sealed = self._sealer.seal_prepared(
            [self._sealer.prepare(PlainEvent(TYPE, self._to, data), now) for data in datas]
        )
        values = [value for (value,) in sealed]
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


def _context(made: World) -> FileContext:
    me = made.load(READER)
    return FileContext(
        TrustStore(me.agency, me.contracts, me.manifests, me.keyring).current,
        lambda *_: False,
        now_ms(),
    )


async def _receive(
    receiver: KafkaTransport, topic: str, offsets: dict[int, int], events: int, context: FileContext
) -> None:
    """Judge ``events`` new records; ``offsets`` is where each partition goes on."""
    stop, one = asyncio.Event(), asyncio.Lock()
    cache = VerificationCache()
    opened = 0

    def judge(records: list[Record]) -> None:
        for _record, judgement in judge_each(records, context, cache, now_ms()):
            context.took(judgement)
            assert isinstance(judgement, Opened), judgement.outcome

    async def take(partition: KafkaPartition, records: list[Record]) -> None:
        nonlocal opened
        async with one:  # the view is one thread's; meanwhile Kafka is read on
            await asyncio.to_thread(judge, records)
        opened += len(records)
        offsets[partition.number] = records[-1].offset + 1
        if opened >= events:
            stop.set()

    await receiver.run([topic], take, lambda partition: offsets[partition.number], stop)
    assert opened == events
