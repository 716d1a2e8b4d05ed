"""scrypt at its real cost, once in a process for each passphrase and salt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest import mock

from broker.envelope.primitives import scrypt_key
from tests.support.founding import cheap_key

remembered_scrypt = cache(scrypt_key)
"""The key that scrypt derives. Copies of a folder share their salt, so they share its 0.4 s."""

USERS = ("broker.keys.keyring.scrypt_key", "broker.keys.sealed_stream.scrypt_key")


@contextmanager
def cheap_for(passphrase: str) -> Iterator[None]:
    """Derive the keys of one passphrase with a hash; every other key is scrypt's.

    For tests that seal copies of a folder again, each with a salt of its own.
    """

    def derive(given: bytes, salt: bytes, cost: int) -> bytes:
        is_cheap = given == passphrase.encode()
        return (cheap_key if is_cheap else remembered_scrypt)(given, salt, cost)

    with mock.patch(USERS[0], derive):
        yield


@contextmanager
def scrypt_once() -> Iterator[None]:
    """Derive each key once; the keys are those that a process outside the test derives."""
    with mock.patch(USERS[0], remembered_scrypt), mock.patch(USERS[1], remembered_scrypt):
        yield
