"""Signing keys with id and role, in the memory of this process or on a token (spec: keys)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from broker.envelope.primitives import Ed25519Signer, MlDsa44Signer, MlDsa65Signer
from broker.keys.kid import ED25519, ML_DSA_44, ML_DSA_65


class SigningKey(Protocol):
    """A private key: in memory (`broker.envelope.primitives`), or on a token (`TokenKey`)."""

    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Return the signature over exactly `message`."""


SIGNING_KEYS: Final[Mapping[str, type[Ed25519Signer | MlDsa44Signer | MlDsa65Signer]]] = (
    MappingProxyType({ED25519: Ed25519Signer, ML_DSA_44: MlDsa44Signer, ML_DSA_65: MlDsa65Signer})
)
"""Private key class of each signing algorithm, made from 32 bytes."""


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A signing key with its id and its role."""

    kid: bytes
    role: str
    algorithm: str
    key: SigningKey

    @property
    def public(self) -> bytes:
        """Return the raw public key."""
        return self.key.public

    def sign(self, message: bytes) -> bytes:
        """Return the signature over exactly `message`."""
        return self.key.sign(message)
