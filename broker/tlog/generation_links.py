"""Writer and parser of generation names and links (docs/spec/streams.md).

A sender's stream is a sequence of generations, each a separate log. Index 0 of a generation names
its predecessor's size and root. The generation's name contains a hash of this link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from broker.envelope.primitives import HASH_BYTES, lp, lp_parts, sha256
from broker.errors import ProofError
from broker.tlog.merkle import EMPTY_ROOT, MAX_LOG_SIZE

GENERATION: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{32}")
"""The form of a generation's name."""

LINK_SALT_BYTES: Final = 16

_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class GenerationLink:
    """Link in index 0: the predecessor's name, size and root, and 16 random bytes."""

    name: str
    size: int
    root: bytes
    salt: bytes


def generation_name(stream: str, link: GenerationLink, opened: int) -> str:
    """Return the name that a generation with this link must have.

    Args:
        stream: ``deployment/agency/topic/partition``.
        link: its predecessor and 16 random bytes.
        opened: opening time, ms.
    """
    digest = sha256(lp(b"concordant/1/generation", stream.encode(), *_parts_of(link)))
    return f"{opened:016x}-{digest.hex()[:32]}"


def opening_time(name: str) -> int:
    """Return a generation's stated opening time, milliseconds since the epoch."""
    return int(name[:16], 16)


def format_link(link: GenerationLink) -> bytes:
    """Return ``extra`` of index 0: lp(previous generation, be64 size, root, 16 random bytes)."""
    return lp(*_parts_of(link))


def parse_link(extra: bytes | None) -> GenerationLink:
    """The inverse of `format_link`.

    Raises:
        ProofError: `link_malformed`.
    """
    parts = lp_parts(extra, _PARTS) if extra is not None else None
    if (
        parts is None
        or len(parts) != _PARTS
        or len(parts[1]) != 8
        or len(parts[2]) != HASH_BYTES
        or len(parts[3]) != LINK_SALT_BYTES
        or not parts[0].isascii()
    ):
        raise _malformed("index 0 does not name a predecessor in the required form")
    link = GenerationLink(
        parts[0].decode("ascii"), int.from_bytes(parts[1], "big"), parts[2], parts[3]
    )
    first = link.name == ""
    if not first and GENERATION.fullmatch(link.name) is None:
        raise _malformed("the predecessor that index 0 names is not a generation")
    if link.size > MAX_LOG_SIZE:
        raise _malformed("the size is larger than a log can be")
    if first != (link.size == 0) or (first and link.root != EMPTY_ROOT):
        raise _malformed("a predecessor holds at least one record")
    return link


def _parts_of(link: GenerationLink) -> tuple[bytes, bytes, bytes, bytes]:
    return link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt


def _malformed(detail: str) -> ProofError:
    return ProofError(detail, code="link_malformed")
