"""Malformed checkpoints, origins and cosignatures: one for each rule of their form.

Each input breaks one rule only, so that no other check can hide a deleted one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.tlog.checkpoint import (
    Origin,
    format_checkpoint,
    parse_checkpoint,
    parse_decimal,
    parse_origin,
)
from broker.tlog.cosignature import (
    MAX_TIMESTAMP,
    cosign,
    cosignature_message,
    format_signed_checkpoint,
    parse_cosignature,
    parse_signed_checkpoint,
    signed_checkpoint,
    verify_cosignature,
)
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    SignatureLine,
    note_verifier,
)
from tests.unit.broker.tlog.signed_inputs import (
    BODY,
    COSIGNER,
    HEAD,
    LINE,
    NAME,
    PUBLIC,
    ROOT,
    SIGNED,
    Case,
    post_quantum,
    refuses,
    signature_line,
)

CASES: list[Case] = [
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
        "Not a checkpoint: the root has 32 bytes, and that of an empty log is a fixed hash.",
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
        "The key is not of a type that makes cosignatures.",
    ),
    (
        lambda: cosignature_message(COSIGNATURE_ML_DSA_44, "", 1, BODY),
        "cosignature_malformed",
        "A name has 1 to 255 bytes.",
    ),
    (
        lambda: verify_cosignature(LINE, note_verifier("o", COSIGNATURE_ED25519, PUBLIC), BODY),
        "cosignature_unknown",
        "The cosignature is by another key.",
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
]


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_each_malformed_checkpoint_is_refused(case: Case) -> None:
    refuses(case)


@pytest.mark.parametrize("digits", [b"01", b"11"])
def test_a_non_canonical_or_too_large_number_is_refused(digits: bytes) -> None:
    with pytest.raises(ValueError):
        parse_decimal(digits, 10)


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


def test_a_signed_checkpoint_is_what_its_parts_give() -> None:
    assert signed_checkpoint(COSIGNER, 1_700_000_000, HEAD) == SIGNED
