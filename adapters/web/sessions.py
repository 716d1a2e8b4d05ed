"""Sessions at the server: a cookie holds a random number, everything else stays here."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.web.bounded import Bounded
from adapters.web.people import PROXY, Person
from adapters.web.secret_tokens import token_digest, web_token
from adapters.web.session_files import ListedSession, SessionFiles
from adapters.web.stated_reasons import StatedReasons

IDLE_MS: Final = 30 * 60 * 1000
"""A session ends after this time without a request."""
LONGEST_MS: Final = 12 * 60 * 60 * 1000
"""A session ends after this time, whatever its person does."""
ROLES_MS: Final = 30 * 60 * 1000
"""Time after which the next page asks the provider again who the person is, with which roles."""
ROLES_LONGEST_MS: Final = 60 * 60 * 1000
"""A session ends if the provider has not confirmed its person for this time."""
RECENT_MS: Final = 15 * 60 * 1000
"""Time after a sign-in in which a person may take a step that cannot be taken back."""
MOST_SESSIONS: Final = 1_000
"""Sessions kept at one time; one more ends the one that was used least recently."""
MOST_OF_PERSON: Final = 20
"""Sessions of one person; one more ends the one of theirs that was used least recently."""
ID_BYTES: Final = 9
MOST_FORMS: Final = 50
"""Forms of one session of which it is known what they showed."""
LISTED_MS: Final = 60 * 1000
"""Least time between two changes of the listed time of the last request."""


@dataclass(slots=True, eq=False)
class Session:
    """A session of one person.

    Attributes:
        person: the person who signed in.
        csrf: value that each form must send.
        began_ms: when the person signed in.
        used_ms: last request.
        proved_ms: when the person last showed who they are, with a password or another factor.
        checked_ms: when the provider last confirmed the person and the roles.
        id_token: token of the provider for the sign-out there, if one signed the person in.
        said: a sentence for the next page, after a redirect.
        reasons: why the person looks at cases, where an agreement asks for it.
        shown: (sender, id) of the events that a form showed when it was opened, by its address.
        over: whether it was ended before its time.
        id: name of the session for its person; it opens nothing.
    """

    person: Person
    csrf: str
    began_ms: int
    used_ms: int
    proved_ms: int
    checked_ms: int
    id_token: str | None = None
    said: str | None = None
    reasons: StatedReasons = field(default_factory=StatedReasons)
    shown: Bounded[frozenset[tuple[str, str]]] = field(default_factory=lambda: Bounded(MOST_FORMS))
    over: bool = False
    id: str = field(default_factory=lambda: secrets.token_urlsafe(ID_BYTES))

    def csrf_fits(self, sent: str) -> bool:
        """Return whether a form belongs to this session."""
        return hmac.compare_digest(self.csrf.encode(), sent.encode("utf-8", "replace"))

    def ended(self, now: int) -> bool:
        """Return whether the session was ended or has had its time."""
        unconfirmed = self.id_token is not None and now - self.checked_ms >= ROLES_LONGEST_MS
        idle, old = now - self.used_ms >= IDLE_MS, now - self.began_ms >= LONGEST_MS
        return self.over or unconfirmed or idle or old

    def stale(self, now: int) -> bool:
        """Return whether the provider should confirm the person and the roles again."""
        return self.id_token is not None and now - self.checked_ms >= ROLES_MS

    def recent(self, now: int) -> bool:
        """Return whether the person has shown lately who they are.

        A proxy names the person with each request, and decides by itself when to ask again.
        """
        return self.person.vouched == PROXY or now - self.proved_ms < RECENT_MS


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that succeeded.

    Attributes:
        person: who signed in.
        proved_ms: when they showed who they are; 0 if that is not known.
        id_token: token of the provider, for the sign-out there.
    """

    person: Person
    proved_ms: int
    id_token: str | None = None


