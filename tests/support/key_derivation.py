"""Derivation of keys from passphrases in tests: scrypt at its real cost, but only once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from broker.envelope.primitives import scrypt_key

_USERS = ("broker.keys.keyring.scrypt_key", "broker.keys.sealed_stream.scrypt_key")
_DERIVED: dict[tuple[bytes, bytes, int], bytes] = {}
"""Keys that this process derived, by passphrase, salt and cost. Copies of a folder share them."""


def cheap_key(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    """In place of scrypt, which takes 0.4 s."""
    return hashlib.sha256(passphrase + salt + str(cost).encode()).digest()


def _remembered(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    asked = (passphrase, salt, cost)
    if asked not in _DERIVED:
        _DERIVED[asked] = scrypt_key(*asked)
    return _DERIVED[asked]


def _cheap_if_new(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    return _DERIVED.get((passphrase, salt, cost)) or cheap_key(passphrase, salt, cost)


@contextmanager
def _in_place_of_scrypt(derive: Callable[[bytes, bytes, int], bytes]) -> Iterator[None]:
    with ExitStack() as stack:
        for user in _USERS:
            stack.enter_context(mock.patch(user, derive))
        yield


@contextmanager
def scrypt_once() -> Iterator[None]:
    """Derive each key once; the keys are those that a process outside the test derives."""
    with _in_place_of_scrypt(_remembered):
        yield


@contextmanager
def cheap_scrypt_of_new_keys() -> Iterator[None]:
    """Open the folders that exist; keys that are sealed from now on cost a hash.

    Only for tests without other processes: these cannot open what is sealed here.
    """
    with _in_place_of_scrypt(_cheap_if_new):
        yield
