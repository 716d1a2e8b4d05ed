"""Passphrase of a keyring, from a file, the environment or a credential store.

A credential is a file that the service manager puts beside the process and that no other process
can read: systemd's `LoadCredential=` (folder named by `CREDENTIALS_DIRECTORY`). Container secrets
are files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.errors import KeyAccessError

PASSPHRASE_LIMIT_BYTES: Final = 4096
CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Source of the passphrase; exactly one of the three is set.

    Attributes:
        file: the file that holds it; one final line end is not part of it.
        environment: name of the environment variable that holds it.
        credential: name of the file in systemd's credentials directory.
    """

    file: Path | None = None
    environment: str | None = None
    credential: str | None = None


def load_passphrase(source: PassphraseSource, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the passphrase as bytes.

    Raises:
        KeyAccessError: code `passphrase_missing`: there is none, or it cannot be read.
    """
    if source.environment is not None:
        return _checked(
            environment.get(source.environment, "").encode("utf-8", "surrogateescape"),
            f"environment variable {source.environment}",
            f"Set {source.environment} for this process.",
        )
    if source.credential is not None:
        folder = environment.get(CREDENTIALS_DIRECTORY)
        if folder is None:
            raise KeyAccessError(
                "The passphrase is a credential, but the service manager provided none.",
                code="passphrase_missing",
                where=CREDENTIALS_DIRECTORY,
                fix=f"Start the service with LoadCredential={source.credential}:FILE.",
            )
        return _from_file(Path(folder) / source.credential)
    if source.file is None:
        raise KeyAccessError(
            "No source of the passphrase is configured.",
            code="passphrase_missing",
            where="agency.toml [passphrase]",
            fix="Set one of file, environment or credential.",
        )
    return _from_file(source.file)


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(PASSPHRASE_LIMIT_BYTES + 1)
    except OSError as error:
        raise KeyAccessError(
            f"The passphrase file cannot be read ({error.strerror}).",
            code="passphrase_missing",
            where=str(path),
            fix="Put the passphrase back, readable by this user only (mode 0600).",
        ) from None
    content = content.removesuffix(b"\n").removesuffix(b"\r")
    return _checked(content, str(path), "Put the passphrase into the file, on one line.")


def _checked(passphrase: bytes, where: str, fix: str) -> bytes:
    if not passphrase or len(passphrase) > PASSPHRASE_LIMIT_BYTES:
        raise KeyAccessError(
            "The passphrase is empty." if not passphrase else "The passphrase is too long.",
            code="passphrase_missing",
            where=where,
            fix=fix,
        )
    return passphrase
