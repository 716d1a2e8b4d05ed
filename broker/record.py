"""Kafka record as bytes, from Kafka or from a file.

Judging, sealing, the transport and the `event` commands all use this type: a topic, a partition,
headers and a value, exactly as on the wire (protocol, "Sealed event"). `event seal` writes this
JSON form and `event open` reads it. The form keeps repeated, null and undecodable headers, so that
a record that was altered in a file is judged as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import NamedTuple

from contracts.values import value_class

CONTENT_TYPE_HEADER = b"content-type"
PROOF_HEADER = b"proof"

SEALED_CONTENT_TYPE = b"application/vnd.concordant.sealed"
"""Content type of a record with a sealed value."""

LEAF_CONTENT_TYPE = b"application/vnd.concordant.leaf"
"""Content type of a record without content: its value is the leaf hash of the sent value."""

CONTRACT_CONTENT_TYPE = b"application/vnd.concordant.contract"
MANIFEST_CONTENT_TYPE = b"application/vnd.concordant.manifest"
HEARTBEAT_CONTENT_TYPE = b"application/vnd.concordant.heartbeat"
RECEIPT_CONTENT_TYPE = b"application/vnd.concordant.receipt"
NOTICE_CONTENT_TYPE = b"application/vnd.concordant.notice"
PING_CONTENT_TYPE = b"application/vnd.concordant.ping"
REPORT_CONTENT_TYPE = b"application/vnd.concordant.report"
LISTING_CONTENT_TYPE = b"application/vnd.concordant.listing"
UNION_CONTENT_TYPE = b"application/vnd.concordant.union"
COUNTS_CONTENT_TYPE = b"application/vnd.concordant.counts"
"""Content type of messages on the control topics (docs/spec/topics.md)."""

UNKNOWN_OFFSET = -1
"""Offset of a record that did not come from Kafka."""

MAX_PARTITION = 2**31 - 1
"""Kafka's partition numbers are signed 32-bit integers."""

MAX_LINE_BYTES = 1024 * 1024
"""Longest line that is read; a sealed record of the largest size takes about 360 kB as a line."""

Header = tuple[bytes, bytes | None]

_MEMBERS = frozenset({"topic", "partition", "headers", "value"})
_FOR_THE_SENDER = ("left_out", "not_sealed")
"""Members that `event seal` writes for the sender; a reader ignores them."""
_OPTIONAL = frozenset({"offset", *_FOR_THE_SENDER})


class RecordFormatError(ValueError):
    """A line is not the JSON form of a record. The message never repeats the line's content."""


class KafkaPartition(NamedTuple):
    """A partition of a Kafka topic; offsets count within it."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@value_class(frozen=True, slots=True)
class Record:
    """A record as Kafka holds it.

    Attributes:
        topic: full name of the Kafka topic.
        partition: partition number, from 0.
        headers: (name, value) in wire order; names may repeat, a value may be None.
        value: the record's value; None is Kafka's tombstone.
        offset: position in the partition, `UNKNOWN_OFFSET` if it did not come from Kafka.
        key: the record's key; None for sealed events, the agency for manifests.
    """

    topic: str
    partition: int
    headers: tuple[Header, ...]
    value: bytes | None
    offset: int = UNKNOWN_OFFSET
    key: bytes | None = None

    @property
    def kafka_partition(self) -> KafkaPartition:
        """Return topic and partition as one value."""
        return KafkaPartition(self.topic, self.partition)


def format_record(record: Record) -> bytes:
    """Return the JSON form of a record: one line of ASCII without the line end.

    Header bytes that are not UTF-8 are written as lone surrogates, and `parse_record` restores the
    same bytes. The key and the offset are not part of the form.
    """
    headers: list[str] = []
    for name, value in record.headers:
        text = None if value is None else value.decode("utf-8", "surrogateescape")
        headers.append(f"{json.dumps(name.decode('utf-8', 'surrogateescape'))}:{json.dumps(text)}")
    body = None if record.value is None else base64.b64encode(record.value).decode("ascii")
    return (
        f'{{"topic":{json.dumps(record.topic)},"partition":{record.partition},'
        f'"headers":{{{",".join(headers)}}},"value":{json.dumps(body)}}}'
    ).encode("ascii")


def parse_record(line: bytes | str) -> Record:
    """Parse the JSON form of a record.

    Args:
        line: one JSON object; duplicate header names are kept.

    Raises:
        RecordFormatError: the line is not that form.
    """
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        top = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise RecordFormatError("the line is not JSON") from None
    if not isinstance(top, _Pairs):
        raise RecordFormatError("the line is not a JSON object")
    members = dict(top)
    if len(members) != len(top) or not members.keys() <= _MEMBERS | _OPTIONAL:
        raise RecordFormatError("the object repeats a member or has one that records do not have")
    if not members.keys() >= _MEMBERS:
        raise RecordFormatError("the object lacks topic, partition, headers or value")
    for name in _FOR_THE_SENDER:
        if type(members.get(name, [])) is not list:  # an object is a list of pairs here
            raise RecordFormatError(f"{name} is not a list")
    return Record(
        topic=_topic(members["topic"]),
        partition=_number(members["partition"], "partition", 0, MAX_PARTITION),
        headers=_headers(members["headers"]),
        value=_value(members["value"]),
        offset=_number(members.get("offset", UNKNOWN_OFFSET), "offset", UNKNOWN_OFFSET, 2**63 - 1),
    )


class _Pairs(list[tuple[str, object]]):
    """A JSON object as its members in order, so that repeated names are visible."""


def _topic(found: object) -> str:
    if not isinstance(found, str) or not found:
        raise RecordFormatError("topic is not a text")
    return found


def _number(found: object, name: str, low: int, high: int) -> int:
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise RecordFormatError(f"{name} is not a valid Kafka number")
    return found


def _headers(found: object) -> tuple[Header, ...]:
    if not isinstance(found, _Pairs):
        raise RecordFormatError("headers is not an object")
    return tuple((_header_bytes(name), _header_value(value)) for name, value in found)


def _header_value(found: object) -> bytes | None:
    if found is None:
        return None
    if not isinstance(found, str):
        raise RecordFormatError("a header's value is neither a text nor null")
    return _header_bytes(found)


def _header_bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise RecordFormatError("a header has a surrogate that stands for no byte") from None


def _value(found: object) -> bytes | None:
    if found is None:
        return None
    if not isinstance(found, str):
        raise RecordFormatError("value is neither a text nor null")
    try:
        value = base64.b64decode(found, validate=True)
    except (binascii.Error, ValueError):
        raise RecordFormatError("value is not base64") from None
    if base64.b64encode(value).decode("ascii") != found:
        raise RecordFormatError("value is not canonical base64")
    return value
