"""Raw records that aiokafka's reader of batches would skip, decode or expand."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("aiokafka")

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from broker.errors import PackageError
from broker.transport.kafka import raw
from broker.transport.kafka.raw import MAX_BATCH_BYTES, LenientConsumer, _Records

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


def batch(codec: int, *values: bytes) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=64 * 1024 * 1024,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp=1, key=None, value=value, headers=[])
    return bytes(builder.build())


def read(content: bytes) -> list[tuple[int, bytes | None]]:
    records: Any = _Records(content)
    found = []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        found += [(record.offset, record.value) for record in one]
    return found


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_is_huge_when_decompressed_is_one_record_without_a_value(codec: int) -> None:
    bomb = batch(codec, b"a", bytes(MAX_BATCH_BYTES))
    assert len(bomb) < 32 * 1024
    assert read(bomb) == [(1, None)]
    assert read(bomb + batch(codec, b"b")) == [(1, None), (0, b"b")]


@pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
def test_an_ordinary_batch_is_read_whole(codec: int) -> None:
    values = [bytes([number]) * 256 * 1024 for number in range(2)]
    assert read(batch(codec, *values)) == list(enumerate(values))


@pytest.mark.parametrize("size", [1024, 1024 * 1024, MAX_BATCH_BYTES // 2])
def test_a_batch_below_the_limit_is_read_however_much_it_expands(size: int) -> None:
    for codec in (0, GZIP, SNAPPY, LZ4, ZSTD):
        assert read(batch(codec, bytes(size), b"b")) == [(0, bytes(size)), (1, b"b")]


def test_a_batch_that_does_not_decompress_stops_nothing() -> None:
    content = bytearray(batch(ZSTD, b"a" * 1000))
    content[61:65] = b"????"
    records: Any = _Records(bytes(content))
    assert [(record.offset, record.value) for record in records.next_batch()] == [(0, None)]


class Untouched:
    """Stands for a fetcher; what is put on it is looked at."""

    _proc_fetch_request = fetcher.Fetcher._proc_fetch_request


def test_aiokafka_stays_as_it_is_for_the_rest_of_the_process() -> None:
    assert fetcher.MemoryRecords is MemoryRecords
    assert "_fetcher" not in vars(AIOKafkaConsumer)
    method = fetcher.Fetcher._proc_fetch_request
    assert method.__globals__["MemoryRecords"] is MemoryRecords


async def test_our_consumers_own_fetcher_reads_leniently() -> None:
    consumer = LenientConsumer(bootstrap_servers="localhost:1")
    try:
        mine, another = Untouched(), Untouched()
        consumer._fetcher = mine
        assert consumer._fetcher is mine
        assert mine._proc_fetch_request.__func__.__globals__["MemoryRecords"].func is _Records
        assert another._proc_fetch_request.__func__.__globals__["MemoryRecords"] is MemoryRecords
    finally:
        consumer._fetcher = None


def test_a_version_of_aiokafka_that_is_not_known_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other:
        async def _proc_fetch_request(self) -> None: ...

    monkeypatch.setattr(raw, "Fetcher", Other)
    with pytest.raises(PackageError) as caught:
        raw.require_known_aiokafka()
    assert (caught.value.code, caught.value.exit_code) == ("package_unsuitable", 3)
