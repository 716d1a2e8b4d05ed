"""Types of the continuity check: position of a record, verdict, and look-ups (no rules).

The rules (docs/spec/streams.md) are in ``broker/judging/continuity.py`` within a generation and in
``broker/judging/generations.py`` between generations.
"""

from __future__ import annotations

from collections.abc import Mapping
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


Contradiction: TypeAlias = Literal[
    "roots",
    "overlap",
    "two_times",
    "time_order",
    "records",
    "history",
    "gap_end",
    "named_end",
    "link_root",
    "link_in_batch",
]
_CONTRADICTIONS: Mapping[Contradiction, str] = {
    "roots": "two roots were signed for one size",
    "overlap": "two signed batches overlap",
    "two_times": "one checkpoint was signed with two times",
    "time_order": "a larger checkpoint has an earlier time",
    "records": "one index has two different records",
    "history": "the record continues another history",
    "gap_end": "the records of a gap do not lead to the frontier after it",
    "named_end": "the records of a gap do not lead to the end that the successor names",
    "link_root": "a link names another root for a known size",
    "link_in_batch": "a link names a size inside of a batch",
}


class EquivocationError(ContinuityError):
    """Two signed statements of one sender contradict each other (equivocation).

    Both are evidence.

    Args:
        contradiction: kind of the contradiction.
        size: size of the log at which the statements differ.
    """

    def __init__(self, contradiction: Contradiction, size: int = 0) -> None:
        super().__init__("equivocation", _CONTRADICTIONS[contradiction])
        self.contradiction = contradiction
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
