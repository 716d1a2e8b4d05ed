"""Keys that the demo derives from passphrases, each once.

The demo acts for seven agencies and loads their folders many times. Each derivation takes 128 MiB
and 0.4 s of a core.
"""

from __future__ import annotations

from broker.envelope.primitives import scrypt_key


class DerivedKeys:
    """Derives keys with scrypt, and remembers them while the demo runs."""

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, bytes, int], bytes] = {}

    def __call__(self, passphrase: bytes, salt: bytes, cost: int) -> bytes:
        """Return the key of a passphrase; the arguments are those of ``scrypt_key``."""
        asked = (passphrase, salt, cost)
        key = self._keys.get(asked)
        if key is None:
            key = self._keys[asked] = scrypt_key(passphrase, salt, cost)
        return key
