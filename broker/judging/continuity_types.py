"""Types of the continuity check: position of a record, verdict, and look-ups (no rules).

The rules (docs/spec/streams.md) are in ``broker/judging/continuity.py`` within a generation and in
``broker/judging/generations.py`` between generations.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Protocol, TypeAlias

from broker.judging.partition_state import PartitionState, StoredCheckpoint
from broker.tlog.checkpoint import Place
from broker.tlog.generation_links import GenerationLink
from contracts.values import value_class

Verdict: TypeAlias = Literal["start", "next", "jump", "link", "fill", "repeat", "before_start"]


Relief: TypeAlias = tuple[tuple[Place, PartitionState], ...]
"""Smaller states of a sender's partitions: what goes first when its limit is reached."""


class ContinuityError(Exception):
    """A record does not fit into the stream; ``code`` is one of docs/spec/opening.md, step 4."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class EquivocationError(ContinuityError):
    """Two signed statements of one sender contradict each other (equivocation).

    Both are evidence.
    """

    def __init__(self, detail: str, size: int = 0) -> None:
        super().__init__("equivocation", detail)
        self.size = size


@value_class(frozen=True, slots=True)
class LogPosition:
    """Verified log position of a record (steps 1 to 3)."""

    generation: str
    index: int
    leaf: bytes
    left: tuple[bytes, ...]
    size: int
    root: bytes
    log_time: int
    link: GenerationLink | None
    leaf_only: bool = False
    signer: bytes = b""
    """The key id of the signature line."""

    def checkpoint(self) -> StoredCheckpoint:
        """Return the record's checkpoint in its stored form."""
        return StoredCheckpoint(self.size, self.root, self.log_time, self.index)


@value_class(frozen=True, slots=True)
class Placement:
    """The verdict on a record and the state after it.

    Attributes:
        verdict: see docs/spec/streams.md.
        state: the state after the record.
        gap: the gap that this record revealed, (generation, first, last), or None.
        alarms: codes for the operator, for example ``rollback``.
        checkpoints: checkpoints to store: (generation, StoredCheckpoint).
        relief: what had to go first to make room for it.
    """

    verdict: Verdict
    state: PartitionState
    gap: tuple[str, int, int] | None = None
    alarms: tuple[str, ...] = ()
    checkpoints: tuple[tuple[str, StoredCheckpoint], ...] = field(default=())
    relief: Relief = ()


class StreamHistory(Protocol):
    """Look-ups in the history of one sender's partition."""

    def leaf(self, generation: str, index: int) -> tuple[bytes, bool] | None:
        """Return (leaf, whether its content is missing) of an accepted index."""

    def above(self, generation: str, index: int) -> StoredCheckpoint | None:
        """Return the stored checkpoint of the smallest size above ``index``."""

    def below(self, generation: str, size: int) -> StoredCheckpoint | None:
        """Return the stored checkpoint of the largest size below ``size``."""

    def at(self, generation: str, size: int) -> StoredCheckpoint | None:
        """Return the stored checkpoint of exactly that size."""
