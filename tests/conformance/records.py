"""A line of a file, and step 0 (docs/spec/opening.md, "Files" and "Order of the checks", 0)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.conventions import decode_base64
from tests.conformance.refusals import MalformedError, RefusedError

MAX_LINE_BYTES = 1048576
MAX_VALUE_BYTES = 262144
MAX_PROOF_BYTES = 4096
LEAF_BYTES = 32
SEALED = b"application/vnd.concordant.sealed"
LEAF = b"application/vnd.concordant.leaf"


@dataclass(frozen=True, slots=True)
class Record:
    """Record as Kafka would deliver it: header names may repeat."""

    topic: str
    partition: int
    headers: tuple[tuple[bytes, bytes | None], ...]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class FramedRecord:
    """A record that passed step 0."""

    topic: str
    partition: int
    proof: bytes
    value: bytes
    leaf_only: bool


class _Members(list[tuple[str, Any]]):
    """An object's members as they were written, repetitions included."""


def parse_line(line: bytes) -> Record:
    """A record of a file.

    Raises:
        RefusedError: `record_malformed`, at step 0.
    """
    try:
        return _record(line)
    except (ValueError, RecursionError) as error:
        raise RefusedError(0, "record_malformed") from error


def _record(line: bytes) -> Record:
    if len(line) > MAX_LINE_BYTES:
        raise MalformedError("too long")
    written = json.loads(line.decode("utf-8"), object_pairs_hook=_Members)
    if not isinstance(written, _Members):
        raise MalformedError("not an object")
    members = dict(written)
    wanted = {"topic", "partition", "headers", "value"}
    if (
        len(members) != len(written)
        or members.keys() - {"offset", "left_out", "not_sealed"} != wanted
    ):
        raise MalformedError("other members")
    topic, headers, value = members["topic"], members["headers"], members["value"]
    if not isinstance(topic, str) or not topic:
        raise MalformedError("not a topic")
    _integer(members["partition"], 0, 2**31 - 1)
    for told in (members.get("left_out", []), members.get("not_sealed", [])):
        if not isinstance(told, list) or isinstance(told, _Members):
            raise MalformedError("what was left out is not a list")
    if "offset" in members:
        _integer(members["offset"], -1, 2**63 - 1)
    if not isinstance(headers, _Members) or not isinstance(value, str | None):
        raise MalformedError("not headers and a value")
    return Record(
        topic,
        members["partition"],
        tuple((_octets(name), None if text is None else _octets(text)) for name, text in headers),
        None if value is None else decode_base64(value),
    )


def _integer(number: object, low: int, high: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise MalformedError("not an integer")
    if not low <= number <= high:
        raise MalformedError("an integer out of its range")


def _octets(text: object) -> bytes:
    if not isinstance(text, str):
        raise MalformedError("not a text")
    return text.encode("utf-8", "surrogateescape")


def judge_frame(record: Record) -> FramedRecord:
    """Step 0."""
    if record.value is None:
        raise RefusedError(0, "value_missing")
    if len(record.value) > MAX_VALUE_BYTES:
        raise RefusedError(0, "value_too_large")
    content_type = _only(record.headers, b"content-type")
    proof = _only(record.headers, b"proof")
    if len(proof) > MAX_PROOF_BYTES:
        raise RefusedError(0, "proof_too_large")
    if content_type == LEAF and len(record.value) != LEAF_BYTES:
        raise RefusedError(0, "value_malformed")
    if content_type not in (SEALED, LEAF):
        raise RefusedError(0, "content_type_unknown")
    return FramedRecord(
        record.topic, record.partition, proof, record.value, leaf_only=content_type == LEAF
    )


def _only(headers: Sequence[tuple[bytes, bytes | None]], name: bytes) -> bytes:
    values = [value for key, value in headers if key == name]
    if len(values) != 1 or values[0] is None:
        raise RefusedError(0, "headers_wrong")
    return values[0]
