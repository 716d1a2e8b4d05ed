"""Records of a stream: as an honest relay signs them, and signed whatever they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from broker.record import (
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.sending.streams import Stream, append, open_generation
from broker.store.rows import GenerationRow
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.generation_links import GenerationLink, generation_name
from broker.tlog.merkle import Frontier, append_batch, leaf_hash
from broker.tlog.note import NoteSigner
from broker.tlog.proof import format_proof
from tests.support import record_parts
from tests.support.founded_partnership import (
    NOW,
    POLICE,
    SECOND,
    founded,
)
from tests.support.record_parts import FIRST_LINK, link_bytes


@dataclass
class Log:
    """A sender's stream, kept as an honest relay keeps it."""

    agency: str = POLICE
    logical: str = "a"
    partition: int = 0
    now: int = NOW
    newest: GenerationRow | None = None
    last: GenerationRow | None = None
    signer: NoteSigner | None = None

    @property
    def topic(self) -> str:
        return founded().topic(self.logical)

    @property
    def stream(self) -> Stream:
        return Stream(founded().deployment, self.agency, self.topic, self.partition)

    def restart(self) -> None:
        self.newest = open_generation(self.stream, self.last, self.newest, self.now)

    def send(self, *values: bytes, at: int | None = None) -> list[Record]:
        """One batch under one checkpoint."""
        self.now = self.now if at is None else at
        if self.newest is None:
            self.restart()
        assert self.newest is not None
        signer = self.signer or founded().cosigner(self.agency)
        self.newest, places = append(self.stream, self.newest, values, signer, self.now)
        self.last = self.newest
        return [
            record(value, place.proof, self.topic, self.partition)
            for value, place in zip(values, places, strict=True)
        ]

    def send_one(self, value: bytes, at: int | None = None) -> Record:
        return self.send(value, at=at)[0]

    def copy(self) -> Log:
        """The same past, another future."""
        return replace(self)


def record(
    value: bytes | None,
    proof: bytes | None,
    topic: str | None = None,
    partition: int = 0,
    content_type: bytes | None = SEALED_CONTENT_TYPE,
    offset: int = -1,
) -> Record:
    """A record with the two headers, of the first topic if none is named."""
    at = topic or founded().topic()
    return record_parts.record(value, proof, at, partition, content_type, offset)


def stream_name(agency: str = POLICE, logical: str = "a", partition: int = 0) -> str:
    world = founded()
    return f"{world.deployment}/{agency}/{world.topic(logical)}/{partition}"


def generation(link: GenerationLink = FIRST_LINK, opened: int = NOW, agency: str = POLICE) -> str:
    return generation_name(stream_name(agency), link, opened)


def signed_record(
    value: bytes,
    *,
    agency: str = POLICE,
    origin: str | None = None,
    before: Sequence[bytes] = (),
    extra: bytes | None = link_bytes(FIRST_LINK),
    link: GenerationLink | None = None,
    signer: NoteSigner | None = None,
    at: int = NOW,
    topic: str | None = None,
    partition: int = 0,
) -> Record:
    """One record at the end of a log of one's own making, signed whatever it says."""
    world = founded()
    if link is not None:
        extra = link_bytes(link)
    if origin is None:
        name = generation(link or FIRST_LINK, agency=agency)
        origin = Origin(world.deployment, agency, world.topic(), partition, name).format()
    leaves = [*(leaf_hash(one) for one in before), leaf_hash(value)]
    _, root, paths = append_batch(Frontier(), leaves)
    key = signer or world.cosigner(agency)
    text = signed_checkpoint(key, at // SECOND, Checkpoint(origin, len(leaves), root))
    proof = format_proof(len(before), paths[-1], text, None if before else extra)
    return record(value, proof, topic or world.topic(), partition)
