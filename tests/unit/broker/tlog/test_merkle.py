from __future__ import annotations

import pytest

from broker.errors import ProofError
from broker.tlog.merkle import (
    EMPTY_ROOT,
    MAX_LOG_SIZE,
    Frontier,
    append_batch,
    fold,
    leaf_hash,
    left_nodes,
    node_hash,
    verify_inclusion,
    verify_inclusion_after,
)

# The eight entries and the roots of sizes 1 to 8 that Certificate Transparency has used since 2013
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def refused(code: str) -> pytest.RaisesExc[ProofError]:
    return pytest.RaisesExc(ProofError, check=lambda error: error.code == code)


def test_the_empty_log_has_the_hash_of_nothing() -> None:
    assert fold(Frontier()) == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_come_out_however_the_log_grew(size: int) -> None:
    one_by_one = Frontier()
    for leaf in LEAVES[:size]:
        one_by_one = one_by_one.append(leaf)
    batch, root, _ = append_batch(Frontier(), LEAVES[:size])
    assert one_by_one == batch == Frontier().extend(LEAVES[:size])
    assert one_by_one.root() == root == ROOTS[size - 1]


def test_extending_by_nothing_changes_nothing() -> None:
    frontier = Frontier().extend(LEAVES[:5])
    assert frontier.extend([]) == frontier


def test_a_batch_of_nothing_is_refused() -> None:
    with refused("frontier_malformed"):
        append_batch(Frontier(), [])


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_leaf_hash_of_another_length_never_enters_a_log(length: int) -> None:
    bad = b"x" * length
    with refused("frontier_malformed"):
        Frontier().append(bad)
    with refused("frontier_malformed"):
        Frontier().extend([LEAVES[0], bad])
    with refused("frontier_malformed"):
        append_batch(Frontier(), [LEAVES[0], bad])


def test_a_log_ends_at_its_largest_size() -> None:
    full = Frontier(MAX_LOG_SIZE, tuple(LEAVES[0] for _ in range(63)))
    with refused("frontier_malformed"):
        full.append(LEAVES[0])
    with refused("frontier_malformed"):
        full.extend(LEAVES[:1])
    with refused("frontier_malformed"):
        append_batch(full, LEAVES[:1])


def test_a_frontier_survives_storage() -> None:
    frontier = Frontier().extend(LEAVES[:7])
    assert Frontier.from_bytes(frontier.to_bytes()) == frontier
    assert Frontier.from_bytes(Frontier().to_bytes()) == Frontier()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        (1).to_bytes(8, "big"),
        (1).to_bytes(8, "big") + b"x" * 31,
        (1).to_bytes(8, "big") + b"x" * 33,
        (2**63).to_bytes(8, "big") + b"x" * 32,
    ],
)
def test_stored_bytes_that_are_not_a_frontier_are_refused(data: bytes) -> None:
    with refused("frontier_malformed"):
        Frontier.from_bytes(data)


# --- inclusion -----------------------------------------------------------------------------------


def test_a_lone_leaf_is_its_own_root() -> None:
    verify_inclusion(LEAVES[0], 0, 1, [], LEAVES[0])


def test_nothing_is_included_in_an_empty_log() -> None:
    for root in (EMPTY_ROOT, LEAVES[0]):
        with refused("inclusion_invalid"):
            verify_inclusion(LEAVES[0], 0, 0, [], root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (4, 3), (0, -1)])
def test_an_index_outside_the_log_is_refused(index: int, size: int) -> None:
    _, root, paths = append_batch(Frontier(), LEAVES[:3])
    with refused("inclusion_invalid"):
        verify_inclusion(LEAVES[0], index, size, paths[0], root)


def test_an_index_outside_the_log_is_refused_even_where_the_hashes_agree() -> None:
    leaf, left = LEAVES[:2]
    with refused("inclusion_invalid"):
        verify_inclusion(leaf, 1, 1, [left], node_hash(left, leaf))
    with refused("inclusion_invalid"):
        verify_inclusion(leaf, -1, 1, [left] * 2, node_hash(left, node_hash(left, leaf)))


