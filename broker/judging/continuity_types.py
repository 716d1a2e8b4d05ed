"""The terms in which a record's place is discussed: facts, links, verdicts and what is looked up.

docs/spec/streams.md. Shared by ``broker/judging/continuity.py`` (within a generation) and
``broker/judging/generations.py`` (between generations).
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Protocol, TypeAlias

from broker.judging.partition_state import Generation, PartitionState, StoredCheckpoint
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import Frontier
from contracts.values import value_class

Verdict: TypeAlias = Literal["start", "next", "jump", "link", "fill", "repeat", "before_start"]


class ContinuityError(Exception):
    """A record does not fit; ``code`` is one of docs/spec/opening.md, step 4."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class EquivocationError(ContinuityError):
    """Two signed statements of one sender contradict each other; both are evidence."""

    def __init__(self, detail: str, size: int = 0) -> None:
        super().__init__("equivocation", detail)
        self.size = size


@value_class(frozen=True, slots=True)
class LogPosition:
    """What steps 1 to 3 established of a record."""

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


@value_class(frozen=True, slots=True)
class Placement:
    """The verdict on a record and the state after it.

    Attributes:
        verdict: see docs/spec/streams.md.
        state: the state after the record.
        gap: the gap that this record revealed, (generation, first, last), or None.
        alarms: codes for the operator, for example ``rollback``.
        kept: checkpoints to keep: (generation, StoredCheckpoint).
    """

    verdict: Verdict
    state: PartitionState
    gap: tuple[str, int, int] | None = None
    alarms: tuple[str, ...] = ()
    kept: tuple[tuple[str, StoredCheckpoint], ...] = field(default=())


class StreamHistory(Protocol):
    """What the reader can look up of the past of one sender's partition."""

    def leaf(self, generation: str, index: int) -> tuple[bytes, bool] | None:
        """(leaf, whether its content is missing) of an index that was taken."""

    def above(self, generation: str, index: int) -> StoredCheckpoint | None:
        """The kept checkpoint of the smallest size above ``index``."""

    def below(self, generation: str, size: int) -> StoredCheckpoint | None:
        """The kept checkpoint of the largest size below ``size``."""

    def at(self, generation: str, size: int) -> StoredCheckpoint | None:
        """The kept checkpoint of exactly that size."""


def kept_of(fact: LogPosition) -> StoredCheckpoint:
    """The checkpoint of a record, as it is kept."""
    return StoredCheckpoint(fact.size, fact.root, fact.log_time, fact.index)


def with_generation(state: PartitionState, held: Generation, log_time: int) -> PartitionState:
    """The state with one generation as it is now."""
    generations = {**state.generations, held.name: held}
    return PartitionState(state.newest, state.start, log_time, generations, state.stopped)


def refuse_leaf(fact: LogPosition) -> None:
    """Raises ContinuityError(``leaf_not_wanted``) for a leaf replay."""
    if fact.leaf_only:
        raise ContinuityError("leaf_not_wanted", "a leaf replay is taken only to fill a gap")


def frontier_at(held: Generation, size: int) -> Frontier | None:
    """The frontier of [0, size), where this reader knows it: its head and the edges of gaps."""
    if held.frontier.size == size:
        return held.frontier
    for gap in held.gaps:
        if gap.first == size:
            return gap.before
        if gap.last + 1 == size:
            return gap.after
    return None


def require_root(frontier: Frontier | None, root: bytes) -> None:
    """Raises EquivocationError if the sender signed another root for a frontier that is known."""
    if frontier is not None and frontier.root() != root:
        raise EquivocationError("one size has two roots", frontier.size)
