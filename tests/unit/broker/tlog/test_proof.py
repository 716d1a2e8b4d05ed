from __future__ import annotations

from base64 import b64encode

import pytest

from broker.errors import ProofError
from broker.tlog.checkpoint import Checkpoint
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.merkle import Frontier, append_batch, leaf_hash, verify_inclusion
from broker.tlog.note import NoteSigner
from broker.tlog.proof import (
    MAX_PROOF_BYTES,
    MEMO_CHECKPOINTS,
    CheckpointMemo,
    format_proof,
    parse_proof,
)

LEAVES = [leaf_hash(bytes([number])) for number in range(7)]
SECONDS = 1_700_000_000
VERSION = b"c2sp.org/tlog-proof@v1\n"
NODE = b64encode(b"n" * 32)


def refused(code: str) -> pytest.RaisesExc[ProofError]:
    return pytest.RaisesExc(ProofError, check=lambda error: error.code == code)


@pytest.fixture(scope="module")
def text(cosigner: NoteSigner) -> bytes:
    _, root, _ = append_batch(Frontier(), LEAVES)
    return signed_checkpoint(cosigner, SECONDS, Checkpoint("pan-london/csu-camden/a/0/g", 7, root))


def test_a_batch_is_written_and_read_and_each_record_is_included(text: bytes) -> None:
    memo: CheckpointMemo = {}
    _, _, paths = append_batch(Frontier(), LEAVES)
    for index, path in enumerate(paths):
        proof = parse_proof(format_proof(index, path, text), memo)
        head = proof.checkpoint
        verify_inclusion(LEAVES[index], proof.index, head.size, proof.path, head.root)
        assert proof.line.timestamp == SECONDS
        assert (proof.path, proof.extra, proof.checkpoint_text) == (path, None, text)
    assert len(memo) == 1


def test_the_text_is_that_of_the_specification(text: bytes) -> None:
    assert format_proof(0, [b"n" * 32, b"m" * 32], text, b"age") == (
        b"c2sp.org/tlog-proof@v1\nextra YWdl\nindex 0\n"
        + NODE
        + b"\n"
        + b64encode(b"m" * 32)
        + b"\n\n"
        + text
    )


def test_a_lone_record_has_an_empty_path(text: bytes) -> None:
    header = format_proof(0, [], text)
    assert header == VERSION + b"index 0\n\n" + text
    assert parse_proof(header).path == ()


def test_extra_data_travel_with_the_first_record_only(text: bytes) -> None:
    for extra in (b"a", b"ab", b"abc", bytes(range(256))):
        proof = parse_proof(format_proof(0, [b"n" * 32], text, extra))
        assert proof.extra == extra
    with refused("proof_malformed"):
        format_proof(1, [], text, b"abc")
    with refused("proof_malformed"):
        format_proof(0, [], text, b"")


def test_a_memo_changes_nothing_but_the_cost(text: bytes) -> None:
    memo: CheckpointMemo = {}
    header = format_proof(3, [b"n" * 32], text)
    first, second = parse_proof(header, memo), parse_proof(header, memo)
    assert first == second == parse_proof(header)
    assert first.signed is second.signed


def test_a_memo_is_bounded(text: bytes, cosigner: NoteSigner) -> None:
    memo: CheckpointMemo = {}
    for number in range(MEMO_CHECKPOINTS + 1):
        head = Checkpoint("o", number + 1, b"r" * 32)
        parse_proof(format_proof(0, [], signed_checkpoint(cosigner, SECONDS, head)), memo)
        assert len(memo) <= MEMO_CHECKPOINTS
    assert len(memo) == 1


def test_a_memo_keeps_no_checkpoint_that_was_refused(text: bytes) -> None:
    memo: CheckpointMemo = {}
    with refused("proof_malformed"):
        parse_proof(format_proof(0, [], text[:-1]), memo)
    assert not memo


