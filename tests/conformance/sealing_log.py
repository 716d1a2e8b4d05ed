"""A sender's stream: appended values, signed checkpoints, records (docs/spec/streams.md, "Sending";
proof.md; opening.md, "Files").
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.conformance import proofs
from tests.conformance.conventions import be, lp, sha256
from tests.conformance.merkle import EMPTY_ROOT, leaf_hash, node_hash
from tests.conformance.notes import COSIGNATURE, Line, NoteKey, cosigned
from tests.conformance.proofs import Link, Origin, Proof
from tests.conformance.records import SEALED

MAX_BATCH = 512


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:split]), root_of(leaves[split:]))


def path_of(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) < 2:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, leaves[:split]), root_of(leaves[split:])]
    return [*path_of(index - split, leaves[split:]), root_of(leaves[:split])]


@dataclass(slots=True)
class Log:
    """One partition of one topic, with its newest generation. `name` is `deployment/agency`."""

    name: str
    topic: str
    partition: int
    key: Ed25519PrivateKey
    generation: str = ""
    _leaves: list[bytes] = field(default_factory=list)
    _extra: bytes = b""
    _time: int = 0

    def open(self, now: int) -> None:
        """A new generation, which names the last one that holds a record; `now` in ms."""
        last = Link(self.generation, len(self._leaves), root_of(self._leaves), os.urandom(16))
        stream = f"{self.name}/{self.topic}/{self.partition}"
        elements = (last.name, be(last.size, 8), last.root, last.random)
        begun = max(now, int(last.name[:16], 16) + 1) if last.name else now
        named = sha256(lp("concordant/1/generation", stream, *elements)).hex()[:32]
        self.generation, self._extra, self._leaves = f"{begun:016x}-{named}", lp(*elements), []

    def append(self, values: Sequence[bytes], now: int) -> list[bytes]:
        """A batch under one checkpoint; the lines of its records."""
        assert 1 <= len(values) <= MAX_BATCH
        self._time = max(self._time, now // 1000)
        begins = len(self._leaves)
        self._leaves += [leaf_hash(value) for value in values]
        origin = f"{self.name}/{self.topic}/{self.partition}/{self.generation}"
        root = root_of(self._leaves)
        text = f"{origin}\n{len(self._leaves)}\n{base64.b64encode(root).decode()}\n"
        cosignature = be(self._time, 8) + self.key.sign(cosigned(text, self._time))
        note_key = NoteKey(self.name, COSIGNATURE, self.key.public_key().public_bytes_raw())
        line = Line(self.name, note_key.key_id, cosignature)
        return [
            self._record(value, self._proof(index, root, text, line))
            for index, value in enumerate(values, begins)
        ]

    def _proof(self, index: int, root: bytes, text: str, line: Line) -> str:
        deployment, agency = self.name.split("/")
        return proofs.serialise(
            Proof(
                index=index,
                path=tuple(path_of(index, self._leaves)),
                origin=Origin(deployment, agency, self.topic, self.partition, self.generation),
                size=len(self._leaves),
                root=root,
                checkpoint=text,
                cosignature=line,
                extra=self._extra if index == 0 else None,
            )
        )

    def _record(self, value: bytes, proof: str) -> bytes:
        record = {
            "topic": self.topic,
            "partition": self.partition,
            "headers": {"content-type": SEALED.decode(), "proof": proof},
            "value": base64.b64encode(value).decode(),
        }
        return json.dumps(record).encode()
