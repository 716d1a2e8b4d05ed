"""Streams of the vectors: honest ones, as a relay keeps them, and single records signed at will.

docs/spec/streams.md and proof.md. The salt of a generation is the only thing that is random here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.record import (
    Record,
)
from broker.sending.streams import Stream, append
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.generation_links import LINK_SALT_BYTES, GenerationLink, generation_name
from broker.tlog.merkle import EMPTY_ROOT, Frontier, append_batch, leaf_hash
from broker.tlog.note import NoteSigner
from broker.tlog.proof import format_proof
from tests.support.record_parts import FIRST_LINK, link_bytes, proof_of, record, with_proof
from tests.vectors.making.agencies import DEPLOYMENT, NOW, SECOND
from tests.vectors.making.ground import Ground


@dataclass
class Log:
    """A sender's partition. ``copy`` gives the same past another future."""

    ground: Ground
    label: str
    signer: NoteSigner
    stream: Stream
    now: int = NOW
    newest: GenerationRow | None = None
    last: GenerationRow | None = None
    opened: int = 0

    def restart(self, link: GenerationLink | None = None, opened: int | None = None) -> None:
        """Open another generation: an honest one, or one that names what it likes."""
        at = self.now if opened is None else opened
        for row in (self.last, self.newest):
            if row is not None and opened is None:
                at = max(at, int(row.name[:16], 16) + 1)
        self.opened += 1
        salt = self.ground.draw(LINK_SALT_BYTES, "salt", self.label, self.opened)
        if link is None and self.last is None:
            link = replace(FIRST_LINK, salt=salt)
        elif link is None:
            assert self.last is not None
            link = GenerationLink(self.last.name, self.last.size, self.last.root, salt)
        self.newest = GenerationRow(
            topic=self.stream.topic,
            partition=self.stream.partition,
            name=generation_name(self.stream.name, link, at),
            predecessor=link.name,
            predecessor_size=link.size,
            predecessor_root=link.root,
            extra=link_bytes(link),
            size=0,
            frontier=Frontier().to_bytes(),
            root=EMPTY_ROOT,
            log_time_s=0,
            opened_ms=at,
            trial=False,
        )

    def send(self, *values: bytes, at: int | None = None) -> list[Record]:
        """One batch under one checkpoint, signed at ``at``."""
        self.now = self.now if at is None else at
        if self.newest is None:
            self.restart()
        assert self.newest is not None
        row = replace(self.newest, log_time_s=0)  # times may fall here; a relay's may not
        self.newest, places = append(self.stream, row, values, self.signer, self.now)
        self.last = self.newest
        return [
            record(value, place.proof, self.stream.topic, self.stream.partition)
            for value, place in zip(values, places, strict=True)
        ]

    def one(self, value: bytes, at: int | None = None) -> Record:
        """A batch of one."""
        return self.send(value, at=at)[0]

    def copy(self) -> Log:
        """The same past."""
        return replace(self)

    @property
    def origin(self) -> str:
        """Of the newest generation."""
        assert self.newest is not None
        return f"{self.stream.name}/{self.newest.name}"


def altered_proof(original: Record, old: bytes, new: bytes) -> Record:
    """The record with one place of its proof changed."""
    before = proof_of(original)
    assert before.count(old) == 1, (old, before)
    return with_proof(original, before.replace(old, new))


def signed_record(
    value: bytes,
    signer: NoteSigner,
    topic: str,
    *,
    agency: str,
    origin: str | None = None,
    before: Sequence[bytes] = (),
    link: GenerationLink = FIRST_LINK,
    extra: bytes | None = None,
    opened: int = NOW,
    at: int = NOW,
    partition: int = 0,
    deployment: str = DEPLOYMENT,
) -> Record:
    """One record at the end of a log of one's own making, signed whatever it says.

    ``extra`` is what ``link`` gives if it is None, and left out if it is empty.
    """
    if origin is None:
        stream = f"{deployment}/{agency}/{topic}/{partition}"
        name = generation_name(stream, link, opened)
        origin = Origin(deployment, agency, topic, partition, name).format()
    leaves = [*(leaf_hash(one) for one in before), leaf_hash(value)]
    _, root, paths = append_batch(Frontier(), leaves)
    text = signed_checkpoint(signer, at // SECOND, Checkpoint(origin, len(leaves), root))
    named = link_bytes(link) if extra is None else extra
    proof = format_proof(len(before), paths[-1], text, None if before else named or None)
    return record(value, proof, topic, partition)
