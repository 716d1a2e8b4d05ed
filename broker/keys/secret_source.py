"""A secret of one line from a file, the environment or a credential store.

A credential is a file that the service manager puts beside the process and that no other process
can read: systemd's `LoadCredential=` (folder named by `CREDENTIALS_DIRECTORY`). Container secrets
are files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from broker.errors import KeyAccessError

SECRET_LIMIT_BYTES: Final = 4096
CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Place of a secret; exactly one of the three is set.

    Attributes:
        file: the file that holds it; one final line end is not part of it.
        environment: name of the environment variable that holds it.
        credential: name of the file in systemd's credentials directory.
    """

    file: Path | None = None
    environment: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class VaultSource:
    """A field of a secret, and the means of reading it: a token, or AppRole with its secret id.

    Attributes:
        address: `https://HOST[:PORT]`.
        mount: mount path of the key-value engine.
        path: path of the secret in it.
        field: name of the field that holds the passphrase.
        kv_version: version of the key-value engine.
        namespace: namespace of Vault Enterprise or OpenBao; None without one.
        ca: file with the authority that issued the store's certificate; None: the system's.
        token: source of the token; None with AppRole.
        role_id: id of the role; None with a token.
        secret_id: source of the role's secret id; None with a token.
        approle_mount: mount path of the AppRole method.
    """

    address: str
    mount: str
    path: str
    field: str
    kv_version: Literal[1, 2]
    namespace: str | None
    ca: Path | None
    token: SecretSource | None
    role_id: str | None
    secret_id: SecretSource | None
    approle_mount: str

    @property
    def where(self) -> str:
        """Return address and path of the secret, as errors name them."""
        return f"{self.address} {self.mount}/{self.path}"


def load_secret(
    source: SecretSource,
    environment: Mapping[str, str],
    *,
    what: str = "passphrase",
    setting: str = "[passphrase]",
) -> bytes:
    """Return the secret as bytes. No error and no log line holds any part of it.

    Args:
        source: its place.
        environment: the variables of this process.
        what: its name in a sentence.
        setting: its setting in `agency.toml`.

    Raises:
        KeyAccessError: code `passphrase_missing`: there is none, or it cannot be read.
    """
    if source.environment is not None:
        return _checked(
            environment.get(source.environment, "").encode("utf-8", "surrogateescape"),
            what,
            f"environment variable {source.environment}",
            f"Set {source.environment} for this process.",
        )
    if source.credential is not None:
        folder = environment.get(CREDENTIALS_DIRECTORY)
        if folder is None:
            raise KeyAccessError(
                f"The {what} is a credential, but the service manager provided none.",
                code="passphrase_missing",
                where=CREDENTIALS_DIRECTORY,
                fix=f"Start the service with LoadCredential={source.credential}:FILE.",
            )
        return _from_file(Path(folder) / source.credential, what)
    if source.file is None:
        raise KeyAccessError(
            f"No source of the {what} is configured.",
            code="passphrase_missing",
            where=f"agency.toml {setting}",
            fix="Set one of file, environment, credential and vault."
            if what == "passphrase"
            else "Set one of file, environment and credential.",
        )
    return _from_file(source.file, what)


def _from_file(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_LIMIT_BYTES + 1)
    except OSError as error:
        raise KeyAccessError(
            f"The file of the {what} cannot be read ({error.strerror}).",
            code="passphrase_missing",
            where=str(path),
            fix=f"Write the {what} to this file, readable by this user only (mode 0600).",
        ) from None
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    return _checked(content, what, str(path), f"Put the {what} into the file, on one line.")


def _checked(secret: bytes, what: str, where: str, fix: str) -> bytes:
    if not secret or len(secret) > SECRET_LIMIT_BYTES:
        raise KeyAccessError(
            f"The {what} is empty." if not secret else f"The {what} is too long.",
            code="passphrase_missing",
            where=where,
            fix=fix,
        )
    return secret
