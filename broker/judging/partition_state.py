"""What a reader holds of one sender's partition, and its form in the store.

Frozen values that ``broker/judging/continuity.py`` computes from; see docs/spec/streams.md
for what each means. The stored form is JSON with hashes in hex: small, readable in an incident, and
versioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from broker.tlog.errors import ProofError
from broker.tlog.merkle import Frontier
from contracts.values import value_class

FORMAT_VERSION: Final = 1

Place = tuple[str, str, int]
"""Whose partition: (agency, topic, partition)."""


@value_class(frozen=True, slots=True)
class Kept:
    """A checkpoint that this reader keeps: size, root, time in s, lowest index seen under it."""

    size: int
    root: bytes
    time: int
    lowest: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Indices first..last that were not met, between two known frontiers.

    ``after`` is the frontier of [0, last + 1); where the gap runs to a generation's named end it is
    None and ``root`` is the root that the whole must fold to.
    """

    first: int
    last: int
    before: Frontier
    after: Frontier | None
    root: bytes | None = None


@value_class(frozen=True, slots=True)
class Generation:
    """What is held of one generation.

    ``start`` is the first index adopted, ``size`` one above the highest taken, ``frontier`` that of
    [0, size). ``end`` is the size at which a successor closed it. ``linked`` tells whether its own
    index 0 was met or need not be (it is the reader's start). ``base`` is the frontier of
    [0, start) that was adopted there, without which no path to a later head can be shown
    (docs/spec/evidence.md); None where nothing lies before, or an earlier version began to read.
    """

    name: str
    start: int
    size: int
    frontier: Frontier
    latest: Kept
    gaps: tuple[Gap, ...] = ()
    end: int | None = None
    linked: bool = True
    base: Frontier | None = None


@value_class(frozen=True, slots=True)
class PartitionState:
    """What is held of one sender's partition, across its generations."""

    newest: str
    start: str
    log_time: int
    generations: Mapping[str, Generation]
    stopped: bool = False


def receiptable(state: PartitionState) -> tuple[str, int, bytes] | None:
    """The (generation, size, root) that a receipt may state now, or None (docs/spec/receipts.md).

    The head must be a checkpoint's, the whole batch under it here, and no gap open.
    """
    newest = state.generations[state.newest]
    if state.stopped or any(held.gaps for held in state.generations.values()):
        return None
    if newest.latest.size != newest.size:
        return None
    return newest.name, newest.size, newest.latest.root


def format_state(state: PartitionState) -> bytes:
    """The state as stored."""
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
                    "frontier": held.frontier.to_bytes().hex(),
                    "latest": _format_kept(held.latest),
                    "gaps": [_format_gap(gap) for gap in held.gaps],
                    "end": held.end,
                    "linked": held.linked,
                    "base": held.base.to_bytes().hex() if held.base is not None else None,
                }
                for held in state.generations.values()
            ],
        }
    )


def parse_state(data: bytes) -> PartitionState:
    """The inverse of ``format_state``.

    Raises:
        ValueError: not what ``format_state`` of this version writes.
    """
    try:
        stored = orjson.loads(data)
        if stored["v"] != FORMAT_VERSION:
            raise ValueError("a reader state of another version")
        generations = {
            held["name"]: Generation(
                held["name"],
                held["start"],
                held["size"],
                _frontier(held["frontier"]),
                _parse_kept(held["latest"]),
                tuple(_parse_gap(gap) for gap in held["gaps"]),
                held["end"],
                held["linked"],
                _frontier(held["base"]) if held.get("base") is not None else None,
            )
            for held in stored["generations"]
        }
        return PartitionState(
            stored["newest"], stored["start"], stored["log_time"], generations, stored["stopped"]
        )
    except (KeyError, TypeError, ProofError) as error:
        raise ValueError("not a reader state") from error


def _format_kept(kept: Kept) -> list[object]:
    return [kept.size, kept.root.hex(), kept.time, kept.lowest]


def _parse_kept(stored: list[Any]) -> Kept:
    size, root, time, lowest = stored
    return Kept(size, bytes.fromhex(root), time, lowest)


def _format_gap(gap: Gap) -> list[object]:
    return [
        gap.first,
        gap.last,
        gap.before.to_bytes().hex(),
        gap.after.to_bytes().hex() if gap.after is not None else None,
        gap.root.hex() if gap.root is not None else None,
    ]


def _parse_gap(stored: list[Any]) -> Gap:
    first, last, before, after, root = stored
    return Gap(
        first,
        last,
        _frontier(before),
        _frontier(after) if after is not None else None,
        bytes.fromhex(root) if root is not None else None,
    )


def _frontier(text: str) -> Frontier:
    return Frontier.from_bytes(bytes.fromhex(text))
