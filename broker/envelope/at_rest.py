"""Encryption of content in the state database under a key of the agency's secret.

One label is one key. A ciphertext is a random nonce (12 bytes), then AES-256-GCM ciphertext and tag
(16 bytes).
"""

from __future__ import annotations

from typing import Final

from broker.envelope.primitives import AeadKey, SealBroken, hmac_sha256, lp, random_bytes

_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16


class AtRestKey:
    """Key for the content of one table."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes, label: bytes) -> None:
        """Derive the key.

        Args:
            secret: the agency's secret, 32 bytes.
            label: names the use; another label gives another key.
        """
        self._key = AeadKey(hmac_sha256(secret, lp(label)))

    def seal(self, content: bytes, aad: bytes = b"") -> bytes:
        """Encrypt content; ``aad`` binds it to its row."""
        nonce = random_bytes(_NONCE_BYTES)
        return nonce + self._key.seal(nonce, content, aad)

    def open(self, sealed: bytes, aad: bytes = b"") -> bytes:
        """Decrypt the output of ``seal``.

        Raises:
            SealBroken: another key, another row, or other bytes than were written.
        """
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise SealBroken
        return self._key.open(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad)
