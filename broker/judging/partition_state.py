"""State of one sender's partition at a reader, and its stored form.

``broker/judging/continuity.py`` computes on these frozen values; docs/spec/streams.md defines them.
The stored form has two parts: a *head* of JSON, small and readable in an incident, and one row for
each gap. A row holds only the nodes that the frontier before it lacks. Idle checks read only heads
(``Outline``), so their cost does not grow with the gaps.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from broker.errors import ProofError
from broker.tlog.merkle import HASH_BYTES, MAX_LOG_SIZE, Frontier
from contracts.values import value_class

FORMAT_VERSION: Final = 2

GapRow: TypeAlias = tuple[str, int, int, bytes]
"""(generation, first, last, body) of one gap, as stored."""

StoredState: TypeAlias = tuple[bytes, Sequence[GapRow]]
"""(head, gaps in ascending order): a whole state as stored."""


@value_class(frozen=True, slots=True)
class StoredCheckpoint:
    """A stored checkpoint: size, root, time in s, lowest index seen under it."""

    size: int
    root: bytes
    time: int
    lowest: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing indices first..last between two known frontiers.

    ``after`` is the frontier of [0, last + 1). If the gap runs to a generation's named end, it is
    None and ``root`` is the root to which the whole must fold.
    """

    first: int
    last: int
    before: Frontier
    after: Frontier | None
    root: bytes | None = None


@value_class(frozen=True, slots=True)
class Generation:
    """State of one generation.

    ``start`` is the first index adopted, ``size`` one above the highest taken, ``frontier`` that of
    [0, size). ``end`` is the size at which a successor closed it. ``linked`` tells whether its own
    index 0 was met or need not be (it is the reader's start). ``base`` is the frontier of [0,
    start) that was adopted there, without which no path to a later head can be shown
    (docs/spec/evidence.md); None where nothing lies before, or an earlier version began to read.
    ``passed`` tells that a later link passed over it. ``signer`` is the key id of the record by
    which it was first met; empty where only a link names it.
    """

    name: str
    start: int
    size: int
    frontier: Frontier
    latest: StoredCheckpoint
    gaps: tuple[Gap, ...] = ()
    end: int | None = None
    linked: bool = True
    base: Frontier | None = None
    passed: bool = False
    signer: bytes = b""

    def frontier_at(self, size: int) -> Frontier | None:
        """Return the frontier of [0, size), if known: at the head and at the edges of gaps."""
        if self.frontier.size == size:
            return self.frontier
        for gap in self.gaps:
            if gap.first == size:
                return gap.before
            if gap.last + 1 == size:
                return gap.after
        return None


@value_class(frozen=True, slots=True)
class PartitionState:
    """State of one sender's partition, across its generations."""

    newest: str
    start: str
    log_time: int
    generations: Mapping[str, Generation]
    stopped: bool = False

    def having(self, held: Generation, log_time: int) -> PartitionState:
        """Return the state with one generation replaced."""
        generations = {**self.generations, held.name: held}
        return PartitionState(self.newest, self.start, log_time, generations, self.stopped)


@dataclass(frozen=True, slots=True)
class GenerationOutline:
    """A generation without its frontiers; ``gaps`` is the number of open gaps."""

    name: str
    start: int
    size: int
    latest: StoredCheckpoint
    gaps: int
    end: int | None


@dataclass(frozen=True, slots=True)
class PartitionOutline:
    """A partition's state without its frontiers: enough for monitoring, and cheap to read."""

    newest: str
    start: str
    log_time: int
    generations: Mapping[str, GenerationOutline]
    stopped: bool


def receiptable(state: PartitionState | PartitionOutline) -> tuple[str, int, bytes] | None:
    """Return the (generation, size, root) that a receipt may state now, or None.

    The head must be a checkpoint's, the whole batch under it stored, and no gap open.
    """
    newest = state.generations[state.newest]
    if state.stopped or any(held.gaps for held in state.generations.values()):
        return None
    if newest.latest.size != newest.size:
        return None
    return newest.name, newest.size, newest.latest.root


# --- the stored form -----------------------------------------------------------------------------


def format_state(state: PartitionState) -> StoredState:
    """Return the whole state in its stored form."""
    rows = [row for held in state.generations.values() for row in _gap_rows(held)]
    return format_head(state), sorted(rows)


def format_head(state: PartitionState) -> bytes:
    """Return the state in its stored form, without its gaps."""
    return orjson.dumps(
        {
            "v": FORMAT_VERSION,
            "newest": state.newest,
            "start": state.start,
            "log_time": state.log_time,
            "stopped": state.stopped,
            "generations": [
                {
                    "name": held.name,
                    "start": held.start,
                    "size": held.size,
                    "frontier": _text(held.frontier.to_bytes()),
                    "latest": _format_checkpoint(held.latest),
                    "gaps": len(held.gaps),
                    "end": held.end,
                    "linked": held.linked,
                    "passed": held.passed,
                    "base": _text(held.base.to_bytes()) if held.base is not None else None,
                    "signer": held.signer.hex(),
                }
                for held in state.generations.values()
            ],
        }
    )


def changed_gaps(
    before: PartitionState | None, after: PartitionState
) -> tuple[list[tuple[str, int]], list[GapRow]]:
    """Return the changes of stored gaps from one state to another.

    Returns:
        (generation, first) of rows to remove, and rows to write. A row depends on the frontier that
        comes before it, so the row after a changed one may be written too.
    """
    removed: list[tuple[str, int]] = []
    written: list[GapRow] = []
    old = before.generations if before is not None else {}
    for name, held in old.items():
        if name not in after.generations:
            removed += [(name, gap.first) for gap in held.gaps]
    for name, held in after.generations.items():
        was = old.get(name)
        if was is not None and was.gaps is held.gaps:
            continue
        known = {gap.first: (gap, previous) for gap, previous in _chain(was)} if was else {}
        for gap, previous in _chain(held):
            same = known.pop(gap.first, None)
            if same is None or same[0] is not gap or same[1] != previous:
                written.append(_gap_row(name, gap, previous))
        removed += [(name, first) for first in known]
    return removed, written


