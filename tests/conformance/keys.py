"""Key ids, and public keys that no one may enrol (docs/spec/keys.md, "Roles" and "Enrolment")."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from tests.conformance.conventions import DAY_MS, lp, sha256
from tests.conformance.refusals import MalformedError

ED25519, ML_DSA_65, ML_DSA_44, X_WING = "ed25519", "ml-dsa-65", "ml-dsa-44", "mlkem768-x25519"
STREAM, EXCHANGE, RECEIPT = "stream", "exchange", "receipt"

ALGORITHMS = {STREAM: (ED25519, ML_DSA_44), EXCHANGE: (X_WING,), RECEIPT: (ED25519,)}
LONGEST_LIFE_MS = {STREAM: 90 * DAY_MS, EXCHANGE: 30 * DAY_MS, RECEIPT: 90 * DAY_MS}

P = 2**255 - 19
# The y coordinates of the eight points of small order of edwards25519: 1 and -1 (orders 1 and 2),
# 0 (order 4), and plus and minus one value for the four of order 8.
_Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
SMALL_ORDER_Y = {0, 1, P - 1, _Y8, P - _Y8}
ML_KEM_768_BYTES = 1184


def kid(role: str, algorithm: str, public: bytes) -> bytes:
    """The key id, whole."""
    return sha256(lp("concordant/1/kid", role, algorithm, public))


def check_public(algorithm: str, public: bytes) -> None:
    """Check that a key may be enrolled.

    Raises:
        MalformedError: wrong length, not canonical, or of small order.
    """
    try:
        if algorithm == ED25519:
            _check_ed25519(public)
        elif algorithm == ML_DSA_65:
            MLDSA65PublicKey.from_public_bytes(public)
        elif algorithm == ML_DSA_44:
            MLDSA44PublicKey.from_public_bytes(public)
        elif algorithm == X_WING:
            _check_ml_kem(public[:ML_KEM_768_BYTES])
            _check_x25519(public[ML_KEM_768_BYTES:])
        else:
            raise MalformedError("an unknown algorithm")
    except ValueError as error:
        raise MalformedError("a key that may not be enrolled") from error


def _check_ed25519(public: bytes) -> None:
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if len(public) != 32 or y >= P or y in SMALL_ORDER_Y:
        raise MalformedError("of small order or not canonical")
    # RFC 8032, section 5.1.3: the point exists if (y^2 - 1) / (d y^2 + 1) is a square.
    d = -121665 * pow(121666, -1, P)
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    if pow(x_squared, (P - 1) // 2, P) != 1:
        raise MalformedError("not a point")


def _check_ml_kem(public: bytes) -> None:
    """FIPS 203, section 7.2: the type check and the modulus check of an encapsulation key."""
    MLKEM768PublicKey.from_public_bytes(public)
    for start in range(0, ML_KEM_768_BYTES - 32, 3):
        low, middle, high = public[start : start + 3]
        if low | (middle & 15) << 8 >= 3329 or middle >> 4 | high << 4 >= 3329:
            raise MalformedError("a coefficient that is not reduced")


def _check_x25519(public: bytes) -> None:
    if int.from_bytes(public, "little") >= P:
        raise MalformedError("not canonical")
    # Scalars are multiples of eight, so a point of small order always gives zeros, and the library
    # refuses these (RFC 7748, section 6.1).
    probe = X25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    probe.exchange(X25519PublicKey.from_public_bytes(public))
