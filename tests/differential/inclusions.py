"""Inclusion paths, true and altered, and the frontier that each shows (RFC 9162; streams.md).

The product remembers the last path of a log to verify the next one with less work; the second
reader remembers nothing. Records of several batches, of a second history and with altered leaves,
indices, sizes, paths and roots come in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from broker.errors import ProofError
from broker.tlog.merkle import (
    Frontier,
    VerifiedPath,
    append_batch,
    left_nodes,
    verify_inclusion,
    verify_inclusion_after,
)
from tests.conformance import merkle
from tests.differential.comparison import REFUSED, Comparison, Family
from tests.differential.histories import drawn


@dataclass(frozen=True)
class Place:
    """Input of step 3 about a record."""

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    root: bytes


def _log(rng: Random, history: str) -> list[Place]:
    frontier, places = Frontier(), []
    for _ in range(rng.randint(1, 4)):
        first = frontier.size
        leaves = [drawn(history, first + at) for at in range(rng.choice((1, 1, 2, 5, 9)))]
        frontier, root, paths = append_batch(frontier, leaves)
        places += [
            Place(leaf, at, frontier.size, tuple(path), root)
            for at, (leaf, path) in enumerate(zip(leaves, paths, strict=True), first)
        ]
    return places


def _altered(place: Place, other: Place, rng: Random) -> Place:
    path = list(place.path)
    how = rng.randrange(9)
    if how == 0:
        return replace(place, leaf=other.leaf)
    if how == 1:
        return replace(place, index=rng.choice((other.index, place.index ^ 1, place.size, 2**40)))
    if how == 2:
        return replace(place, size=rng.choice((other.size, place.size + 1, place.size * 2, 2**40)))
    if how == 3:
        return replace(place, root=other.root)
    if how == 4:
        return replace(place, size=other.size, root=other.root)
    if how == 5:
        path = path[1:] if rng.random() < 0.5 else path[:-1]
    elif how == 6:
        path.insert(rng.randint(0, len(path)), rng.choice((place.leaf, place.root, *other.path)))
    elif how == 7:
        rng.shuffle(path)
    else:
        path = list(other.path)
    return replace(place, path=tuple(path))


def _product(place: Place, previous: VerifiedPath | None) -> tuple[object, VerifiedPath | None]:
    parts = (place.leaf, place.index, place.size, place.path, place.root)
    try:
        path = verify_inclusion_after(*parts, previous=previous)
        return left_nodes(place.index, place.path), path
    except ProofError:
        return REFUSED, previous


def _alone(place: Place) -> object:
    try:
        verify_inclusion(place.leaf, place.index, place.size, place.path, place.root)
        return left_nodes(place.index, place.path)
    except ProofError:
        return REFUSED


def _second(place: Place) -> object:
    walked = merkle.follow(place.leaf, place.index, place.size, place.path)
    if walked is None or walked[0] != place.root:
        return REFUSED
    return tuple(walked[1][at] for at in sorted(walked[1]))


def compare(rng: Random) -> Comparison:
    """The records of one or two histories of one log, in some order."""
    places = [place for name in ("a", "b")[: rng.randint(1, 2)] for place in _log(rng, name)]
    if rng.random() < 0.5:
        rng.shuffle(places)
    previous: VerifiedPath | None = None
    reached: list[str] = []
    for place in places:
        told = _altered(place, rng.choice(places), rng) if rng.random() < 0.4 else place
        ours, previous = _product(told, previous)
        reached.append(REFUSED if ours == REFUSED else "included")
        answers, theirs = (ours, _alone(told)), _second(told)
        if answers != (theirs, theirs):
            return Comparison(answers, (theirs, theirs), (told, previous), tuple(reached))
    return Comparison("", "", len(places), tuple(reached))


FAMILIES = (Family("inclusion paths", compare, 100),)
