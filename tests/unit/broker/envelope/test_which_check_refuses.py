"""Refused values, texts, paddings and keys: one input for each check."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.envelope.canonical import MAX_DEPTH, CanonicalError, format_json, parse_json
from broker.envelope.layout import (
    MAX_VALUE_BYTES,
    MIN_CIPHERTEXT_BYTES,
    WRAP_BYTES,
    LayoutError,
    format_value,
    key_list_bytes,
    parse_value,
    require_counts,
)
from broker.envelope.opening import OpeningError
from broker.envelope.padding import PaddingError, pad, unpad
from broker.envelope.primitives import (
    Ed25519Verifier,
    KeyMalformed,
    MlDsa44Verifier,
    MlDsa65Verifier,
    WrapOpener,
    WrapSealer,
    strict_b64,
)
from tests.support.envelope_world import Recipient, seal

ID, CONTRACT, TIME = b"i" * 16, b"c" * 32, 1_750_000_000_000
GROUP = (b"1" * 32, b"x" * MIN_CIPHERTEXT_BYTES)
ENTRY = (b"w" * WRAP_BYTES, b"k" * key_list_bytes(1))
VALUE = format_value(ID, TIME, CONTRACT, [GROUP], [ENTRY])
HEAD = VALUE[: 1 + 16 + 8 + 32]
"""All before the number of groups."""
GROUP_BYTES = 32 + 4 + MIN_CIPHERTEXT_BYTES
BEFORE_RECIPIENTS = len(HEAD) + 2 + GROUP_BYTES


def be16(number: int) -> bytes:
    return number.to_bytes(2, "big")


VALUES = [
    (VALUE[: len(HEAD) + 1], "value_malformed", "the value is shorter than its fixed part"),
    (
        b"\x02" + VALUE[1 : len(HEAD) + 2],
        "version_unknown",
        "the value is of another version of the protocol",
    ),
    (HEAD + be16(0), "groups_count", "an event has 1 to 16 groups"),
    (HEAD + be16(17), "groups_count", "an event has 1 to 16 groups"),
    (HEAD + be16(1), "value_malformed", "the value ends inside a group"),
    (HEAD + be16(1) + bytes(35), "value_malformed", "the value ends inside a group"),
    (HEAD + be16(1) + bytes(36), "value_malformed", "a group's length does not fit the value"),
    (
        HEAD + be16(1) + bytes(32) + struct.pack(">I", 272) + bytes(271),
        "value_malformed",
        "a group's length does not fit the value",
    ),
    (VALUE[:BEFORE_RECIPIENTS], "value_malformed", "the value ends before its recipients"),
    (VALUE[: BEFORE_RECIPIENTS + 1], "value_malformed", "the value ends before its recipients"),
    (
        VALUE[:BEFORE_RECIPIENTS] + be16(0),
        "recipients_count",
        "an event has 1 to 64 recipients",
    ),
    (
        VALUE[:BEFORE_RECIPIENTS] + be16(1),
        "value_malformed",
        "the recipients do not fill the value exactly",
    ),
    (
        VALUE[:BEFORE_RECIPIENTS] + be16(2) + (ENTRY[0] + ENTRY[1]) * 2,
        "recipients_order",
        "recipients are not strictly ascending",
    ),
]


@pytest.mark.parametrize(
    ("value", "code"), [row[:2] for row in VALUES], ids=[row[2] for row in VALUES]
)
def test_a_value_is_refused_by_the_first_rule_that_it_breaks(value: bytes, code: str) -> None:
    with pytest.raises(LayoutError) as caught:
        parse_value(value)
    assert caught.value.code == code


WRITING: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: require_counts(17, 1), "groups_count", "an event has 1 to 16 groups"),
    (lambda: require_counts(1, 65), "recipients_count", "an event has 1 to 64 recipients"),
    (
        lambda: format_value(ID, TIME, CONTRACT, [(b"1" * 32, bytes(MAX_VALUE_BYTES))], [ENTRY]),
        "value_too_large",
        "a sealed value has at most 262144 bytes",
    ),
]


@pytest.mark.parametrize(
    ("write", "code"), [row[:2] for row in WRITING], ids=[row[2] for row in WRITING]
)
def test_a_writer_is_refused_above_each_limit(write: Callable[[], Any], code: str) -> None:
    with pytest.raises(LayoutError) as caught:
        write()
    assert caught.value.code == code


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


JSON: list[tuple[Callable[[], Any], str]] = [
    (lambda: format_json(2**53), "not a value that this JSON allows"),
    (lambda: format_json("\ud800"), "not a value that this JSON allows"),
    (lambda: format_json(deep(MAX_DEPTH + 1)), "nested too deeply"),
    (lambda: format_json({"é": 1}), "a name is not ASCII"),
    (lambda: format_json({1: 1}), "not a value that this JSON allows"),
    (lambda: format_json(1.5), "a float, a null or another type"),
    (lambda: format_json([None]), "a float, a null or another type"),
    (lambda: parse_json(b"{"), "not JSON"),
    (lambda: parse_json(b"[1, 2]"), "not the canonical text"),
    (lambda: parse_json(b"[null]"), "a float, a null or another type"),
]


@pytest.mark.parametrize("use", [row[0] for row in JSON], ids=[row[1] for row in JSON])
def test_each_value_outside_this_json_is_refused(use: Callable[[], Any]) -> None:
    with pytest.raises(CanonicalError):
        use()


PADDINGS = [
    (b"", "the padding is not minimal"),
    (pad(b"{}") + bytes(16), "the padding is not minimal"),
    (pad(b"{}")[:-1] + b"\x01", "the padding is not zero"),
]


@pytest.mark.parametrize(
    "plaintext", [row[0] for row in PADDINGS], ids=[row[1] for row in PADDINGS]
)
def test_each_wrong_padding_is_refused(plaintext: bytes) -> None:
    with pytest.raises(PaddingError):
        unpad(plaintext)


KEYS: list[tuple[Callable[[], Any], str]] = [
    (lambda: Ed25519Verifier(bytes(31)), "not an Ed25519 public key"),
    (lambda: MlDsa65Verifier(bytes(31)), "not an ML-DSA-65 public key"),
    (lambda: MlDsa44Verifier(bytes(31)), "not an ML-DSA-44 public key"),
    (lambda: WrapSealer(bytes(31)), "not an MLKEM768_X25519 public key"),
    (lambda: WrapSealer(bytes(1216)), "not an MLKEM768_X25519 public key"),
]


@pytest.mark.parametrize("make", [row[0] for row in KEYS], ids=[row[1] for row in KEYS])
def test_a_malformed_key_of_each_algorithm_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(KeyMalformed):
        make()


@pytest.mark.parametrize("text", ["a", "é", "YWJ="])
def test_invalid_and_non_canonical_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        strict_b64(text)


def test_a_sealer_keeps_the_key_that_it_was_given() -> None:
    public = WrapOpener(bytes(32)).public
    assert WrapSealer(public).public == public


def test_each_step_of_opening_says_what_is_broken(camden: Recipient, haven: Recipient) -> None:
    sealed = seal([b"{}", b"[]"], [(camden, [True, True])])
    entry, group = sealed.recipients[0], sealed.groups[0]
    broken_list = replace(entry, key_list=bytes(len(entry.key_list)))
    said = {}
    for name, event in {
        "list": replace(sealed, recipients=(broken_list,)),
        "group": replace(sealed, groups=(replace(group, ciphertext=bytes(272)), sealed.groups[1])),
    }.items():
        with pytest.raises(OpeningError) as caught:
            camden.open(event)
        said[name] = (caught.value.step, caught.value.code)
    assert said == {
        "list": (7, "key_list_broken"),
        "group": (8, "group_broken"),
    }
