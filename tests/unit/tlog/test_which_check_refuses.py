"""One code stands for many checks, and the sentence says which of them refused.

Each input breaks one rule alone, so that a check that is gone is not covered up by the next one.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier, MlDsa44Signer
from broker.tlog.checkpoint import (
    Checkpoint,
    Origin,
    format_checkpoint,
    parse_checkpoint,
    parse_decimal,
    parse_origin,
)
from broker.tlog.consistency import (
    consistency_proof,
    inclusion_proof,
    subtree_root,
    verify_consistency,
)
from broker.tlog.cosignature import (
    MAX_TIMESTAMP,
    CosignatureLine,
    cosign,
    cosignature_message,
    format_signed_checkpoint,
    parse_cosignature,
    parse_signed_checkpoint,
    signed_checkpoint,
    verify_cosignature,
)
from broker.tlog.errors import NoteError, ProofError
from broker.tlog.merkle import (
    MAX_LOG_SIZE,
    Frontier,
    append_batch,
    left_nodes,
    verify_inclusion,
)
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    MAX_NOTE_BYTES,
    Note,
    SignatureLine,
    format_note,
    format_signature_line,
    note_signer,
    note_verifier,
    parse_note,
    sign_note,
    verify_note,
    verify_note_by_all,
)
from broker.tlog.proof import MAX_PROOF_BYTES, format_proof, parse_proof

NAME = "pan-london/csu-camden"
KEY = Ed25519Signer(bytes(range(32)))
PUBLIC = Ed25519Verifier(KEY.public)
PLAIN = note_signer(NAME, ED25519, KEY)
COSIGNER = note_signer(NAME, COSIGNATURE_ED25519, KEY)
HEAD = Checkpoint("pan-london/csu-camden/a/0/g", 7, b"r" * 32)
BODY = format_checkpoint(HEAD)
LINE = cosign(COSIGNER, 1_700_000_000, BODY)
SIGNED = format_signed_checkpoint(BODY, LINE)
NOTE = format_note(sign_note(b"text\n", [PLAIN]))
NODE = b64encode(b"n" * 32)
ROOT = b64encode(b"r" * 32)
HASH = b"h" * 32
VERSION = b"c2sp.org/tlog-proof@v1\n"


def post_quantum(timestamp: int, body: bytes) -> CosignatureLine:
    name = "pan-london/csu-camden"
    return cosign(note_signer(name, COSIGNATURE_ML_DSA_44, MlDsa44Signer(HASH)), timestamp, body)


def signature_line(signature: bytes, name: str = NAME) -> bytes:
    return format_signature_line(SignatureLine(name, b"kkkk", signature))


CASES: list[tuple[Callable[[], Any], str, str]] = [
    # --- notes
    (
        lambda: parse_note(b"x" * (MAX_NOTE_BYTES + 1)),
        "note_too_large",
        "A note has at most 1048576 bytes.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"\xff")),
        "note_malformed",
        "Not a signed note: a note is UTF-8.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"te\txt")),
        "note_malformed",
        "Not a signed note: a note holds no control character but the newline.",
    ),
    (
        lambda: parse_note(NOTE[:-1]),
        "note_malformed",
        "Not a signed note: a note is text, an empty line and signature lines, each ended.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"cosignature/v1")),
        "note_malformed",
        "Not a signed note: a note's text does not begin as a cosignature's message.",
    ),
    (
        lambda: parse_note(NOTE + b"".join(signature_line(b"%d" % i) + b"\n" for i in range(128))),
        "note_too_large",
        "A note has at most 128 signatures.",
    ),
    (
        lambda: parse_note(NOTE + NOTE.removeprefix(b"text\n\n")),
        "note_malformed",
        "Not a signed note: a key signs a note once.",
    ),
    (
        lambda: parse_note(b"text\n\n- name " + b64encode(b"kkkks") + b"\n"),
        "note_malformed",
        "Not a signed note: a signature line begins with an em dash and a space.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"\n", b"=\n").replace(b"text=\n=\n", b"text\n\n")),
        "note_malformed",
        "Not a signed note: a signature line is a key name and canonical base64.",
    ),
    (
        lambda: parse_note(b"text\n\n" + signature_line(b"s", "a+b") + b"\n"),
        "note_malformed",
        "Not a signed note: a key name is not empty and has no space and no plus sign.",
    ),
    (
        lambda: parse_note(b"text\n\n" + signature_line(b"") + b"\n"),
        "note_malformed",
        "Not a signed note: a signature is a key id of 4 bytes and what follows.",
    ),
    (
        lambda: format_note(Note(b"text\n", (SignatureLine("a b", b"kkk", b"kkks"),))),
        "note_malformed",
        "Not a signed note: a signature line is a key name and canonical base64.",
    ),
    (
        lambda: format_note(Note(b"text\n", (SignatureLine("a", b"kkk", b"kkks"),))),
        "note_malformed",
        "Not a signed note: the text or a key name has no form in a note.",
    ),
    (
        lambda: sign_note(b"text\n", [COSIGNER]),
        "note_malformed",
        "Not a signed note: a key that cosigns does not sign a text itself.",
    ),
    (
        lambda: verify_note(parse_note(NOTE), [note_verifier(NAME, ED25519, PUBLIC)] * 2),
        "note_keys_ambiguous",
        "Two keys share a name and a key id.",
    ),
    (
        lambda: verify_note(
            parse_note(NOTE.replace(b"text", b"tent")), [note_verifier(NAME, ED25519, PUBLIC)]
        ),
        "note_signature_invalid",
        "A signature of a known key does not verify.",
    ),
    (
        lambda: verify_note(parse_note(NOTE), [note_verifier("other", ED25519, PUBLIC)]),
        "note_unsigned",
        "No key that we know signed this note.",
    ),
    (
        lambda: verify_note_by_all(
            parse_note(NOTE),
            [note_verifier(NAME, ED25519, PUBLIC), note_verifier("other", ED25519, PUBLIC)],
        ),
        "note_unsigned",
        "A key that must sign this note did not.",
    ),
    # --- checkpoints and origins
    (
        lambda: parse_checkpoint(b"o\n1\n" + ROOT),
        "checkpoint_malformed",
        "Not a checkpoint: a checkpoint is origin, size and root, each on one line.",
    ),
    (
        lambda: parse_checkpoint(b"o o\n1\n" + ROOT + b"\n"),
        "checkpoint_malformed",
        "Not a checkpoint: an origin is printable ASCII without spaces and plus signs.",
    ),
    (
        lambda: parse_checkpoint(b"o\n01\n" + ROOT + b"\n"),
        "checkpoint_malformed",
        "Not a checkpoint: the size is a decimal number and the root canonical base64.",
    ),
    (
        lambda: parse_checkpoint(b"o\n0\n" + ROOT + b"\n"),
        "checkpoint_malformed",
        "Not a checkpoint: the root is 32 bytes, and that of an empty log the hash of nothing.",
    ),
    (
        lambda: format_checkpoint(replace(HEAD, origin="o\n1\n" + ROOT.decode() + "\n")),
        "checkpoint_malformed",
        "Not a checkpoint: a checkpoint is origin, size and root, each on one line.",
    ),
    (
        lambda: format_checkpoint(replace(HEAD, size=True)),
        "checkpoint_malformed",
        "Not a checkpoint: the size is a decimal number and the root canonical base64.",
    ),
    (
        lambda: Origin("pan", "a", "t", True, "g").format(),
        "checkpoint_malformed",
        "Not a checkpoint: the partition is a decimal number.",
    ),
    (
        lambda: Origin("pan/a", "b", "t", 0, "g").format(),
        "checkpoint_malformed",
        "Not a checkpoint: an origin is deployment/agency/topic/partition/generation.",
    ),
    (
        lambda: parse_origin("pan/A/t/0/g"),
        "checkpoint_malformed",
        "Not a checkpoint: a part of an origin has lower-case letters, digits, dots and hyphens.",
    ),
    # --- cosignatures
    (
        lambda: parse_cosignature(SignatureLine(NAME, b"kkkk", b"t" * 71)),
        "cosignature_malformed",
        "A cosignature is a time and a signature of Ed25519 or ML-DSA-44.",
    ),
    (
        lambda: cosignature_message(COSIGNATURE_ED25519, NAME, MAX_TIMESTAMP + 1, BODY),
        "cosignature_malformed",
        "The time is out of range.",
    ),
    (
        lambda: cosignature_message(ED25519, NAME, 1, BODY),
        "cosignature_malformed",
        "Not a key that cosigns.",
    ),
    (
        lambda: cosignature_message(COSIGNATURE_ML_DSA_44, "", 1, BODY),
        "cosignature_malformed",
        "A name has 1 to 255 bytes.",
    ),
    (
        lambda: verify_cosignature(LINE, note_verifier("o", COSIGNATURE_ED25519, PUBLIC), BODY),
        "cosignature_unknown",
        "The cosignature is another key's.",
    ),
    (
        lambda: verify_cosignature(
            replace(LINE, timestamp=1), note_verifier(NAME, COSIGNATURE_ED25519, PUBLIC), BODY
        ),
        "cosignature_invalid",
        "The cosignature does not verify.",
    ),
    (
        lambda: parse_signed_checkpoint(SIGNED + signature_line(b"s" * 72, "other") + b"\n"),
        "cosignature_malformed",
        "A proof's checkpoint has exactly one signature.",
    ),
    (
        lambda: parse_signed_checkpoint(format_signed_checkpoint(BODY, post_quantum(1, BODY))),
        "cosignature_malformed",
        "A proof's cosignature is Ed25519.",
    ),
    # --- proof headers
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
    # --- trees
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
        lambda: inclusion_proof(lambda start, stop: [HASH], 1, 1),
        "inclusion_invalid",
        "The log has no such index.",
    ),
    (
        lambda: consistency_proof(lambda start, stop: [HASH], 2, 1),
        "consistency_invalid",
        "A log does not shrink.",
    ),
    (
        lambda: verify_consistency(1, HASH, 1, b"i" * 32, []),
        "consistency_invalid",
        "The proof does not show that the newer log begins with the older one.",
    ),
]


@pytest.mark.parametrize(("refused", "code", "sentence"), CASES, ids=[case[2] for case in CASES])
def test_the_sentence_names_the_rule(refused: Callable[[], Any], code: str, sentence: str) -> None:
    with pytest.raises((NoteError, ProofError)) as caught:
        refused()
    assert (caught.value.code, caught.value.detail) == (code, sentence)


def test_the_signature_that_does_not_verify_is_named() -> None:
    with pytest.raises(NoteError) as caught:
        verify_note(
            parse_note(NOTE.replace(b"text", b"tent")), [note_verifier(NAME, ED25519, PUBLIC)]
        )
    assert caught.value.where == NAME


@pytest.mark.parametrize(
    ("digits", "sentence"),
    [(b"01", "not a canonical decimal number"), (b"11", "the number is too large")],
)
def test_a_number_is_not_written_so_or_too_large(digits: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        parse_decimal(digits, 10)


# --- the last value that passes ------------------------------------------------------------------


def test_the_last_second_that_a_cosignature_holds_is_signed_and_read() -> None:
    for line in (cosign(COSIGNER, MAX_TIMESTAMP, BODY), post_quantum(MAX_TIMESTAMP, BODY)):
        assert parse_cosignature(line.line()) == line
    assert cosignature_message(COSIGNATURE_ED25519, NAME, MAX_TIMESTAMP, BODY) == (
        b"cosignature/v1\ntime 9223372036854775807\n" + BODY
    )


@pytest.mark.parametrize("length", [1, 255])
def test_a_name_of_one_byte_and_of_as_many_as_one_byte_counts(length: int) -> None:
    message = cosignature_message(COSIGNATURE_ML_DSA_44, "n" * length, 1, BODY)
    assert message.startswith(b"subtree/v1\n\x00" + bytes([length]) + b"n" * length + bytes(7))


def test_the_largest_log_is_consistent_with_itself() -> None:
    verify_consistency(MAX_LOG_SIZE, HASH, MAX_LOG_SIZE, HASH, [])


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


def test_a_signed_checkpoint_is_what_its_parts_give() -> None:
    assert signed_checkpoint(COSIGNER, 1_700_000_000, HEAD) == SIGNED
