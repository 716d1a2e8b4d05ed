"""One-time links with which the person at this machine signs in."""

from __future__ import annotations

import secrets
import threading
from hashlib import sha256
from typing import Final

from adapters.web.people import Person

LINK_MS: Final = 60 * 60 * 1000
"""Time in which a link can be used."""
TOKEN_BYTES: Final = 32


class OneTimeLinks:
    """Links that were made and not used yet. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: dict[bytes, tuple[Person, int]] = {}

    def make(self, person: Person, now: int) -> str:
        """Return the secret part of a new link for a person."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._people[_digest(token)] = person, now + LINK_MS
        return token

    def use(self, token: str, now: int) -> Person | None:
        """Return the person of a link, once; None if it was used before or has had its time."""
        with self._lock:
            found = self._people.pop(_digest(token), None)
        if found is None or now >= found[1]:
            return None
        return found[0]


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
