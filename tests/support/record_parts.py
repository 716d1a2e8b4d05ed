"""Parts of signed records, for tests and vectors: headers, proof, link of a generation."""

from __future__ import annotations

from dataclasses import replace

from broker.envelope.primitives import lp
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.tlog.generation_links import LINK_SALT_BYTES, GenerationLink
from broker.tlog.merkle import EMPTY_ROOT, leaf_hash

FIRST_LINK = GenerationLink("", 0, EMPTY_ROOT, bytes(LINK_SALT_BYTES))


def link_bytes(link: GenerationLink) -> bytes:
    """The ``extra`` of index 0."""
    return lp(link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt)


def record(
    value: bytes | None,
    proof: bytes | None,
    topic: str,
    partition: int = 0,
    content_type: bytes | None = SEALED_CONTENT_TYPE,
    offset: int = -1,
) -> Record:
    """A record with the two headers."""
    headers = ((CONTENT_TYPE_HEADER, content_type), (PROOF_HEADER, proof))
    return Record(topic, partition, headers, value, offset)


def as_leaf(original: Record) -> Record:
    """The same record as its sender replays it once the content is gone."""
    assert original.value is not None
    headers = tuple(
        (name, LEAF_CONTENT_TYPE if name == CONTENT_TYPE_HEADER else value)
        for name, value in original.headers
    )
    return replace(original, headers=headers, value=leaf_hash(original.value))


def proof_of(original: Record) -> bytes:
    """Its proof header."""
    found = dict(original.headers)[PROOF_HEADER]
    assert found is not None
    return found


def with_proof(original: Record, proof: bytes) -> Record:
    """The record under another proof."""
    return replace(
        original,
        headers=tuple((n, proof if n == PROOF_HEADER else v) for n, v in original.headers),
    )
