"""One-time links with which the person at this machine signs in."""

from __future__ import annotations

import threading
from typing import Final

from adapters.web.people import Person
from adapters.web.secret_tokens import token_digest, web_token

LINK_MS: Final = 60 * 60 * 1000
"""Time in which a link can be used."""


class OneTimeLinks:
    """Links that were made and not used yet. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._people: dict[bytes, tuple[Person, int]] = {}

    def make(self, person: Person, now: int) -> str:
        """Return the secret part of a new link for a person."""
        token = web_token()
        with self._lock:
            self._people[token_digest(token)] = person, now + LINK_MS
        return token

    def use(self, token: str, now: int) -> Person | None:
        """Return the person of a link, once; None if it was used before or has had its time."""
        with self._lock:
            found = self._people.pop(token_digest(token), None)
        if found is None or now >= found[1]:
            return None
        return found[0]
