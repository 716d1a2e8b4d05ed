"""Required behaviour of every transport; `test_transport_memory.py` and `..._kafka.py` run it.

A stage is a Kafka (real or in memory) with one topic of two partitions that `alice` and `bob` may
use and `mallory` may not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from broker.errors import TransportError
from broker.record import KafkaPartition, Record
from broker.transport.interfaces import ReceiverTrouble, Transport


class Stage(Protocol):
    topic: str

    def transport(self, who: str, group: str | None = None) -> Transport: ...
    async def stop_kafka(self) -> None: ...
    async def start_kafka(self) -> None: ...
    async def move_group(self, group: str, topic: str, partition: int, offset: int) -> None: ...


def record(topic: str, partition: int, text: str, *headers: tuple[bytes, bytes | None]) -> Record:
    given = headers or ((b"content-type", b"application/x-test"), (b"proof", b"p"))
    return Record(topic, partition, given, text.encode())


def many(topic: str, partition: int, count: int, start: int = 0) -> list[Record]:
    return [record(topic, partition, f"{partition}-{n}") for n in range(start, start + count)]


@dataclass
class Inbox:
    """A small durable receiver: what arrived, and the position after it, stored together."""

    got: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    records: list[Record] = field(default_factory=list)
    stored: dict[int, int] = field(default_factory=dict)
    troubles: list[ReceiverTrouble] = field(default_factory=list)
    fail: Callable[[int, list[Record]], bool] = lambda _p, _r: False

    async def on_batch(self, source: KafkaPartition, records: list[Record]) -> None:
        partition = source.number
        if self.fail(partition, records):
            raise RuntimeError("the handler failed")
        await asyncio.sleep(0)
        self.records += records
        self.got[partition] += [(r.value or b"").decode() for r in records]
        self.stored[partition] = records[-1].offset + 1

    def positions(self, source: KafkaPartition) -> int | None:
        return self.stored.get(source.number)

    def count(self) -> int:
        return sum(map(len, self.got.values()))


@contextlib.asynccontextmanager
async def receiving(transport: Transport, topic: str, inbox: Inbox) -> AsyncIterator[asyncio.Task]:
    stop = asyncio.Event()
    task = asyncio.create_task(
        transport.run(
            [topic], inbox.on_batch, inbox.positions, stop, on_trouble=inbox.troubles.append
        )
    )
    try:
        yield task
    finally:
        stop.set()
        with contextlib.suppress(TransportError):
            await asyncio.wait_for(task, 30)
        await transport.close()


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # the condition is not ours to signal
            await asyncio.sleep(0.01)


class TransportBehaviour:
    @pytest.fixture
    async def stage(self) -> Stage:
        raise NotImplementedError

    async def test_records_arrive_in_order_with_their_offsets(self, stage: Stage) -> None:
        alice, inbox = stage.transport("alice"), Inbox()
        offsets = await alice.send(many(stage.topic, 0, 50) + many(stage.topic, 1, 30))
        assert offsets == [*range(50), *range(30)]
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 80)
        assert inbox.got == {p: [f"{p}-{n}" for n in range(c)] for p, c in ((0, 50), (1, 30))}
        await alice.close()

    async def test_a_topic_is_visible_to_its_readers(self, stage: Stage) -> None:
        bob, mallory = stage.transport("bob"), stage.transport("mallory")
        asked = (stage.topic, "nobody.made.this")
        assert await bob.visible(asked) == {stage.topic}
        assert await bob.visible(()) == frozenset()
        assert await mallory.visible(asked) == frozenset()
        await bob.close()
        await mallory.close()

    async def test_receiving_is_run_again_and_nothing_is_lost(self, stage: Stage) -> None:
        alice, bob, inbox = stage.transport("alice"), stage.transport("bob"), Inbox()
        async with receiving(bob, stage.topic, inbox):
            await alice.send(many(stage.topic, 0, 10))
            await until(lambda: inbox.count() > 0)
        await alice.send(many(stage.topic, 0, 10, 10))
        async with receiving(bob, stage.topic, inbox):
            await until(lambda: inbox.count() >= 20)
        assert inbox.got[0] == [f"0-{n}" for n in range(20)]
        await alice.close()

    async def test_nothing_to_send_is_fine(self, stage: Stage) -> None:
        alice = stage.transport("alice")
        assert await alice.send([]) == []
        await alice.close()

    async def test_headers_and_values_arrive_as_bytes(self, stage: Stage) -> None:
        strange = [
            record(stage.topic, 0, "null header", (b"proof", None)),
            record(stage.topic, 0, "binary header", (b"proof", b"\xff\x00\xfe")),
            record(stage.topic, 0, "twice", (b"proof", b"a"), (b"proof", b"b")),
            record(stage.topic, 0, "reply", (b"reply_to", stage.topic.encode())),
            record(stage.topic, 0, "after"),
            Record(stage.topic, 0, (), b"", key=b"k"),
            Record(stage.topic, 0, (), None, key=b"k"),
        ]
        alice, inbox = stage.transport("alice"), Inbox()
        await alice.send(strange)
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: len(inbox.records) >= len(strange))
            await asyncio.sleep(0.2)
        seen = [(r.headers, r.value, r.key) for r in inbox.records]
        assert seen == [(r.headers, r.value, r.key) for r in strange]
        await alice.close()

    async def test_a_stranger_can_neither_send_nor_receive(self, stage: Stage) -> None:
        mallory = stage.transport("mallory")
        with pytest.raises(TransportError) as refused:
            await mallory.send(many(stage.topic, 0, 1))
        assert refused.value.code == "kafka_refused"
        assert refused.value.offsets == (None,)
        with pytest.raises(TransportError) as refused:
            await mallory.read_all([stage.topic])
        assert refused.value.code == "kafka_refused"
        inbox = Inbox()
        with pytest.raises(TransportError) as refused:
            async with asyncio.timeout(30):
                await mallory.run([stage.topic], inbox.on_batch, inbox.positions, asyncio.Event())
        assert refused.value.code == "kafka_refused"
        await mallory.close()

    async def test_a_partition_that_is_not_there_is_an_error(self, stage: Stage) -> None:
        alice = stage.transport("alice")
        with pytest.raises(TransportError):
            await alice.send(many(stage.topic, 7, 1))
        await alice.close()

    async def test_valid_records_are_stored_beside_refused_ones(self, stage: Stage) -> None:
        alice = stage.transport("alice")
        mixed = [*many(stage.topic, 7, 1), *many(stage.topic, 0, 2)]
        with pytest.raises(TransportError) as refused:
            await alice.send(mixed)
        assert refused.value.offsets == (None, 0, 1)
        await alice.close()

    async def test_reading_starts_at_the_stored_position(self, stage: Stage) -> None:
        alice, inbox = stage.transport("alice"), Inbox(stored={0: 7})
        await alice.send(many(stage.topic, 0, 10) + many(stage.topic, 1, 2))
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 5)
        assert inbox.got == {0: ["0-7", "0-8", "0-9"], 1: ["1-0", "1-1"]}
        await alice.close()

    async def test_an_operator_who_moves_the_group_moves_nothing(self, stage: Stage) -> None:
        alice, inbox = stage.transport("alice"), Inbox()
        await alice.send(many(stage.topic, 0, 10))
        async with receiving(stage.transport("bob", "bob.g"), stage.topic, inbox):
            await until(lambda: inbox.count() == 10)
        await alice.send(many(stage.topic, 0, 5, 10))
        await stage.move_group("bob.g", stage.topic, 0, 15)
        async with receiving(stage.transport("bob", "bob.g"), stage.topic, inbox):
            await until(lambda: inbox.count() == 15)
        assert inbox.got[0] == [f"0-{n}" for n in range(15)]
        await alice.close()

    async def test_an_error_in_the_handler_passes_over_nothing(self, stage: Stage) -> None:
        alice, inbox, failures = stage.transport("alice"), Inbox(), [0]

        def fail(partition: int, _records: list[Record]) -> bool:
            failures[0] += partition == 0
            return partition == 0 and failures[0] <= 3

        inbox.fail = fail
        await alice.send(many(stage.topic, 0, 20) + many(stage.topic, 1, 20))
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: len(inbox.got[1]) == 20)
            await alice.send(many(stage.topic, 0, 20, 20))
            await until(lambda: inbox.count() == 60)
        assert inbox.got[0] == [f"0-{n}" for n in range(40)]
        assert inbox.got[1] == [f"1-{n}" for n in range(20)]
        assert [t.code for t in inbox.troubles] == ["handler_failed"] * 3
        assert inbox.troubles[0].error == "RuntimeError"
        await alice.close()

    async def test_a_position_that_cannot_be_had_is_waited_for(self, stage: Stage) -> None:
        alice, inbox, asked = stage.transport("alice"), Inbox(stored={0: 3}), [0]
        stored = inbox.positions

        def positions(source: KafkaPartition) -> int | None:
            asked[0] += 1
            if asked[0] <= 3:
                raise OSError("the database is locked")
            return stored(source)

        inbox.positions = positions
        await alice.send(many(stage.topic, 0, 5))
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 2)
        assert inbox.got[0] == ["0-3", "0-4"]
        assert {t.code for t in inbox.troubles} == {"position_unknown"}
        await alice.close()

    async def test_a_paused_partition_waits_and_the_others_go_on(self, stage: Stage) -> None:
        alice, bob, inbox = stage.transport("alice"), stage.transport("bob"), Inbox()
        bob.pause(KafkaPartition(stage.topic, 0))
        await alice.send(many(stage.topic, 0, 5) + many(stage.topic, 1, 5))
        async with receiving(bob, stage.topic, inbox):
            await until(lambda: len(inbox.got[1]) == 5)
            await asyncio.sleep(0.2)
            assert inbox.got[0] == []
            inbox.stored[0] = 2
            bob.resume(KafkaPartition(stage.topic, 0))
            await until(lambda: len(inbox.got[0]) == 3)
            bob.pause(KafkaPartition(stage.topic, 1))
            await alice.send(many(stage.topic, 1, 5, 5))
            await asyncio.sleep(0.2)
            assert len(inbox.got[1]) == 5
            bob.resume(KafkaPartition(stage.topic, 1))
            await until(lambda: len(inbox.got[1]) == 10)
        assert inbox.got == {0: ["0-2", "0-3", "0-4"], 1: [f"1-{n}" for n in range(10)]}
        await alice.close()

    async def test_two_members_share_and_a_change_of_members_loses_nothing(
        self, stage: Stage
    ) -> None:
        alice, inbox, sent = stage.transport("alice"), Inbox(), 0

        async def send(count: int) -> None:
            nonlocal sent
            for _ in range(count):
                await alice.send(many(stage.topic, 0, 5, sent) + many(stage.topic, 1, 5, sent))
                sent += 5
                await asyncio.sleep(0.02)

        async with receiving(stage.transport("bob", "bob.two"), stage.topic, inbox):
            await send(10)
            async with receiving(stage.transport("bob", "bob.two"), stage.topic, inbox):
                await send(40)
            await send(10)
            await until(lambda: {len(set(inbox.got[p])) for p in (0, 1)} == {sent}, 60)
        for partition in (0, 1):
            first_seen = list(dict.fromkeys(inbox.got[partition]))
            assert first_seen == [f"{partition}-{n}" for n in range(sent)]
        await alice.close()

    async def test_everything_up_to_now_can_be_read_at_once(self, stage: Stage) -> None:
        alice, bob = stage.transport("alice"), stage.transport("bob")
        assert await bob.read_all([stage.topic]) == []
        sent = many(stage.topic, 0, 300) + many(stage.topic, 1, 300)
        await alice.send(sent)
        read = await bob.read_all([stage.topic])
        assert [(r.partition, r.value) for r in read] == [(r.partition, r.value) for r in sent]
        assert [r.offset for r in read] == [*range(300), *range(300)]
        await alice.close()
        await bob.close()

    async def test_kafka_goes_away_and_comes_back_and_nothing_is_lost(self, stage: Stage) -> None:
        alice, inbox = stage.transport("alice"), Inbox()
        await alice.send(many(stage.topic, 0, 10))
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: inbox.count() == 10)
            await stage.stop_kafka()
            with pytest.raises(TransportError) as unreachable:
                await alice.send(many(stage.topic, 0, 10, 10))
            assert unreachable.value.code == "kafka_unreachable"
            assert unreachable.value.offsets == (None,) * 10
            await until(lambda: any(t.code == "kafka_unreachable" for t in inbox.troubles))
            await stage.start_kafka()
            await until_sent(alice, many(stage.topic, 0, 10, 10))
            await until(lambda: len(set(inbox.got[0])) == 20, 60)
        assert list(dict.fromkeys(inbox.got[0])) == [f"0-{n}" for n in range(20)]
        await alice.close()

    async def test_a_reader_that_starts_before_kafka_waits_for_it(self, stage: Stage) -> None:
        alice, inbox = stage.transport("alice"), Inbox()
        await alice.send(many(stage.topic, 0, 3))
        await alice.close()
        await stage.stop_kafka()
        async with receiving(stage.transport("bob"), stage.topic, inbox):
            await until(lambda: any(t.code == "kafka_unreachable" for t in inbox.troubles))
            await stage.start_kafka()
            await until(lambda: inbox.count() == 3, 60)
        assert inbox.got[0] == ["0-0", "0-1", "0-2"]


async def until_sent(transport: Transport, records: list[Record]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await transport.send(records)
            except TransportError:
                await asyncio.sleep(0.2)
            else:
                return
