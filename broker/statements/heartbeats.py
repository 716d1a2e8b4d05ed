"""Heartbeats: at intervals, one signed note with the heads of all of an agency's streams.

docs/spec/heartbeats.md. A reader judges a heartbeat by its stated time. A head above the received
records shows that records are withheld, and three intervals without a heartbeat raise an alarm. The
heads are those that Kafka has acknowledged, so that a slow relay does not look like an attacker.
Both stream keys of the agency sign, so that every event below a head has post-quantum evidence
(docs/spec/evidence.md). A heartbeat also names the agency's newest manifest and a hash of the
delegations that it knows, so that a reader notices a manifest that Kafka withholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.envelope.primitives import HASH_BYTES
from broker.errors import NoteError, RefusedError
from broker.event import JSON
from broker.registry.newest_manifests import REGISTRY_HASHES, NamedManifest, RegistryHash
from broker.statements.authorship import read_note
from broker.tlog.checkpoint import Origin
from broker.tlog.merkle import MAX_LOG_SIZE
from broker.tlog.note import Note, NoteSigner, format_note, sign_note

HEADING: Final = "concordant.heartbeat/v1"
SILENT_INTERVALS: Final = 3
"""Intervals without a heartbeat before an alarm, unless the reader's agency.toml sets a time."""
MAX_HEADS: Final = 1024
"""Maximum number of heads: with the longest names they take 450 kB, and Kafka accepts 1 MiB."""
MAX_HEARTBEAT_BYTES: Final = 512 * 1024
"""Maximum size of the note in bytes, which a reader may have to keep."""
_MEMBERS: Final = frozenset({"agency", "heads", "log", "manifest", "registry", "time"})