class WebSessions:
    """All sessions of one server. Safe for threads.

    Args:
        files: lists the sessions for commands, and says which ones a command has ended.
    """

    def __init__(self, files: SessionFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._by_digest: OrderedDict[bytes, Session] = OrderedDict()
        self._listed_ms = 0

    def begin(self, signed_in: SignIn, now: int) -> str:
        """Begin a session with a new number, and return the number for the cookie.

        Args:
            signed_in: who signed in.
            now: ms since the epoch.
        """
        person, csrf = signed_in.person, web_token()
        session = Session(person, csrf, now, now, signed_in.proved_ms, now, signed_in.id_token)
        with self._lock:
            self._forget_ended(now)
            own = [one for one, found in self._by_digest.items() if found.person.id == person.id]
            for digest in own[: max(len(own) - MOST_OF_PERSON + 1, 0)]:
                self._remove(digest)
            if len(self._by_digest) >= MOST_SESSIONS:
                self._remove(next(iter(self._by_digest)))
            return self._keep(session, now)

    def renew(self, token: str, signed_in: SignIn, now: int) -> str:
        """Return a new number for the session of a person who has signed in again.

        Open forms of the session stay valid. Another person, or one whose session has ended, gets a
        new session.

        Args:
            token: the number of the session until now.
            signed_in: who signed in.
            now: ms since the epoch.
        """
        session = self.find(token, now)
        if session is None or session.person.id != signed_in.person.id:
            self.end(token)
            return self.begin(signed_in, now)
        with self._lock:
            self._by_digest.pop(token_digest(token), None)
            session.person, session.id_token = signed_in.person, signed_in.id_token
            session.proved_ms = max(session.proved_ms, signed_in.proved_ms)
            session.checked_ms = now
            return self._keep(session, now)

    def find(self, token: str, now: int) -> Session | None:
        """Return the session of a cookie, and note that it was used; None if it has ended."""
        digest = token_digest(token)
        with self._lock:
            session = self._by_digest.get(digest)
            if session is None:
                return None
            if not self._lasts(session, now):
                self._remove(digest)
                return None
            session.used_ms = now
            self._by_digest.move_to_end(digest)
            if now - self._listed_ms >= LISTED_MS:
                self._list(now)
            return session

    def lasts(self, session: Session, now: int) -> bool:
        """Return whether a session has not ended, by its time, its person or a command."""
        with self._lock:
            return self._lasts(session, now)

    def of_person(self, person: Person, now: int) -> Sequence[Session]:
        """Return the sessions of a person, the one that was used last first."""
        with self._lock:
            self._forget_ended(now)
            found = [one for one in self._by_digest.values() if one.person.id == person.id]
        return found[::-1]

    def end_of_person(self, person: Person, ids: frozenset[str]) -> int:
        """End some sessions of a person; return how many there were.

        Args:
            person: the person; sessions of others stay.
            ids: ids of the sessions.
        """
        with self._lock:
            found = [
                digest
                for digest, one in self._by_digest.items()
                if one.person.id == person.id and one.id in ids
            ]
            for digest in found:
                self._remove(digest)
            return len(found)

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._remove(token_digest(token))

    def close(self) -> None:
        """End every session."""
        with self._lock:
            for session in self._by_digest.values():
                session.over = True
            self._by_digest.clear()
            self._files.close()

    def _lasts(self, session: Session, now: int) -> bool:
        return not session.ended(now) and session.began_ms > self._files.ended_ms(session.person.id)

    def _keep(self, session: Session, now: int) -> str:
        token = web_token()
        self._by_digest[token_digest(token)] = session
        self._list(now)
        return token

    def _forget_ended(self, now: int) -> None:
        ended = [digest for digest, one in self._by_digest.items() if not self._lasts(one, now)]
        for digest in ended:
            self._remove(digest)

    def _remove(self, digest: bytes) -> None:
        """Forget a session, and mark it for requests that hold it."""
        session = self._by_digest.pop(digest, None)
        if session is not None:
            session.over = True
            self._list(session.used_ms)

    def _list(self, now: int) -> None:
        self._listed_ms = now
        self._files.write(
            [
                ListedSession(
                    person=one.person.id,
                    vouched=one.person.vouched,
                    began_ms=one.began_ms,
                    used_ms=one.used_ms,
                )
                for one in self._by_digest.values()
            ]
        )