def test_a_size_above_the_limit_is_refused_even_where_the_hashes_agree() -> None:
    size = MAX_LOG_SIZE + 1
    node = LEAVES[0]
    for _ in range(63):
        node = node_hash(node, LEAVES[1])
    with refused("inclusion_invalid"):
        verify_inclusion(LEAVES[0], 0, size, [LEAVES[1]] * 63, node)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_hashes_of_another_length_are_refused_even_where_a_signer_committed_to_them(
    length: int,
) -> None:
    odd = b"x" * length
    with refused("inclusion_invalid"):
        verify_inclusion(LEAVES[0], 0, 2, [odd], node_hash(LEAVES[0], odd))
    with refused("inclusion_invalid"):
        verify_inclusion(odd, 0, 2, [LEAVES[0]], node_hash(odd, LEAVES[0]))
    with refused("inclusion_invalid"):
        verify_inclusion(odd, 0, 1, [], odd)


def test_bytes_moved_from_the_sibling_to_the_leaf_are_refused() -> None:
    leaf, sibling = LEAVES[:2]
    with refused("inclusion_invalid"):
        verify_inclusion(leaf + sibling[:1], 0, 2, [sibling[1:]], node_hash(leaf, sibling))


def test_the_path_must_have_the_length_that_index_and_size_ask_for() -> None:
    _, root, paths = append_batch(Frontier(), LEAVES[:5])
    # Leaf 4 hangs directly below the root; the same hashes cannot be read as another shape
    assert len(paths[4]) == 1
    for path in ([], [paths[4][0], paths[4][0]], [b""]):
        with refused("inclusion_invalid"):
            verify_inclusion(LEAVES[4], 4, 5, path, root)
    with refused("inclusion_invalid"):
        verify_inclusion(LEAVES[4], 1, 2, [*paths[4], LEAVES[0]], root)


def test_a_known_neighbour_spares_hashing_but_hides_no_change() -> None:
    frontier, root, paths = append_batch(Frontier(), LEAVES)
    size = frontier.size
    first = verify_inclusion_after(LEAVES[2], 2, size, paths[2], root, previous=None)
    again = verify_inclusion_after(LEAVES[3], 3, size, paths[3], root, previous=first)
    assert again == verify_inclusion_after(LEAVES[3], 3, size, paths[3], root, previous=None)
    altered = (*paths[3][:2], LEAVES[0])
    with refused("inclusion_invalid"):
        verify_inclusion_after(LEAVES[3], 3, size, altered, root, previous=first)
    with refused("inclusion_invalid"):
        verify_inclusion_after(LEAVES[4], 3, size, paths[3], root, previous=first)
    with refused("inclusion_invalid"):
        verify_inclusion_after(LEAVES[3], 3, size, paths[3], ROOTS[0], previous=first)


@pytest.mark.parametrize("size", range(1, 9))
def test_any_leaf_may_follow_any_other(size: int) -> None:
    _, root, paths = append_batch(Frontier(), LEAVES[:size])
    alone = [
        verify_inclusion_after(LEAVES[index], index, size, path, root, previous=None)
        for index, path in enumerate(paths)
    ]
    for first in alone:
        for index, path in enumerate(paths):
            after = verify_inclusion_after(LEAVES[index], index, size, path, root, previous=first)
            assert after == alone[index]


def test_the_same_leaf_again_needs_no_hash_and_another_leaf_there_is_refused() -> None:
    _, root, paths = append_batch(Frontier(), LEAVES)
    known = verify_inclusion_after(LEAVES[5], 5, 8, paths[5], root, previous=None)
    assert verify_inclusion_after(LEAVES[5], 5, 8, paths[5], root, previous=known) == known
    with refused("inclusion_invalid"):
        verify_inclusion_after(LEAVES[6], 5, 8, paths[5], root, previous=known)


# --- left-hand nodes ---


@pytest.mark.parametrize("size", range(1, 9))
def test_the_left_of_a_path_is_the_frontier_before_its_leaf(size: int) -> None:
    _, _, paths = append_batch(Frontier(), LEAVES[:size])
    for index, path in enumerate(paths):
        assert left_nodes(index, path) == Frontier().extend(LEAVES[:index]).hashes


def test_a_path_too_short_for_its_index_has_no_left() -> None:
    with refused("inclusion_invalid"):
        left_nodes(3, LEAVES[:1])
