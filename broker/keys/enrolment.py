"""Checks of a public key at enrolment, before it is trusted (spec: keys).

`cryptography` accepts Ed25519 keys of small order. With the identity point as public key, one fixed
signature verifies many messages, so anyone can sign for such a key. It also accepts encodings that
are not canonical, so one key would have two ids. The checks here use the encoding alone (RFC 8032
section 5.1.3 for the decoding) and need no curve arithmetic. Signing keys also carry a proof of
possession, so that an agency cannot enrol another agency's key as its own.
"""

from __future__ import annotations

from typing import Final

from broker.envelope.primitives import (
    ED25519_PUBLIC_BYTES,
    XWING_PUBLIC_BYTES,
    Ed25519Verifier,
    KeyMalformed,
    MlDsa44Verifier,
    MlDsa65Verifier,
    SignatureInvalid,
    WrapSealer,
    lp,
)
from broker.errors import ManifestError
from broker.keys.kid import ED25519, ML_DSA_44, ML_DSA_65, XWING

Verifier = Ed25519Verifier | MlDsa44Verifier | MlDsa65Verifier

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_SIGN_BIT: Final = 1 << 255

# The y coordinates of the eight points whose order divides 8 (1; -1; 0; and the two of order 8),
# as in libsodium's `ge25519_has_small_order` and draft-irtf-cfrg-eddsa-checks.
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})

# The u coordinates of Curve25519 and its twist whose order divides 8: with them X25519 gives zero
# for every other key, and a sender's wrap would fail (RFC 7748 section 6.1).
_ORDER_8_U: Final = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
_ML_KEM_Q: Final = 3329
_ML_KEM_SEED_BYTES: Final = 32
"""Length of the seed at the end of an encapsulation key.

Before it are 12 bits for each coefficient.
"""
_LOW_ORDER_U: Final = frozenset({0, 1, _P - 1, *_ORDER_8_U})


def verify_ed25519_public(public: bytes) -> None:
    """Check an Ed25519 public key in its wire encoding.

    Args:
        public: 32 bytes, RFC 8032 encoding.

    Raises:
        ManifestError: code `key_malformed` (not 32 bytes, not canonical, not a point) or
            `key_small_order`.
    """
    if len(public) != ED25519_PUBLIC_BYTES:
        raise ManifestError("An Ed25519 key is not 32 bytes long.", code="key_malformed")
    y = int.from_bytes(public, "little") & (_SIGN_BIT - 1)
    if y >= _P:
        raise ManifestError("An Ed25519 key's encoding is not canonical.", code="key_malformed")
    if y in _SMALL_ORDER_Y:
        raise ManifestError(
            "An Ed25519 key has small order: anyone could sign for it.", code="key_small_order"
        )
    # x^2 = (y^2 - 1) / (d y^2 + 1) must be a square; numerator times denominator has the same
    # quadratic character as the quotient, and x is not 0 because y is neither 1 nor -1.
    squared = y * y
    if pow((squared - 1) * (_D * squared + 1), (_P - 1) // 2, _P) != 1:
        raise ManifestError("An Ed25519 key is not a point of the curve.", code="key_malformed")


def verify_public(algorithm: str, public: bytes) -> None:
    """Check a public key of any algorithm of this protocol.

    Raises:
        ManifestError: code `key_malformed` or `key_small_order`.
    """
    if algorithm == ED25519:
        verify_ed25519_public(public)
        return
    try:
        if algorithm == ML_DSA_44:
            MlDsa44Verifier(public)
        elif algorithm == ML_DSA_65:
            MlDsa65Verifier(public)
        elif algorithm == XWING:
            if len(public) == XWING_PUBLIC_BYTES:  # first, so that each fault has its own text
                _verify_x25519(public[XWING_PUBLIC_BYTES - 32 :])
                _verify_ml_kem(public[: XWING_PUBLIC_BYTES - 32])
            WrapSealer(public)
        else:
            raise ManifestError("A key's algorithm is unknown.", code="key_malformed")
    except KeyMalformed as error:
        raise ManifestError(f"A key is malformed: {error}.", code="key_malformed") from error


def _verify_x25519(public: bytes) -> None:
    u = int.from_bytes(public, "little")
    if u >= _P:
        raise ManifestError("An X25519 key's encoding is not canonical.", code="key_malformed")
    if u in _LOW_ORDER_U:
        raise ManifestError("An X25519 key has small order.", code="key_small_order")


def _verify_ml_kem(public: bytes) -> None:
    """Check an encapsulation key by FIPS 203, section 7.2: every coefficient is below q.

    Encapsulation fails for any other key, so one party's manifest would stop every sender that
    addresses it. The library checks this too, but older versions did not, so we do not depend on
    it.
    """
    packed = int.from_bytes(public[:-_ML_KEM_SEED_BYTES], "little")
    mask = (1 << 12) - 1
    for shift in range(0, 8 * (len(public) - _ML_KEM_SEED_BYTES), 12):
        if packed >> shift & mask >= _ML_KEM_Q:
            raise ManifestError("An ML-KEM-768 key is not reduced.", code="key_malformed")


def verifier(algorithm: str, public: bytes) -> Verifier:
    """Return the verifier of a signing key that `verify_public` accepted.

    Raises:
        ManifestError: code `key_malformed`.
    """
    kinds: dict[str, type[Verifier]] = {
        ED25519: Ed25519Verifier,
        ML_DSA_44: MlDsa44Verifier,
        ML_DSA_65: MlDsa65Verifier,
    }
    try:
        return kinds[algorithm](public)
    except (KeyError, KeyMalformed):
        raise ManifestError("A key is not a signing key.", code="key_malformed") from None


def possession_message(deployment: str, agency: str, kid: bytes) -> bytes:
    """Return the message that a signing key signs as its proof of possession."""
    return lp(b"concordant/1/possession", deployment.encode(), agency.encode(), kid)


def verify_possession(
    algorithm: str, public: bytes, possession: bytes, *, deployment: str, agency: str, kid: bytes
) -> None:
    """Check a proof of possession.

    Raises:
        ManifestError: code `possession_invalid`, or `key_malformed` for a key that cannot sign.
    """
    try:
        verifier(algorithm, public).verify(possession, possession_message(deployment, agency, kid))
    except SignatureInvalid:
        raise ManifestError(
            "A signing key does not prove that its holder has it.", code="possession_invalid"
        ) from None
