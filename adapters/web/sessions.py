"""Sessions at the server: a cookie holds a random number, everything else stays here."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from adapters.web.people import Person

IDLE_MS: Final = 30 * 60 * 1000
"""A session ends after this time without a request."""
LONGEST_MS: Final = 12 * 60 * 60 * 1000
"""A session ends after this time, whatever its person does."""
MOST_SESSIONS: Final = 1_000
"""Sessions kept at one time; one more ends the one that was used least recently."""
MOST_OF_PERSON: Final = 20
"""Sessions of one person; one more ends the one of theirs that was used least recently."""
TOKEN_BYTES: Final = 32


@dataclass(slots=True, eq=False)
class Session:
    """A session of one person.

    Attributes:
        person: the person who signed in.
        csrf: value that each form must send.
        began_ms: when the person signed in.
        used_ms: last request.
        said: a sentence for the next page, after a redirect.
        id_token: token of the provider for the sign-out there, if one signed the person in.
        facts: what an area keeps between two pages, without personal data.
        over: whether it was ended before its time.
    """

    person: Person
    csrf: str
    began_ms: int
    used_ms: int
    id_token: str | None = None
    said: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    over: bool = False

    def csrf_fits(self, sent: str) -> bool:
        """Return whether a form belongs to this session."""
        return hmac.compare_digest(self.csrf.encode(), sent.encode("utf-8", "replace"))

    def ended(self, now: int) -> bool:
        """Return whether the session was ended or has had its time."""
        return self.over or now - self.used_ms >= IDLE_MS or now - self.began_ms >= LONGEST_MS


class Sessions:
    """All sessions of one server. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_digest: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, person: Person, now: int, id_token: str | None = None) -> str:
        """Begin a session with a new number, and return the number for the cookie.

        Args:
            person: who signed in.
            now: ms since the epoch.
            id_token: token of the provider, for the sign-out there.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        session = Session(person, secrets.token_urlsafe(TOKEN_BYTES), now, now, id_token)
        with self._lock:
            self._forget_ended(now)
            own = [one for one, found in self._by_digest.items() if found.person.id == person.id]
            for digest in own[: max(len(own) - MOST_OF_PERSON + 1, 0)]:
                self._remove(digest)
            if len(self._by_digest) >= MOST_SESSIONS:
                self._remove(next(iter(self._by_digest)))
            self._by_digest[_digest(token)] = session
        return token

    def find(self, token: str, now: int) -> Session | None:
        """Return the session of a cookie, and note that it was used; None if it has ended."""
        digest = _digest(token)
        with self._lock:
            session = self._by_digest.get(digest)
            if session is None:
                return None
            if session.ended(now):
                self._remove(digest)
                return None
            session.used_ms = now
            self._by_digest.move_to_end(digest)
            return session

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._remove(_digest(token))

    def _forget_ended(self, now: int) -> None:
        for digest in [one for one, session in self._by_digest.items() if session.ended(now)]:
            self._remove(digest)

    def _remove(self, digest: bytes) -> None:
        """Forget a session, and mark it for requests that hold it."""
        session = self._by_digest.pop(digest, None)
        if session is not None:
            session.over = True


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "replace")).digest()
