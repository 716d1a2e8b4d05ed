"""Malformed proof headers and trees: one for each rule of their form.

Each input breaks one rule only, so that no other check can hide a deleted one.
"""

from __future__ import annotations

import pytest

from broker.audit.inclusion import path_from, subtree_root
from broker.tlog.merkle import (
    Frontier,
    append_batch,
    left_nodes,
    verify_inclusion,
)
from broker.tlog.proof import MAX_PROOF_BYTES, format_proof, parse_proof
from tests.unit.broker.tlog.signed_inputs import (
    HASH,
    NODE,
    SIGNED,
    VERSION,
    Case,
    refuses,
)

CASES: list[Case] = [
    (
        lambda: format_proof(1, [], SIGNED, b"x"),
        "proof_malformed",
        "Not a proof header: only the first record of a log has extra data, and not empty ones.",
    ),
    (
        lambda: parse_proof(b"x" * (MAX_PROOF_BYTES + 1)),
        "proof_too_large",
        "A proof header has at most 4096 bytes.",
    ),
    (
        lambda: parse_proof(b"index 0\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: it is version, index, path, an empty line and a checkpoint.",
    ),
    (
        lambda: parse_proof(VERSION + b"extra YWdl\nindx 0\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: the index follows the version and the extra data.",
    ),
    (
        lambda: parse_proof(VERSION + b"index 00\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: the index is a decimal number.",
    ),
    (
        lambda: parse_proof(VERSION + b"extra YWdl\nindex 1\n" + NODE + b"\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: only the first record of a log has extra data.",
    ),
    (
        lambda: parse_proof(VERSION + b"extra YWd\nindex 0\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: extra data are canonical base64.",
    ),
    (
        lambda: parse_proof(VERSION + b"extra \nindex 0\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: extra data are not empty.",
    ),
    (
        lambda: parse_proof(VERSION + b"index 0\nn\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: the path is canonical base64.",
    ),
    (
        lambda: parse_proof(VERSION + b"index 0\nnode\n\n" + SIGNED),
        "proof_malformed",
        "Not a proof header: the path is base64 of 32-byte hashes.",
    ),
    (
        lambda: parse_proof(VERSION + b"index 0\n\n" + SIGNED[:-1]),
        "proof_malformed",
        "Not a signed note: a note is text, an empty line and signature lines, each ended.",
    ),
    (
        lambda: Frontier().append(b"short"),
        "frontier_malformed",
        "A leaf hash is 32 bytes.",
    ),
    (
        lambda: Frontier().extend([b"short"]),
        "frontier_malformed",
        "A leaf hash is 32 bytes.",
    ),
    (
        lambda: Frontier.from_bytes(b""),
        "frontier_malformed",
        "The stored bytes are not the frontier of a log.",
    ),
    (
        lambda: append_batch(Frontier(), []),
        "frontier_malformed",
        "A batch has at least one leaf.",
    ),
    (
        lambda: verify_inclusion(HASH, 0, 1, [], b"other"),
        "inclusion_invalid",
        "The proof does not show this leaf at this index under this checkpoint.",
    ),
    (
        lambda: left_nodes(1, []),
        "inclusion_invalid",
        "The proof does not show this leaf at this index under this checkpoint.",
    ),
    (
        lambda: subtree_root(lambda start, stop: [], 0, 1),
        "frontier_malformed",
        "Leaves of this log are missing.",
    ),
    (
        lambda: path_from(Frontier(), lambda start, stop: [HASH], 1, 1),
        "inclusion_invalid",
        "The log has no such index.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_each_malformed_proof_is_refused(case: Case) -> None:
    refuses(case)


def test_a_header_of_exactly_the_limit_is_read() -> None:
    nodes = next(
        count for count in range(4)
        if (MAX_PROOF_BYTES - len(format_proof(0, [HASH] * count, SIGNED, b"abc"))) % 4 == 0
    )  # fmt: skip
    room = MAX_PROOF_BYTES - len(format_proof(0, [HASH] * nodes, SIGNED, b"abc"))
    extra = b"x" * (3 + room // 4 * 3)
    header = format_proof(0, [HASH] * nodes, SIGNED, extra)
    assert len(header) == MAX_PROOF_BYTES
    assert parse_proof(header).extra == extra
