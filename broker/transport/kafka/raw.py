"""Lenient reader of raw records, for any bytes in their headers.

aiokafka cannot read a header *name* that is not UTF-8; one such record, written by any party with
access, would stop every partition of its readers (denial of service). Here values are never
decoded. A batch that aiokafka's fast reader cannot read is read again leniently, with the bytes of
its names kept. A batch that is small on the wire and huge when decompressed (decompression bomb) is
read as one record without a value, which is refused like any other.
"""

from __future__ import annotations

import gzip
import io
import types
import zlib
from collections.abc import Iterator
from functools import cache, partial
from importlib.metadata import version
from typing import Any, Final

import cramjam
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    _DefaultRecordBatchPy,
    _DefaultRecordPy,
)
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

from broker.errors import PackageError
from broker.record import Record

_KEEP_BYTES = "surrogateescape"
"""Error handler that keeps the bytes of a name in a `str`."""

MAX_BATCH_BYTES: Final = 5 * 1024 * 1024
"""Maximum size of a decompressed batch: the largest contract with a note; senders fill 512 KiB.

Zstd compresses zeros to less than a thousandth, so without a limit one record of any party could
exhaust the memory of every reader.
"""


def record_from_kafka(raw: ConsumerRecord[Any, Any]) -> Record:
    """Convert aiokafka's record to ours."""
    return Record(
        raw.topic,
        raw.partition,
        tuple((name.encode("utf-8", _KEEP_BYTES), value) for name, value in raw.headers),
        raw.value,
        raw.offset,
        raw.key,
    )


class _LenientText(bytearray):
    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, _KEEP_BYTES if errors == "strict" else errors)


class _LenientBuffer(bytearray):
    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _LenientText(found) if isinstance(place, slice) else found


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # final only to type checkers
    """aiokafka's Python reader of a batch, over a buffer that can decode every name."""

    def _maybe_uncompress(self) -> None:
        if not self._decompressed:
            super()._maybe_uncompress()
            self._buffer: bytearray = _LenientBuffer(self._buffer)


def _too_large(batch: Any, content: bytes, most: int) -> bool:
    """Return whether a compressed batch is larger than allowed, or not compressed as it claims."""
    codec = batch.compression_type
    data = memoryview(content)[_DefaultRecordBatchPy.HEADER_STRUCT.size :]
    if codec in (DefaultRecordBatch.CODEC_ZSTD, DefaultRecordBatch.CODEC_LZ4):
        # a small buffer first: making one of the maximum takes longer than most batches
        return not any(_expands(codec, data, size) for size in (min(most, 8 * len(data)), most))
    try:
        if codec == DefaultRecordBatch.CODEC_GZIP:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
                return len(file.read(most + 1)) > most
    except (OSError, EOFError, zlib.error):
        return True
    return False  # snappy expands to at most twenty times the size


def _expands(codec: int, data: memoryview, size: int) -> bool:
    """Return whether data decompress to at most ``size`` bytes."""
    into = cramjam.zstd if codec == DefaultRecordBatch.CODEC_ZSTD else cramjam.lz4
    try:
        into.decompress_into(data, bytearray(size))
    except cramjam.DecompressionError:
        return False
    return True


class _Batch:
    """A batch that aiokafka's fast reader reads, or the lenient one if that fails."""

    def __init__(self, batch: Any, content: bytes, most: int | None) -> None:
        self._batch = batch
        self._content = content
        self._most = most

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        if self._most is not None and _too_large(self._batch, self._content, self._most):
            last, time = self._batch.next_offset - 1, self._batch.max_timestamp
            return iter([_DefaultRecordPy(last, time, 0, None, None, [])])
        try:
            return iter(list(self._batch))
        except (UnicodeDecodeError, CorruptRecordException):
            return iter(list(_LenientBatch(bytearray(self._content))))

    def __next__(self) -> Any:
        return next(self._batch)


class _Records:
    """Replacement for aiokafka's `MemoryRecords`: the bytes of one fetch, batch by batch."""

    def __init__(self, content: bytes, most: int | None = MAX_BATCH_BYTES) -> None:
        self._most = most
        self._records = MemoryRecords(content)
        self._slices = _MemoryRecordsPy(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        content = self._slices._next_slice  # position of this batch's bytes
        self._slices._cache_next()  # skip to the next batch without decoding this one
        batch = self._records.next_batch()
        if content is None or not isinstance(batch, DefaultRecordBatch):
            return batch
        return _Batch(batch, bytes(content), self._most)


_PARSES: Final = "_proc_fetch_request"
"""Method of aiokafka's fetcher that makes a `MemoryRecords` from Kafka's answer."""


def require_known_aiokafka() -> None:
    """Check that the installed aiokafka can be made to read leniently.

    Raises:
        PackageError: `package_unsuitable`.
    """
    _lenient_parser(Fetcher)


@cache
def _lenient_parser(
    fetcher: type[Fetcher], most: int | None = MAX_BATCH_BYTES
) -> types.FunctionType:
    """Return the fetcher's own method with `_Records` in place of `MemoryRecords`.

    Raises:
        PackageError: `package_unsuitable`, the method in this version of aiokafka is different.
    """
    method = getattr(fetcher, _PARSES, None)
    if (
        not isinstance(method, types.FunctionType)
        or "MemoryRecords" not in method.__code__.co_names
    ):
        raise PackageError(
            "This version of aiokafka parses records in a way that this software does not know.",
            code="package_unsuitable",
            where=f"aiokafka {version('aiokafka')}",
            fix="Install the version that locks/runtime.lock names.",
        )
    names = {**method.__globals__, "MemoryRecords": partial(_Records, most=most)}
    return types.FunctionType(
        method.__code__, names, _PARSES, method.__defaults__, method.__closure__
    )


class LenientConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """A consumer that reads every batch leniently; other consumers of the process do not change.

    aiokafka makes the fetcher in `start` and has no parameter for a reader of records. So our
    method is set on this consumer's own fetcher when it is made, before it fetches. A parameter of
    `Fetcher` for the class that reads records would make this unnecessary.

    Args:
        batch_bytes: maximum size of a decompressed batch; None for a Kafka all of whose senders are
            trusted to write batches of any size.
    """

    def __init__(
        self, *topics: str, batch_bytes: int | None = MAX_BATCH_BYTES, **options: Any
    ) -> None:
        self._batch_bytes = batch_bytes
        super().__init__(*topics, **options)

    @property
    def _fetcher(self) -> Fetcher | None:
        found: Fetcher | None = self.__dict__.get("_lenient_fetcher")
        return found

    @_fetcher.setter
    def _fetcher(self, fetcher: Fetcher | None) -> None:
        if fetcher is not None:
            method = _lenient_parser(Fetcher, self._batch_bytes)
            setattr(fetcher, _PARSES, types.MethodType(method, fetcher))
        self.__dict__["_lenient_fetcher"] = fetcher
