"""Cryptographic primitives; the only importer of the cryptographic library.

Every primitive of ``concordant/1`` passes through this module, with fixed parameters. A reviewer
reads one file to see what is used, and a caller cannot choose wrong parameters. The module itself
implements only ``lp`` (docs/spec/envelope.md, "Conventions") and the expansion of an X-Wing seed
(draft-connolly-cfrg-xwing-kem, section 5.2).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from typing import ClassVar, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import (
    MLDSA44PrivateKey,
    MLDSA44PublicKey,
    MLDSA65PrivateKey,
    MLDSA65PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HASH_BYTES: Final = 32
SEED_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
ED25519_PUBLIC_BYTES: Final = 32
ED25519_SIGNATURE_BYTES: Final = 64
ML_DSA_44_SIGNATURE_BYTES: Final = 2420
XWING_PUBLIC_BYTES: Final = 1216
SCRYPT_R: Final = 8
SCRYPT_P: Final = 1


class SignatureInvalid(Exception):  # noqa: N818 - a fact about bytes; callers turn it into their own error
    """A signature does not verify."""


class SealBroken(Exception):  # noqa: N818 - as above
    """A ciphertext or a wrap cannot be opened: another key, another context, or altered bytes."""


class KeyMalformed(Exception):  # noqa: N818 - as above
    """Bytes are not a valid key."""


# --- hashing and framing -------------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    """Return SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def lp(*parts: bytes) -> bytes:
    """Frame ``parts`` without ambiguity: be64(count), then be64(length) and bytes of each."""
    out = [len(parts).to_bytes(8, "big")]
    for part in parts:
        out.append(len(part).to_bytes(8, "big"))
        out.append(part)
    return b"".join(out)


def lp_parts(data: bytes, most: int) -> list[bytes] | None:
    """Return the parts of the output of ``lp``; None for other bytes, or more than ``most``."""
    count = int.from_bytes(data[:8], "big")
    if count > most:
        return None
    parts, at = [], 8
    for _ in range(count):
        length = int.from_bytes(data[at : at + 8], "big")
        parts.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return parts if at == len(data) else None  # reads past the end if a part was cut short


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA256 (RFC 2104), 32 bytes."""
    return hmac.digest(key, message, "sha256")


constant_time_equal: Final[Callable[[bytes, bytes], bool]] = hmac.compare_digest
"""Compare in constant time (against timing attacks)."""


def random_bytes(count: int) -> bytes:
    """Return ``count`` bytes from the operating system's random generator."""
    return os.urandom(count)


def random_token(count: int = 24) -> str:
    """Return a passphrase for a trial: ``count`` random bytes in URL-safe text."""
    return secrets.token_urlsafe(count)


# --- base64 --------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    """Encode standard base64 with padding (RFC 4648, section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def strict_b64(text: str | bytes) -> bytes:
    """Decode base64 that encodes to the same characters.

    Only the comparison decides: Python's decoder skips invalid characters and accepts non-zero
    trailing bits, even with ``validate=True``, so one value would have several texts.

    Raises:
        ValueError: not the canonical base64 text of any value.
    """
    try:
        encoded = text.encode("ascii") if isinstance(text, str) else text
        raw = binascii.a2b_base64(encoded)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if binascii.b2a_base64(raw, newline=False) != encoded:
        raise ValueError("base64 is not canonical")
    return raw


# --- Ed25519 (RFC 8032) --------------------------------------------------------------------------


def new_seed() -> bytes:
    """Return 32 random bytes, the private form of every key of this protocol."""
    return os.urandom(SEED_BYTES)


class _Signer:
    """One private key of a signature algorithm."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey | MLDSA44PrivateKey | MLDSA65PrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature over ``message``."""
        return self._key.sign(message)