def test_the_header_is_limited(text: bytes) -> None:
    room = MAX_PROOF_BYTES - len(format_proof(0, [], text)) - len(b"extra \n")
    extra = b"x" * (room // 4 * 3)
    largest = format_proof(0, [], text, extra)
    assert MAX_PROOF_BYTES - 4 < len(largest) <= MAX_PROOF_BYTES
    assert parse_proof(largest).extra == extra
    with refused("proof_too_large"):
        parse_proof(format_proof(0, [], text, extra + b"abc"))


def test_the_longest_path_fits(text: bytes) -> None:
    assert len(parse_proof(format_proof(2**63 - 1, [b"n" * 32] * 63, text)).path) == 63


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"index 0\n\n",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\r\nindex 0\n\n",
        VERSION + b"\n",
        VERSION + b"index\n\n",
        VERSION + b"index \n\n",
        VERSION + b"index 0\n",
        VERSION + b"index 00\n\n",
        VERSION + b"index -1\n\n",
        VERSION + b"index 0 \n\n",
        VERSION + b"index  0\n\n",
        VERSION + b"index 0x0\n\n",
        VERSION + b"index %d\n\n" % 2**63,
        VERSION + b"Index 0\n\n",
        VERSION + b"index 0\nindex 0\n\n",
        VERSION + b"extra YWdl\n\n",
        VERSION + b"extra YWdl",
        VERSION + b"extra \nindex 0\n\n",
        VERSION + b"extra\nindex 0\n\n",
        VERSION + b"extra YWdl\nextra YWdl\nindex 0\n\n",
        VERSION + b"extra YWd\nindex 0\n\n",
        VERSION + b"extra YWb=\nindex 0\n\n",
        VERSION + b"extra YWdl \nindex 0\n\n",
        VERSION + b"index 0\nextra YWdl\n\n",
        VERSION + b"extra YWdl\nindex 1\n\n",
        VERSION + b"index 1\n" + NODE + b"\n\n\n",
        VERSION + b"index 1\n" + NODE + b"\n",
        VERSION + b"index 1\n" + NODE + b"\r\n\n",
        VERSION + b"index 1\n " + NODE + b"\n\n",
        VERSION + b"index 1\n" + NODE + NODE + b"\n\n",
        VERSION + b"index 1\n" + b64encode(b"n" * 31) + b"\n\n",
        VERSION + b"index 1\n" + b64encode(b"n" * 33) + b"\n\n",
        VERSION + b"index 1\n" + b64encode(b"n" * 30) + b"\n\n",
        VERSION + b"index 1\n" + NODE[:-1] + b"\n\n",
        VERSION + b"index 1\n" + NODE[:-2] + b"==\n\n",
        VERSION + b"index 1\n" + NODE[:-1] + b"A\n\n",
        VERSION + b"index 1\n" + b"=" * 44 + b"\n\n",
        VERSION + b"index 1\n" + b"A" + b"=" * 43 + b"\n\n",
        VERSION + b"index 1\n" + b"*" + NODE[1:] + b"\n\n",
        VERSION + b"index 1\n" + b"-_" + NODE[2:] + b"\n\n",
        VERSION + b"index 1\n" + b"\0" + NODE[1:] + b"\n\n",
        VERSION + b"index 1\n" + b"\xff" + NODE[1:] + b"\n\n",
    ],
)
def test_a_head_that_is_not_the_one_form_is_refused(head: bytes, text: bytes) -> None:
    with refused("proof_malformed"):
        parse_proof(head + text)


def test_a_base64_line_has_one_last_character_for_its_value(text: bytes) -> None:
    accepted = 0
    for last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        line = NODE[:42] + bytes([last]) + b"="
        header = VERSION + b"index 1\n" + line + b"\n\n" + text
        try:
            proof = parse_proof(header)
        except ProofError:
            continue
        accepted += 1
        assert b64encode(proof.path[0]) == line
    assert accepted == 16  # 43 characters carry 258 bits and the last two must be zero


def test_a_checkpoint_that_is_not_the_one_form_is_refused(text: bytes) -> None:
    head = VERSION + b"index 0\n\n"
    lines = text.split(b"\n")
    for bad in (
        b"",
        text[:-1],
        text + b"\n",
        text + lines[-2] + b"\n",
        b"\n" + text,
        text.replace(b"\n7\n", b"\n07\n"),
        text.replace(b"\n7\n", b"\n7\nextension\n"),
        text.replace(b"\n\n", b"\n"),
        text.replace(b"\n\n", b"\n\n\n"),
        text.replace(b" pan", b" pan lon"),
    ):
        assert bad != text
        with refused("proof_malformed"):
            parse_proof(head + bad)