@dataclass(frozen=True, slots=True)
class Head:
    """A stream's head as its sender states it: size in records, root 32 bytes."""

    topic: str
    partition: int
    generation: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An agency's statement about itself at one time (ms).

    Attributes:
        heads: of its streams.
        log: the head of its disclosure log: (size, root).
        manifest: its newest manifest.
        registry: hashes of the delegations that it knows, one for each agreement, ascending.
    """

    deployment: str
    agency: str
    time: int
    heads: tuple[Head, ...]
    log: tuple[int, bytes]
    manifest: NamedManifest
    registry: tuple[RegistryHash, ...] = ()


def format_heartbeat(heartbeat: Heartbeat, signers: Sequence[NoteSigner]) -> bytes:
    """Return the signed note."""
    body: dict[str, JSON] = {
        "agency": heartbeat.agency,
        "heads": [
            {
                "generation": head.generation,
                "partition": head.partition,
                "root": head.root.hex(),
                "size": head.size,
                "topic": head.topic,
            }
            for head in sorted(heartbeat.heads, key=_place)
        ],
        "log": {"root": heartbeat.log[1].hex(), "size": heartbeat.log[0]},
        "manifest": {
            "delegation": heartbeat.manifest.delegation,
            "hash": heartbeat.manifest.hash.hex(),
            "version": heartbeat.manifest.version,
        },
        "registry": [
            {"contract": one.contract.hex(), "hash": one.hash.hex()} for one in heartbeat.registry
        ],
        "time": heartbeat.time,
    }
    text = f"{HEADING}\n{heartbeat.deployment}\n".encode() + format_json(body) + b"\n"
    return format_note(sign_note(text, signers))


def named_heads(heads: Sequence[Head]) -> tuple[Head, ...]:
    """Return the heads for a heartbeat: all, or those of the newest generations."""
    return tuple(sorted(heads, key=lambda head: head.generation, reverse=True)[:MAX_HEADS])


def read_heartbeat(value: bytes, deployment: str) -> tuple[Note, Heartbeat]:
    """Parse a heartbeat's note without verifying its signatures.

    Raises:
        RefusedError: ``heartbeat_malformed`` or ``note_malformed``.
    """
    if len(value) > MAX_HEARTBEAT_BYTES:
        raise _malformed()
    note = read_note(value)
    return note, parse_heartbeat(note, deployment)


def parse_heartbeat(note: Note, deployment: str) -> Heartbeat:
    """Parse a heartbeat's text; the caller verifies its signature before or after.

    Raises:
        RefusedError: ``heartbeat_malformed``.
    """
    lines = note.text.split(b"\n")
    if len(lines) != 4 or lines[3] or lines[:2] != [HEADING.encode(), deployment.encode()]:
        raise _malformed()
    try:
        body = parse_json(lines[2])
        return _heartbeat(body, deployment)
    except (CanonicalError, NoteError, KeyError, TypeError, ValueError):
        raise _malformed() from None


def _heartbeat(body: object, deployment: str) -> Heartbeat:
    if not isinstance(body, dict) or body.keys() != _MEMBERS:
        raise ValueError
    log = body["log"]
    if not isinstance(body["heads"], list) or not isinstance(log, dict):
        raise TypeError
    if len(body["heads"]) > MAX_HEADS:
        raise ValueError
    if log.keys() != {"root", "size"}:
        raise ValueError
    heads: list[Head] = []
    for head in body["heads"]:
        if not isinstance(head, dict):
            raise TypeError
        if head.keys() != {"generation", "partition", "root", "size", "topic"}:
            raise ValueError
        heads.append(
            Head(
                _text(head["topic"]),
                _number(head["partition"]),
                _text(head["generation"]),
                _number(head["size"]),
                _hash(head["root"]),
            )
        )
    # One head for each partition: otherwise an agency could make readers store and request any
    # number.
    if any(_place(a)[:2] >= _place(b)[:2] for a, b in pairwise(heads)):
        raise ValueError
    agency = _text(body["agency"])
    for named in heads:  # a head whose name is not a valid origin could not be requested
        Origin(deployment, agency, named.topic, named.partition, named.generation).format()
        if named.size > MAX_LOG_SIZE:
            raise ValueError
    own = (_number(log["size"]), _hash(log["root"]))
    return Heartbeat(
        deployment,
        agency,
        _number(body["time"]),
        tuple(heads),
        own,
        _manifest(body["manifest"]),
        _registry(body["registry"]),
    )


def _manifest(body: object) -> NamedManifest:
    if not isinstance(body, dict) or body.keys() != {"delegation", "hash", "version"}:
        raise ValueError
    delegation, version = _number(body["delegation"]), _number(body["version"])
    if not delegation or not version:
        raise ValueError
    return NamedManifest(delegation, version, _hash(body["hash"]))


def _registry(body: object) -> tuple[RegistryHash, ...]:
    if not isinstance(body, list) or len(body) > REGISTRY_HASHES:
        raise ValueError
    found: list[RegistryHash] = []
    for one in body:
        if not isinstance(one, dict) or one.keys() != {"contract", "hash"}:
            raise ValueError
        found.append(RegistryHash(_hash(one["contract"]), _hash(one["hash"])))
    if any(a.contract >= b.contract for a, b in pairwise(found)):
        raise ValueError
    return tuple(found)


def _place(head: Head) -> tuple[str, int, str]:
    return head.topic, head.partition, head.generation


def withheld(
    heartbeat: Heartbeat, held: Mapping[tuple[str, int, str], int]
) -> tuple[tuple[Head, int], ...]:
    """Return heads above the received records: (head, stored records of that generation).

    Args:
        heartbeat: the sender's statement.
        held: (topic, partition, generation) -> stored size.
    """
    missing = []
    for head in heartbeat.heads:
        size = held.get((head.topic, head.partition, head.generation), 0)
        if head.size > size:
            missing.append((head, size))
    return tuple(missing)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _hash(value: object) -> bytes:
    raw = bytes.fromhex(_text(value))
    if len(raw) != HASH_BYTES or raw.hex() != value:
        raise ValueError
    return raw


def _malformed() -> RefusedError:
    return RefusedError(1, "heartbeat_malformed", "not a heartbeat in its canonical form")
