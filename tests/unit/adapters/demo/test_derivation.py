"""Keys that the demo derives from passphrases, each once."""

from __future__ import annotations

from unittest import mock

from adapters.demo import derivation
from adapters.demo.derivation import DerivedKeys

COST = 2**4


def test_a_key_is_derived_once_for_the_same_passphrase_salt_and_cost() -> None:
    with mock.patch.object(derivation, "scrypt_key", wraps=derivation.scrypt_key) as scrypt:
        derive = DerivedKeys()
        first = derive(b"passphrase", bytes(16), COST)
        assert derive(b"passphrase", bytes(16), COST) == first
        assert scrypt.call_count == 1
        others = {
            derive(b"another", bytes(16), COST),
            derive(b"passphrase", bytes(15) + b"1", COST),
            derive(b"passphrase", bytes(16), 2 * COST),
        }
        assert len(others - {first}) == 3
        assert scrypt.call_count == 4
