"""File of the webhook's signing secret: one line, and two while the secret is replaced.

The first line is the current secret, the second the one before. The adapter reads the file at each
attempt, so a rotation needs no restart.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.protected_file import UnprotectedFileError, read_protected
from adapters.webhook.signing import new_secret, secret_bytes
from broker.errors import ConfigError, WrongInputError
from broker.keys.durable import SECRET_MODE, write_durably
from broker.store.exclusion import exclusive
from broker.waiting import out_of_descriptors

_LIMIT_BYTES: Final = 1_024
_MOST_SECRETS: Final = 2
_LOCK: Final = "state/webhook-secret.lock"


def read_keys(path: Path) -> tuple[bytes, ...]:
    """Return the keys of the secrets, the current one first.

    Raises:
        ConfigError: `webhook_secret_unusable`.
        OSError: this process has no free file descriptor.
    """
    return tuple(secret_bytes(one) for one in _read(path))


def make_secret(root: Path, path: Path) -> str:
    """Make the first secret, and return it.

    Args:
        root: the agency's folder.
        path: the file of the secret.

    Raises:
        WrongInputError: `webhook_secret_exists`.
    """
    with exclusive(_lock(root)):
        if os.path.lexists(path):
            raise WrongInputError(
                "There is a secret of the webhook already.",
                code="webhook_secret_exists",
                where=str(path),
                fix="Replace it: concordant adapter webhook secret rotate --agency DIR",
            )
        return _write(path, ())


def rotate_secret(root: Path, path: Path) -> str:
    """Make a new secret beside the current one, and return it.

    Raises:
        WrongInputError: `webhook_secret_two`: the rotation before has not ended.
        ConfigError: `webhook_secret_unusable`.
    """
    with exclusive(_lock(root)):
        before = _read(path)
        if len(before) == _MOST_SECRETS:
            raise WrongInputError(
                "The file has two secrets: the last rotation has not ended.",
                code="webhook_secret_two",
                where=str(path),
                fix="When the endpoint has the newer secret: concordant adapter webhook secret "
                "retire --agency DIR",
            )
        return _write(path, before)


def retire_secret(root: Path, path: Path) -> bool:
    """Remove the older of two secrets. Return whether there were two.

    Raises:
        ConfigError: `webhook_secret_unusable`.
    """
    with exclusive(_lock(root)):
        current, *older = _read(path)
        if older:
            write_durably(path, f"{current}\n".encode(), mode=SECRET_MODE)
        return bool(older)


def _lock(root: Path) -> Path:
    (root / _LOCK).parent.mkdir(mode=0o700, exist_ok=True)
    return root / _LOCK


def _write(path: Path, older: Sequence[str]) -> str:
    secret = new_secret()
    write_durably(path, "".join(f"{one}\n" for one in (secret, *older)).encode(), mode=SECRET_MODE)
    return secret


def _read(path: Path) -> tuple[str, ...]:
    try:
        content = read_protected(path, _LIMIT_BYTES)
    except FileNotFoundError:
        raise ConfigError(
            "There is no secret of the webhook.",
            code="webhook_secret_unusable",
            where=str(path),
            fix="Make one: concordant adapter webhook secret new --agency DIR. Or write the secret "
            "that you were given into this file, with mode 0600.",
        ) from None
    except OSError as error:
        if out_of_descriptors(error):
            raise
        raise _unusable(path, error.strerror or type(error).__name__) from None
    except UnprotectedFileError as error:
        raise _unusable(path, str(error)) from None
    try:
        lines = tuple(content.decode("ascii").split())
        if not 0 < len(lines) <= _MOST_SECRETS:
            raise ValueError
        for one in lines:
            secret_bytes(one)
    except ValueError:
        raise _unusable(path, "it does not hold one or two secrets") from None
    return lines


def _unusable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"The file of the webhook's secret cannot be used ({reason}).",
        code="webhook_secret_unusable",
        where=str(path),
        fix="Correct the owner, the permissions (0600) and the content: a line with whsec_ and "
        "base64 of 24 to 64 bytes, during a rotation two lines.",
    )