class _Verifier:
    """One public key of a signature algorithm."""

    __slots__ = ("_key", "public")
    _kind: ClassVar[type[Ed25519PublicKey | MLDSA44PublicKey | MLDSA65PublicKey]]
    _name: ClassVar[str]

    def __init__(self, public: bytes) -> None:
        """Raises KeyMalformed if ``public`` has the wrong length."""
        try:
            self._key = self._kind.from_public_bytes(public)
        except ValueError as error:
            raise KeyMalformed(f"not an {self._name} public key") from error
        self.public = public

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify a signature. Raises SignatureInvalid."""
        try:
            self._key.verify(signature, message)
        except (InvalidSignature, ValueError) as error:
            raise SignatureInvalid from error


class Ed25519Signer(_Signer):
    """Signs with one Ed25519 key: 64 bytes."""

    __slots__ = ()

    def __init__(self, seed: bytes) -> None:
        """Args: seed: 32 bytes."""
        super().__init__(Ed25519PrivateKey.from_private_bytes(seed))


class Ed25519Verifier(_Verifier):
    """Verifies with one Ed25519 key that passed enrolment (broker/keys/enrolment.py)."""

    __slots__ = ()
    _kind = Ed25519PublicKey
    _name = "Ed25519"


# --- ML-DSA (FIPS 204) ---------------------------------------------------------------------------


class MlDsa65Signer(_Signer):
    """Signs with one ML-DSA-65 key (governance): 3309 bytes."""

    __slots__ = ()

    def __init__(self, seed: bytes) -> None:
        """Args: seed: 32 bytes."""
        super().__init__(MLDSA65PrivateKey.from_seed_bytes(seed))


class MlDsa65Verifier(_Verifier):
    """Verifies with one ML-DSA-65 key of 1952 bytes."""

    __slots__ = ()
    _kind = MLDSA65PublicKey
    _name = "ML-DSA-65"


class MlDsa44Signer(_Signer):
    """Signs with one ML-DSA-44 key (heartbeats): 2420 bytes."""

    __slots__ = ()

    def __init__(self, seed: bytes) -> None:
        """Args: seed: 32 bytes."""
        super().__init__(MLDSA44PrivateKey.from_seed_bytes(seed))


class MlDsa44Verifier(_Verifier):
    """Verifies with one ML-DSA-44 key of 1312 bytes."""

    __slots__ = ()
    _kind = MLDSA44PublicKey
    _name = "ML-DSA-44"


# --- HPKE (RFC 9180) with MLKEM768_X25519 (draft-ietf-hpke-pq, KEM 0x647a) -----------------------

_SUITE: Final = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_ML_KEM_768_PUBLIC_BYTES: Final = 1184


class WrapOpener:
    """One exchange key's private half."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Expand the 32-byte X-Wing seed: SHAKE256 gives the ML-KEM seed, then the X25519 key."""
        expanded = hashlib.shake_256(seed).digest(96)
        ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self._key = hpke.MLKEM768X25519PrivateKey(ml_kem, x25519)
        self.public: bytes = (
            ml_kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def open(self, wrap: bytes, info: bytes) -> bytes:
        """Open with HPKE-Base and empty AAD. Raises SealBroken."""
        try:
            return _SUITE.decrypt(wrap, self._key, info)
        except (InvalidTag, ValueError) as error:
            raise SealBroken from error


class WrapSealer:
    """One exchange key's public half."""

    __slots__ = ("_key", "public")

    def __init__(self, public: bytes) -> None:
        """Args: public: 1216 bytes, ML-KEM-768 key, then X25519 key. Raises KeyMalformed."""
        if len(public) != XWING_PUBLIC_BYTES:
            raise KeyMalformed("not an MLKEM768_X25519 public key")
        try:
            x25519 = X25519PublicKey.from_public_bytes(public[_ML_KEM_768_PUBLIC_BYTES:])
            # A point of low order would fail at each sealing (RFC 9180, section 7.1.4), so refuse
            # it here
            X25519PrivateKey.from_private_bytes(bytes(SEED_BYTES)).exchange(x25519)
            self._key = hpke.MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(public[:_ML_KEM_768_PUBLIC_BYTES]),
                x25519,
            )
        except ValueError as error:
            raise KeyMalformed("not an MLKEM768_X25519 public key") from error
        self.public = public

    def seal(self, secret: bytes, info: bytes) -> bytes:
        """Seal with HPKE-Base and empty AAD: encapsulation 1120 bytes, then ciphertext and tag."""
        return _SUITE.encrypt(secret, self._key, info)


# --- AES-256-GCM ---------------------------------------------------------------------------------


class AeadKey:
    """One AES-256-GCM key, kept as an object because its setup costs as much as its use."""

    __slots__ = ("_decrypt", "seal")

    def __init__(self, key: bytes) -> None:
        """Args: key: 32 bytes."""
        aead = AESGCM(key)
        self.seal: Callable[[bytes, bytes, bytes], bytes] = aead.encrypt
        """(nonce, plaintext, AAD) -> ciphertext and 16-byte tag; the nonce must be new."""
        self._decrypt = aead.decrypt

    def open(self, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
        """Decrypt. Raises SealBroken."""
        try:
            return self._decrypt(nonce, ciphertext, aad)
        except InvalidTag as error:
            raise SealBroken from error


_ZERO_NONCE: Final = bytes(NONCE_BYTES)


def seal_once(key: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt with AES-256-GCM and a zero nonce; the key must never encrypt another message."""
    return AESGCM(key).encrypt(_ZERO_NONCE, plaintext, aad)


def open_once(key: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """The inverse of ``seal_once``. Raises SealBroken."""
    try:
        return AESGCM(key).decrypt(_ZERO_NONCE, ciphertext, aad)
    except InvalidTag as error:
        raise SealBroken from error


def one_step_kdf(secret: bytes, info: bytes) -> bytes:
    """Derive a key by NIST SP 800-56C rev. 2, section 4, one block with SHA-512.

    The block is H(be32(1) || secret || info). It uses ``hashlib`` and not the library's
    ConcatKDFHash: the same single hash at a third of the cost.
    """
    return hashlib.sha512(b"\x00\x00\x00\x01" + secret + info).digest()


def scrypt_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    """Derive a key from a passphrase with scrypt (RFC 7914), r = 8 and p = 1.

    Args:
        passphrase: the passphrase.
        salt: 16 bytes.
        cost: N, a power of two; the derivation takes 1024 x N bytes of memory.

    Returns:
        32 bytes.
    """
    memory = 128 * SCRYPT_R * (cost + SCRYPT_P + 2)
    return hashlib.scrypt(
        passphrase, salt=salt, n=cost, r=SCRYPT_R, p=SCRYPT_P, maxmem=memory, dklen=32
    )
