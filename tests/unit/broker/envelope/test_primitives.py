"""The primitives against published values, and their refusals in our own terms."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from broker.envelope import primitives
from broker.envelope.primitives import (
    AeadKey,
    Ed25519Signer,
    Ed25519Verifier,
    KeyMalformed,
    MlDsa44Signer,
    MlDsa44Verifier,
    MlDsa65Signer,
    MlDsa65Verifier,
    SealBroken,
    SignatureInvalid,
    WrapOpener,
    WrapSealer,
    b64,
    one_step_kdf,
    strict_b64,
)


def test_a_seed_expands_to_the_published_x_wing_key() -> None:
    folder = os.environ.get("CONCORDANT_VECTORS")
    if not folder:
        pytest.skip("CONCORDANT_VECTORS names no folder of test vectors")
    vectors = json.loads((Path(folder) / "hpke-pq-647a.json").read_text())
    assert vectors
    for vector in vectors:
        assert WrapOpener(bytes.fromhex(vector["skRm"])).public.hex() == vector["pkRm"]


def test_a_wrap_is_1168_bytes_and_opens_for_its_info() -> None:
    opener = WrapOpener(bytes(32))
    wrap = WrapSealer(opener.public).seal(b"s" * 32, b"info")
    assert len(wrap) == 1168
    assert opener.open(wrap, b"info") == b"s" * 32
    for wrong in (b"", b"infO", b"info "):
        with pytest.raises(SealBroken):
            opener.open(wrap, wrong)
    with pytest.raises(SealBroken):
        WrapOpener(bytes([1]) * 32).open(wrap, b"info")


@pytest.mark.parametrize("length", [0, 1, 1119, 1120, 1135])
def test_a_wrap_of_another_length_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        WrapOpener(bytes(32)).open(bytes(length), b"")


def test_a_wrap_with_a_low_order_point_does_not_open() -> None:
    """RFC 9180, section 7.1.4: an all-zero X25519 secret must be refused, and in our terms."""
    opener = WrapOpener(bytes(32))
    wrap = WrapSealer(opener.public).seal(b"s" * 32, b"")
    with pytest.raises(SealBroken):
        opener.open(wrap[:1088] + bytes(32) + wrap[1120:], b"")


@pytest.mark.parametrize("length", [0, 32, 1184, 1215, 1217])
def test_a_public_exchange_key_has_1216_bytes(length: int) -> None:
    with pytest.raises(KeyMalformed):
        WrapSealer(bytes(length))


def test_a_public_exchange_key_that_is_no_ml_kem_key_is_malformed() -> None:
    with pytest.raises(KeyMalformed):
        WrapSealer(b"\xff" * 1216)


@pytest.mark.parametrize(
    "point", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"]
)
def test_a_public_exchange_key_with_a_low_order_point_is_malformed(point: bytes) -> None:
    public = WrapOpener(bytes(32)).public
    with pytest.raises(KeyMalformed):
        WrapSealer(public[:1184] + point)


def test_the_kdf_is_nists_one_step_kdf() -> None:
    for secret, info in ((bytes(32), b""), (b"k" * 32, b"info" * 30)):
        expected = ConcatKDFHash(SHA512(), 64, otherinfo=info).derive(secret)
        assert one_step_kdf(secret, info) == expected


def test_aead_refuses_another_key_nonce_aad_or_text() -> None:
    key = AeadKey(b"k" * 32)
    sealed = key.seal(bytes(12), b"text", b"aad")
    assert key.open(bytes(12), sealed, b"aad") == b"text"
    for other in (
        (AeadKey(b"K" * 32), bytes(12), sealed, b"aad"),
        (key, b"\x01" * 12, sealed, b"aad"),
        (key, bytes(12), sealed[:-1] + bytes([sealed[-1] ^ 1]), b"aad"),
        (key, bytes(12), sealed, b"add"),
        (key, bytes(12), sealed[:15], b"aad"),
    ):
        with pytest.raises(SealBroken):
            other[0].open(*other[1:])


@pytest.mark.parametrize("raw", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_is_read_as_it_is_written(raw: bytes) -> None:
    assert strict_b64(b64(raw)) == raw
    assert strict_b64(b64(raw).encode()) == raw


@pytest.mark.parametrize(
    "text",
    ["YQ", "YQ=", "YR==", "YWJ=", "YQ==\n", " YQ==", "Y Q==", "-_-_", "YQ==YQ==", "é", "===="],
)
def test_base64_has_one_text(text: str) -> None:
    for form in (text, text.encode()):
        with pytest.raises(ValueError):
            strict_b64(form)


SIGNATURES = [
    (Ed25519Signer, Ed25519Verifier, 32, 64),
    (MlDsa44Signer, MlDsa44Verifier, 1312, 2420),
    (MlDsa65Signer, MlDsa65Verifier, 1952, 3309),
]


@pytest.mark.parametrize(("signer", "verifier", "public", "length"), SIGNATURES)
def test_signatures_verify_and_refuse_in_our_terms(
    signer: type, verifier: type, public: int, length: int
) -> None:
    key = signer(bytes(32))
    signature = key.sign(b"message")
    assert (len(key.public), len(signature)) == (public, length)
    assert signer(bytes(32)).public == key.public
    good = verifier(key.public)
    good.verify(signature, b"message")
    for wrong, message in (
        (signature, b"Message"),
        (signature[:-1] + bytes([signature[-1] ^ 1]), b"message"),
        (signature[:-1], b"message"),
        (b"", b"message"),
    ):
        with pytest.raises(SignatureInvalid):
            good.verify(wrong, message)
    for size in (0, public - 1, public + 1):
        with pytest.raises(KeyMalformed):
            verifier(bytes(size))


@pytest.mark.parametrize("cost", [2**10, 2**17])
def test_scrypt_is_rfc_7914_with_the_cost_that_the_file_names(cost: int) -> None:
    expected = hashlib.scrypt(b"pass", salt=b"salt", n=cost, r=8, p=1, maxmem=2**28, dklen=32)
    assert primitives.scrypt_key(b"pass", b"salt", cost) == expected
    assert primitives.scrypt_key(b"pass", b"tlas", cost) != expected


def test_a_passphrase_for_a_try_out_has_24_random_bytes() -> None:
    assert len(primitives.random_token()) == 32
    assert len(primitives.random_token(3)) == 4


def test_randomness_does_not_repeat() -> None:
    assert len({primitives.new_seed() for _ in range(8)}) == 8
    assert [len(primitives.random_bytes(n)) for n in (0, 1, 40)] == [0, 1, 40]
    assert len({primitives.random_token() for _ in range(8)}) == 8
    assert primitives.constant_time_equal(b"a", b"a")
    assert not primitives.constant_time_equal(b"a", b"b")
