"""Row types of other senders' streams: states, leaves, checkpoints, receipts and heartbeats.

They are plain data as in `broker.store.rows`, with the same units of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.tlog.checkpoint import Place

LeafStatus: TypeAlias = Literal[
    "stored", "content_missing", "refused", "not_addressed", "superseded"
]
"""Outcome at one index of another sender's stream."""

Leaf: TypeAlias = tuple[int, bytes, LeafStatus]
"""(index, leaf hash, status)."""

Checkpointed: TypeAlias = tuple[int, bytes, int, int, bytes]
"""(size, root, time in s, lowest index seen under it, signed text)."""


GapRow: TypeAlias = tuple[str, int, int, bytes]
"""(generation, first, last, body): an open gap of another sender's generation."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """Changes to the state of one sender's partition.

    Attributes:
        head: the state without its gaps.
        bytes, gaps: amounts that count towards the sender's limit.
        removed: (generation, first) of gaps that no longer exist.
        written: new or changed gaps.
        stopped: whether a contradiction has stopped the stream.
    """

    head: bytes
    bytes: int
    gaps: int
    removed: Sequence[tuple[str, int]]
    written: Sequence[GapRow]
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A verified checkpoint of another sender's generation."""

    size: int
    root: bytes
    time_s: int
    lowest_index: int
    text: bytes


@dataclass(frozen=True, slots=True)
class DeferredRow:
    """The earliest position of one sender in one partition that could not be judged yet."""

    topic: str
    partition: int
    agency: str
    offset: int
    reason: str
    since_ms: int

    @property
    def place(self) -> Place:
        """Return the waiting stream of the sender."""
        return Place(self.agency, self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """Another agency's cosignature over a checkpoint (receipt)."""

    origin: str
    size: int
    root: bytes
    cosigner: str
    time_s: int
    text: bytes


@dataclass(frozen=True, slots=True)
class HeadsRow:
    """The head of an agency's disclosure log in its last heartbeat."""

    agency: str
    heard_ms: int
    log_size: int
    log_root: bytes


@dataclass(frozen=True, slots=True)
class NamedManifestRow:
    """The manifest that an agency's last heartbeat names, and what this agency lacks of it.

    Attributes:
        delegation, version, hash: the manifest.
        lacking_since_ms: by our clock, the first heartbeat that named a manifest we lacked; None if
            we had the one that the last heartbeat names.
        differs_contract: hash of an agreement of which it knows other delegations; None if none.
        differs_ours, differs_theirs: registry hashes of that agreement.
        differs_since_ms, differs_last_ms: by our clock, the first and the last heartbeat with a
            registry hash that differs.
    """

    agency: str
    delegation: int
    version: int
    hash: bytes
    lacking_since_ms: int | None = None
    differs_contract: bytes | None = None
    differs_ours: bytes | None = None
    differs_theirs: bytes | None = None
    differs_since_ms: int | None = None
    differs_last_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeptHeadRow:
    """A head that a kept heartbeat was the first to cover; ``key_id`` is of its ML-DSA-44 key."""

    agency: str
    topic: str
    partition: int
    generation: str
    size: int
    key_id: bytes
    time_ms: int
    heartbeat_id: int
