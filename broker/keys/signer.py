"""The one small interface behind which private keys live, and its choice by URI (spec: keys).

`file:` keeps them in encrypted files. `pkcs11:` and `vault:` will sit behind the same two protocols
without a caller's noticing: what signs or opens is asked for by key id, and nothing else is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from broker.envelope.primitives import WrapOpener
from broker.errors import ConfigError
from broker.keys.enrolment import SigningKey
from broker.keys.keyfile import KeyEntry

FILE_SCHEME: Final = "file:"


@dataclass(frozen=True, slots=True)
class PassphraseChange:
    """What a change of passphrase did.

    Attributes:
        changed: keys that were encrypted anew.
        before: keys that opened with the new passphrase already.
    """

    changed: int
    before: int


class Signer(Protocol):
    """One signing key."""

    @property
    def kid(self) -> bytes:
        """The key's id, 32 bytes."""

    @property
    def role(self) -> str:
        """What the key may sign."""

    @property
    def algorithm(self) -> str:
        """Its algorithm."""

    @property
    def public(self) -> bytes:
        """The raw public key."""

    def sign(self, message: bytes) -> bytes:
        """The signature over exactly `message`."""


class KeySource(Protocol):
    """What holds an agency's private keys."""

    def entries(self) -> tuple[KeyEntry, ...]:
        """The public parts of all keys held. Raises KeyAccessError for a damaged file."""

    def holds(self, kid: bytes) -> bool:
        """Whether the private half is here; does not unlock anything."""

    def signer(self, kid: bytes) -> Signer:
        """The signing key with this id. Raises KeyAccessError."""

    def opener(self, kid: bytes) -> WrapOpener:
        """The exchange key with this id. Raises KeyAccessError."""

    def secret(self) -> bytes:
        """The sender's PRF secret, 32 bytes. Raises KeyAccessError."""

    def create(
        self, role: str, algorithm: str, *, not_before: int, not_after: int | None
    ) -> KeyEntry:
        """Makes a key and keeps it; times in milliseconds. Raises KeyAccessError."""

    def destroy(self, kid: bytes, *, now: int, reason: str) -> None:
        """Destroys a private half and keeps a record. Raises KeyAccessError."""

    def change_passphrase(self, new: bytes) -> PassphraseChange:
        """Has every key open with another passphrase only. Raises KeyAccessError."""


@dataclass(frozen=True, slots=True)
class SoftwareSigner:
    """A signing key in this process's memory."""

    kid: bytes
    role: str
    algorithm: str
    key: SigningKey

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self.key.public

    def sign(self, message: bytes) -> bytes:
        """The signature over exactly `message`."""
        return self.key.sign(message)


def open_source(
    uri: str, *, base: Path, deployment: str, agency: str, passphrase: Callable[[], bytes]
) -> KeySource:
    """The key source that a URI names; opens nothing yet.

    Args:
        uri: `file:FOLDER`, relative to `base`.
        base: the agency's directory.
        deployment: the partnership's id.
        agency: the holder's id.
        passphrase: asked at most once, and only when a private key is needed.

    Raises:
        ConfigError: code `config_signer`: no such scheme in this version.
    """
    from broker.keys.keyring import Keyring

    if not uri.startswith(FILE_SCHEME) or not uri.removeprefix(FILE_SCHEME):
        raise ConfigError(
            "This version cannot keep keys where the configuration says.",
            code="config_signer",
            where="agency.toml [keys]",
            fix='Use "file:FOLDER".',
        )
    folder = base / uri.removeprefix(FILE_SCHEME)
    return Keyring(folder, deployment=deployment, agency=agency, passphrase=passphrase)
