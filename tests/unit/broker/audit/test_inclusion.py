"""A path under a later head, from whatever part of a log is held."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker.audit.inclusion import path_from
from broker.errors import ProofError
from broker.tlog.merkle import Frontier, leaf_hash, verify_inclusion

LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(9000)]


def from_base(base: int, lowest: list[int] | None = None):
    def leaves(start: int, stop: int) -> Sequence[bytes]:
        assert start >= base, "what lies below the base is not held"
        if lowest is not None:
            lowest.append(start)
        return LEAVES[start:stop]

    return leaves


def whole(start: int, stop: int) -> Sequence[bytes]:
    return LEAVES[start:stop]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_base_gives_the_path_of_the_whole_log(size: int) -> None:
    for base in range(size):
        frontier = Frontier().extend(LEAVES[:base])
        for index in range(base, size):
            found = path_from(frontier, from_base(base), index, size)
            assert found == path_from(Frontier(), whole, index, size), (base, index)


def test_a_long_log_is_read_in_parts() -> None:
    base, index, size = 100, 8900, 9000
    lowest: list[int] = []
    frontier = Frontier().extend(LEAVES[:base])
    path = path_from(frontier, from_base(base, lowest), index, size)
    root = Frontier().extend(LEAVES).root()
    verify_inclusion(LEAVES[index], index, size, path, root)
    assert min(lowest) == base


@pytest.mark.parametrize(("base", "index", "size"), [(0, 3, 3), (2, 1, 3), (0, -1, 3)])
def test_an_index_outside_of_what_is_known_is_refused(base: int, index: int, size: int) -> None:
    frontier = Frontier().extend(LEAVES[:base])
    with pytest.raises(ProofError) as caught:
        path_from(frontier, from_base(base), index, size)
    assert caught.value.code == "inclusion_invalid"


@pytest.mark.parametrize("missing", [3, 5, 7])
def test_missing_leaves_give_no_path(missing: int) -> None:
    def leaves(start: int, stop: int) -> Sequence[bytes]:
        return [LEAVES[at] for at in range(start, stop) if at != missing]

    with pytest.raises(ProofError) as caught:
        path_from(Frontier().extend(LEAVES[:3]), leaves, 6, 8)
    assert caught.value.code == "frontier_malformed"
