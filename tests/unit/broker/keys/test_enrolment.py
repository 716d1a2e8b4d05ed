"""Public keys that enrolment takes and refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broker.envelope.primitives import Ed25519Signer, MlDsa44Signer, WrapOpener, sha256
from broker.errors import ManifestError
from broker.keys.enrolment import (
    possession_message,
    verifier,
    verify_ed25519_public,
    verify_possession,
    verify_public,
)
from broker.keys.kid import ED25519, ML_DSA_44, ML_DSA_65, XWING, kid

P = 2**255 - 19
SEED = sha256(b"a key of the tests")


def refused(algorithm: str, public: bytes) -> str:
    with pytest.raises(ManifestError) as caught:
        verify_public(algorithm, public)
    return caught.value.code


def test_small_order_and_non_canonical_keys_of_speccheck_are_refused(
    vectors: Callable[[str], Any],
) -> None:
    cases = vectors("ed25519-speccheck.json")
    # cases.json of ed25519-speccheck: 0 and 1 have a small-order key, 10 and 11 one whose
    # encoding is not canonical either; the other keys are of mixed order.
    found = {}
    for number, case in enumerate(cases):
        try:
            verify_ed25519_public(bytes.fromhex(case["pub_key"]))
        except ManifestError as error:
            found[number] = error.code
    assert found == dict.fromkeys((0, 1, 10, 11), "key_small_order")


def test_every_point_of_small_order_is_refused_with_either_sign() -> None:
    order_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
    for y in (0, 1, P - 1, order_8, P - order_8):
        for sign in (0, 1 << 255):
            assert refused(ED25519, (y | sign).to_bytes(32, "little")) == "key_small_order"


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_an_encoding_above_the_field_is_refused(y: int) -> None:
    for sign in (0, 1 << 255):
        assert refused(ED25519, (y | sign).to_bytes(32, "little")) == "key_malformed"


def test_a_key_that_is_not_a_point_is_refused() -> None:
    assert refused(ED25519, (2).to_bytes(32, "little")) == "key_malformed"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    assert refused(ED25519, bytes(length)) == "key_malformed"
    assert refused(XWING, bytes(length)) == "key_malformed"
    assert refused(ML_DSA_44, bytes(length)) == "key_malformed"
    assert refused(ML_DSA_65, bytes(length)) == "key_malformed"


def test_an_unknown_algorithm_is_refused() -> None:
    assert refused("rsa", b"") == "key_malformed"
    with pytest.raises(ManifestError) as caught:
        verifier(XWING, WrapOpener(SEED).public)
    assert caught.value.code == "key_malformed"


def test_honest_keys_are_taken() -> None:
    for number in range(20):
        verify_public(ED25519, Ed25519Signer(sha256(bytes([number]))).public)
    verify_public(XWING, WrapOpener(SEED).public)
    verify_public(ML_DSA_44, MlDsa44Signer(SEED).public)


@pytest.mark.parametrize(
    ("u", "code"),
    [
        (0, "key_small_order"),
        (1, "key_small_order"),
        (P - 1, "key_small_order"),
        (
            325606250916557431795983626356110631294008115727848805560023387167927233504,
            "key_small_order",
        ),
        (
            39382357235489614581723060781553021112529911719440698176882885853963445705823,
            "key_small_order",
        ),
        (P, "key_malformed"),
        (1 << 255, "key_malformed"),
    ],
)
def test_an_exchange_key_that_would_make_every_wrap_fail_is_refused(u: int, code: str) -> None:
    honest = WrapOpener(SEED).public
    assert refused(XWING, honest[:-32] + u.to_bytes(32, "little")) == code


@pytest.mark.parametrize("at", [0, 1, 383, 766, 767])
def test_an_exchange_key_with_a_coefficient_that_is_not_reduced_is_refused(at: int) -> None:
    """FIPS 203, section 7.2: encapsulation would fail for every sender."""
    honest = WrapOpener(SEED).public

    def with_coefficient(value: int) -> bytes:
        packed = int.from_bytes(honest[:1152], "little")
        packed += (value - (packed >> 12 * at & 0xFFF)) << 12 * at
        return packed.to_bytes(1152, "little") + honest[1152:]

    verify_public(XWING, with_coefficient(3328))
    for value in (3329, 4095):
        assert refused(XWING, with_coefficient(value)) == "key_malformed"


def test_possession_is_of_one_key_by_one_agency_in_one_deployment() -> None:
    signer = Ed25519Signer(SEED)
    mine = {"deployment": "d", "agency": "a", "kid": kid("stream", ED25519, signer.public)}
    proof = signer.sign(possession_message(**mine))
    verify_possession(ED25519, signer.public, proof, **mine)
    for other in ({"deployment": "e"}, {"agency": "b"}, {"kid": bytes(32)}):
        with pytest.raises(ManifestError) as caught:
            verify_possession(ED25519, signer.public, proof, **{**mine, **other})
        assert caught.value.code == "possession_invalid"


def test_the_expansion_of_a_seed_matches_the_published_vectors(
    vectors: Callable[[str], Any],
) -> None:
    cases = vectors("hpke-pq-647a.json")
    assert cases
    for case in cases:
        opener = WrapOpener(bytes.fromhex(case["skRm"]))
        assert opener.public.hex() == case["pkRm"]
