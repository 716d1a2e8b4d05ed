"""The pair that a contract pins: checked, named, and both halves at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.envelope.primitives import b64, hmac_sha256, lp, sha256
from broker.errors import ManifestError
from broker.keys.enrolment import possession_message, verifier, verify_public
from broker.keys.governance import GovernancePublic, GovernanceSigner, governance_signer, key_name
from broker.keys.keyfile import kid_of, public_of
from broker.keys.keyring import Keyring
from broker.keys.kid import kid
from broker.tlog.note import ED25519, ML_DSA_65, key_id

Govern = Callable[..., GovernanceSigner]
P = 2**255 - 19


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ManifestError) as caught:
        act()
    return caught.value.code


def test_the_pair_has_one_name_and_two_ids(governance: Govern) -> None:
    signer = governance()
    public = signer.public
    assert (public.ed25519, public.ml_dsa_65) == (signer.ed25519.public, signer.ml_dsa_65.public)
    assert public.kids == (
        kid("governance", "ed25519", public.ed25519),
        kid("governance", "ml-dsa-65", public.ml_dsa_65),
    )
    assert public.fingerprints == tuple(b64(one) for one in public.kids)
    name = key_name("test-deployment", "alpha")
    assert name == "test-deployment/alpha"
    for pair in (signer.note_signers(), public.note_verifiers(name)):
        assert [(one.name, one.type, one.key_id) for one in pair] == [
            (name, ED25519, key_id(name, ED25519, public.ed25519)),
            (name, ML_DSA_65, key_id(name, ML_DSA_65, public.ml_dsa_65)),
        ]


def test_a_pair_of_honest_keys_passes_enrolment(governance: Govern) -> None:
    governance().public.verify()


def test_either_half_is_checked_as_what_it_is(governance: Govern) -> None:
    public = governance().public
    assert code_of(replace(public, ed25519=bytes(32)).verify) == "key_small_order"
    assert code_of(replace(public, ml_dsa_65=bytes(1951)).verify) == "key_malformed"
    assert code_of(GovernancePublic(public.ml_dsa_65, public.ed25519).verify) == "key_malformed"


def test_a_half_that_is_no_key_verifies_no_note(governance: Govern) -> None:
    public = governance().public
    for broken in (
        replace(public, ed25519=bytes(31)),
        replace(public, ml_dsa_65=bytes(31)),
    ):
        assert code_of(lambda broken=broken: broken.note_verifiers("n")) == "key_malformed"


def test_the_pair_comes_from_where_it_is_kept(keyring: Callable[..., Keyring], now: int) -> None:
    ring = keyring()
    first, second = (
        ring.create("governance", algorithm, not_before=now, not_after=None)
        for algorithm in ("ed25519", "ml-dsa-65")
    )
    pair = governance_signer(ring, (first.kid, second.kid), deployment="d", agency="a")
    assert (pair.deployment, pair.agency) == ("d", "a")
    assert pair.public == GovernancePublic(first.public, second.public)
    assert pair.public.kids == (first.kid, second.kid)
    assert (pair.ed25519.role, pair.ml_dsa_65.algorithm) == ("governance", "ml-dsa-65")


# --- enrolment -----------------------------------------------------------------------------------


def exchange(u: int) -> bytes:
    """An exchange key that is wrong in its X25519 half at least."""
    return bytes(1184) + u.to_bytes(32, "little")


@pytest.mark.parametrize(
    ("algorithm", "public", "code"),
    [
        ("ed25519", bytes(31), "key_malformed"),
        ("ed25519", P.to_bytes(32, "little"), "key_malformed"),
        ("ed25519", bytes(32), "key_small_order"),
        ("ed25519", (2).to_bytes(32, "little"), "key_malformed"),
        ("rsa", bytes(32), "key_malformed"),
        ("ml-dsa-44", bytes(31), "key_malformed"),
        ("ml-dsa-65", bytes(31), "key_malformed"),
        ("mlkem768-x25519", bytes(31), "key_malformed"),
        ("mlkem768-x25519", exchange(P), "key_malformed"),
        ("mlkem768-x25519", exchange(2**256 - 1), "key_malformed"),
        ("mlkem768-x25519", exchange(1), "key_small_order"),
    ],
)
def test_a_public_key_is_refused_by_the_first_rule_that_it_breaks(
    algorithm: str, public: bytes, code: str
) -> None:
    assert code_of(lambda: verify_public(algorithm, public)) == code


@pytest.mark.parametrize(
    ("algorithm", "public"),
    [("mlkem768-x25519", bytes(1216)), ("ed25519", bytes(31)), ("none", b"")],
)
def test_a_key_that_cannot_sign_has_no_verifier(algorithm: str, public: bytes) -> None:
    assert code_of(lambda: verifier(algorithm, public)) == "key_malformed"


def test_proofs_of_possession_have_a_label_of_their_own() -> None:
    assert possession_message("d", "a", b"k" * 32) == lp(
        b"concordant/1/possession", b"d", b"a", b"k" * 32
    )


# --- ids -----------------------------------------------------------------------------------------


def test_an_id_is_of_role_algorithm_and_key() -> None:
    whole = lp(b"concordant/1/kid", b"receipt", b"ed25519", b"k" * 32)
    assert kid("receipt", "ed25519", b"k" * 32) == sha256(whole)


def test_a_secret_has_no_public_half_and_an_id_from_a_one_way_image() -> None:
    image = hmac_sha256(bytes(32), b"concordant/1/secret-id")
    assert public_of("hmac-sha256", bytes(32)) == b""
    assert kid_of("secret", "hmac-sha256", bytes(32), b"") == kid("secret", "hmac-sha256", image)
