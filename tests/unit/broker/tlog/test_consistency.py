from __future__ import annotations

import pytest

from broker.tlog.consistency import (
    consistency_proof,
    inclusion_proof,
    subtree_root,
    verify_consistency,
)
from broker.tlog.errors import ProofError
from broker.tlog.merkle import (
    EMPTY_ROOT,
    MAX_LOG_SIZE,
    Frontier,
    append_batch,
    leaf_hash,
    node_hash,
    verify_inclusion,
)

LEAVES = [leaf_hash(bytes([number])) for number in range(33)]
GARBAGE = leaf_hash(b"garbage")


def root(size: int) -> bytes:
    return Frontier().extend(LEAVES[:size]).root()


def source(start: int, stop: int) -> list[bytes]:
    return LEAVES[start:stop]


def refused(code: str) -> pytest.RaisesExc[ProofError]:
    return pytest.RaisesExc(ProofError, check=lambda error: error.code == code)


def test_every_older_head_is_consistent_with_every_newer_one() -> None:
    for new in range(len(LEAVES) + 1):
        for old in range(new + 1):
            proof = consistency_proof(source, old, new)
            verify_consistency(old, root(old), new, root(new), proof)


def test_a_fork_is_consistent_with_nothing() -> None:
    forked = Frontier().extend([*LEAVES[:4], GARBAGE, *LEAVES[5:9]]).root()
    with refused("consistency_invalid"):
        verify_consistency(6, root(6), 9, forked, consistency_proof(source, 6, 9))


def test_paths_from_stored_leaves_are_those_of_the_batch() -> None:
    for size in range(1, len(LEAVES) + 1):
        _, top, paths = append_batch(Frontier(), LEAVES[:size])
        for index, path in enumerate(paths):
            assert inclusion_proof(source, index, size) == path
            verify_inclusion(LEAVES[index], index, size, path, top)


def test_a_long_log_is_read_in_chunks() -> None:
    asked: list[int] = []

    def one_leaf_many_times(start: int, stop: int) -> list[bytes]:
        asked.append(stop - start)
        return [GARBAGE] * (stop - start)

    expected = GARBAGE
    for _ in range(13):
        expected = node_hash(expected, expected)
    assert subtree_root(one_leaf_many_times, 0, 2**13) == expected
    assert len(asked) > 1


def test_missing_leaves_are_noticed() -> None:
    with refused("frontier_malformed"):
        subtree_root(source, 0, len(LEAVES) + 1)


def test_a_proof_is_only_made_for_what_the_log_holds() -> None:
    for index, size in ((-1, 3), (3, 3), (0, 0)):
        with refused("inclusion_invalid"):
            inclusion_proof(source, index, size)
    for old, new in ((4, 3), (-1, 3)):
        with refused("consistency_invalid"):
            consistency_proof(source, old, new)


def test_equal_sizes_need_equal_roots_and_no_proof() -> None:
    verify_consistency(5, root(5), 5, root(5), [])
    with refused("consistency_invalid"):
        verify_consistency(5, root(5), 5, GARBAGE, [])
    with refused("consistency_invalid"):
        verify_consistency(5, root(5), 5, root(5), [GARBAGE])


def test_the_empty_log_has_one_root() -> None:
    verify_consistency(0, EMPTY_ROOT, 7, root(7), [])
    for old_root, new, new_root in (
        (GARBAGE, 7, root(7)),
        (GARBAGE, 0, GARBAGE),
        (EMPTY_ROOT, 0, GARBAGE),
    ):
        with refused("consistency_invalid"):
            verify_consistency(0, old_root, new, new_root, [])
    with refused("consistency_invalid"):
        verify_consistency(0, EMPTY_ROOT, 7, root(7), [GARBAGE])


def test_a_log_does_not_shrink() -> None:
    with refused("consistency_invalid"):
        verify_consistency(5, root(5), 4, root(4), consistency_proof(source, 4, 5))


def test_an_empty_proof_proves_nothing() -> None:
    for old in (3, 4):
        with refused("consistency_invalid"):
            verify_consistency(old, root(old), 5, root(5), [])


def test_a_proof_with_one_node_too_many_is_refused_even_where_the_roots_agree() -> None:
    proof = [*consistency_proof(source, 3, 7), GARBAGE]
    roots = (node_hash(GARBAGE, root(3)), node_hash(GARBAGE, root(7)))
    with refused("consistency_invalid"):
        verify_consistency(3, roots[0], 7, roots[1], proof)


def test_a_proof_of_a_smaller_head_does_not_serve_for_a_larger_size() -> None:
    with refused("consistency_invalid"):
        verify_consistency(3, root(3), 8, root(4), consistency_proof(source, 3, 4))


def test_either_root_must_agree() -> None:
    proof = consistency_proof(source, 6, 8)
    with refused("consistency_invalid"):
        verify_consistency(6, root(5), 8, root(8), proof)
    with refused("consistency_invalid"):
        verify_consistency(6, root(6), 8, root(7), proof)


def test_nodes_of_another_length_are_refused_even_where_the_roots_agree() -> None:
    odd = b"x" * 31
    with refused("consistency_invalid"):
        verify_consistency(1, GARBAGE, 2, node_hash(GARBAGE, odd), [odd])
    with refused("consistency_invalid"):
        verify_consistency(1, odd, 1, odd, [])


def test_a_size_above_the_limit_is_refused() -> None:
    size = MAX_LOG_SIZE + 1
    with refused("consistency_invalid"):
        verify_consistency(size, GARBAGE, size, GARBAGE, [])
