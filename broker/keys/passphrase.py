"""Passphrase of a keyring: the only place that fetches one.

It comes from a file, the environment, a credential of the service manager, or the key-value store
of HashiCorp Vault or OpenBao. Every private key file of an agency is opened through
`load_passphrase`: stream, exchange, receipt, manifest and governance keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.keys.secret_source import SECRET_LIMIT_BYTES, SecretSource, VaultSource, load_secret

PASSPHRASE_LIMIT_BYTES: Final = SECRET_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class PassphraseSource(SecretSource):
    """Source of the passphrase; exactly one of the four is set.

    Attributes:
        vault: a field of a secret in Vault or OpenBao.
    """

    vault: VaultSource | None = None


def load_passphrase(source: PassphraseSource, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the passphrase as bytes.

    Raises:
        KeyAccessError: code `passphrase_missing`: there is none, or it cannot be read;
            `passphrase_store_unreachable` or `passphrase_store_refused`: as `read_vault`.
    """
    if source.vault is not None:
        from broker.keys.vault import read_vault  # HTTP takes 40 ms to load

        return read_vault(source.vault, environment)
    return load_secret(source, environment)
