"""The combiner of keys.md, "Roles", and HPKE's key schedule, without the library's own HPKE."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conformance.conventions import be
from tests.conformance.envelope import SUITE, exchange_key

SUITE_ID = b"HPKE" + be(0x647A, 2) + be(1, 2) + be(2, 2)


def extract(salt: bytes, label: bytes, keying: bytes) -> bytes:
    """LabeledExtract of RFC 9180, section 4."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE_ID + label + keying, "sha256")


def expand(pseudorandom: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand, for at most one block."""
    labelled = be(length, 2) + b"HPKE-v1" + SUITE_ID + label + info
    return hmac.digest(pseudorandom, labelled + b"\x01", "sha256")[:length]


def test_a_wrap_opens_with_the_combiner_as_the_text_has_it() -> None:
    seed, info, secret = bytes(range(32)), b"terms", bytes([7]) * 32
    key = exchange_key(seed)
    wrap = SUITE.encrypt(secret, key.private.public_key(), info)
    expanded = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    lattice_part, ephemeral = wrap[:1088], wrap[1088:1120]
    shared = hashlib.sha3_256(
        lattice.decapsulate(lattice_part)
        + curve.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        + ephemeral
        + key.public[1184:]
        + bytes.fromhex("5c2e2f2f5e5c")
    ).digest()
    context = b"\x00" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    scheduled = extract(shared, b"secret", b"")
    aead = AESGCM(expand(scheduled, b"key", context, 32))
    nonce = expand(scheduled, b"base_nonce", context, 12)
    assert aead.decrypt(nonce, wrap[1120:], None) == secret