def parse_state(stored: StoredState) -> PartitionState:
    """Parse the output of ``format_state``.

    Raises:
        ValueError: ``format_state`` of this version did not write it.
    """
    head, rows = stored
    try:
        found = _head(head)
        gaps: dict[str, list[GapRow]] = {}
        for row in rows:
            gaps.setdefault(row[0], []).append(row)
        generations = {
            held["name"]: _parse_generation(held, gaps.pop(held["name"], []))
            for held in found["generations"]
        }
        if gaps:
            raise ValueError("a gap of a generation that is not held")
        return PartitionState(
            found["newest"], found["start"], found["log_time"], generations, found["stopped"]
        )
    except (KeyError, TypeError, IndexError, ProofError) as error:
        raise ValueError("not a reader state") from error


def parse_outline(head: bytes) -> PartitionOutline:
    """Parse the head of a stored state.

    Raises:
        ValueError: ``format_head`` of this version did not write it.
    """
    try:
        found = _head(head)
        generations = {
            held["name"]: GenerationOutline(
                held["name"],
                held["start"],
                held["size"],
                _parse_checkpoint(held["latest"]),
                held["gaps"],
                held["end"],
            )
            for held in found["generations"]
        }
        return PartitionOutline(
            found["newest"], found["start"], found["log_time"], generations, found["stopped"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a reader state") from error


def _head(head: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(head)
    if found["v"] != FORMAT_VERSION:
        raise ValueError("a reader state of another version")
    return found


def _parse_generation(held: dict[str, Any], rows: list[GapRow]) -> Generation:
    base = _frontier(held["base"]) if held.get("base") is not None else None
    previous = base.hashes if base is not None else ()
    gaps: list[Gap] = []
    for _, first, last, body in rows:
        gap = _parse_gap(first, last, body, previous)
        gaps.append(gap)
        previous = _edge(gap)
    if len(gaps) != held["gaps"]:
        raise ValueError("a gap is missing")
    return Generation(
        held["name"],
        held["start"],
        held["size"],
        _frontier(held["frontier"]),
        _parse_checkpoint(held["latest"]),
        tuple(gaps),
        held["end"],
        held["linked"],
        base,
        held["passed"],
        bytes.fromhex(held["signer"]),
    )


def _format_checkpoint(checkpoint: StoredCheckpoint) -> list[object]:
    return [checkpoint.size, _text(checkpoint.root), checkpoint.time, checkpoint.lowest]


def _parse_checkpoint(stored: list[Any]) -> StoredCheckpoint:
    size, root, time, lowest = stored
    return StoredCheckpoint(size, b64decode(root, validate=True), time, lowest)


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _frontier(text: str) -> Frontier:
    return Frontier.from_bytes(b64decode(text, validate=True))


# --- a gap's row ---------------------------------------------------------------------------------

_Hashes: TypeAlias = tuple[bytes, ...]


def _chain(held: Generation) -> Iterator[tuple[Gap, _Hashes]]:
    """Yield each gap with the nodes of the frontier before it; its row holds the differences."""
    previous = held.base.hashes if held.base is not None else ()
    for gap in held.gaps:
        yield gap, previous
        previous = _edge(gap)


def _edge(gap: Gap) -> _Hashes:
    return gap.after.hashes if gap.after is not None else gap.before.hashes


def _gap_rows(held: Generation) -> list[GapRow]:
    return [_gap_row(held.name, gap, previous) for gap, previous in _chain(held)]


def _gap_row(name: str, gap: Gap, previous: _Hashes) -> GapRow:
    flags = (gap.after is not None) | (gap.root is not None) << 1
    body = bytes([flags]) + _difference(gap.before, previous)
    if gap.after is not None:
        body += _difference(gap.after, gap.before.hashes)
    return name, gap.first, gap.last, body + (gap.root or b"")


def _difference(frontier: Frontier, previous: _Hashes) -> bytes:
    """Return the size, the number of leading nodes that are the same, and the others."""
    shared = 0
    for mine, other in zip(frontier.hashes, previous, strict=False):
        if mine != other:
            break
        shared += 1
    nodes = b"".join(frontier.hashes[shared:])
    return frontier.size.to_bytes(8, "big") + bytes([shared]) + nodes


def _parse_gap(first: int, last: int, body: bytes, previous: _Hashes) -> Gap:
    flags = body[0]
    before, at = _parse_difference(body, 1, previous)
    after: Frontier | None = None
    if flags & 1:
        after, at = _parse_difference(body, at, before.hashes)
    root = body[at:] if flags & 2 else None
    if flags > 3 or len(body) != at + (HASH_BYTES if flags & 2 else 0):
        raise ValueError("not a stored gap")
    return Gap(first, last, before, after, root)


def _parse_difference(body: bytes, at: int, previous: _Hashes) -> tuple[Frontier, int]:
    size, shared = int.from_bytes(body[at : at + 8], "big"), body[at + 8]
    at += 9
    until = at + HASH_BYTES * (size.bit_count() - shared)
    if shared > len(previous) or not at <= until <= len(body) or size > MAX_LOG_SIZE:
        raise ValueError("not a stored frontier")
    nodes = tuple(body[here : here + HASH_BYTES] for here in range(at, until, HASH_BYTES))
    return Frontier(size, (*previous[:shared], *nodes)), until
