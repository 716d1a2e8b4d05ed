"""Sign-ins that have begun: what the answer of the provider must fit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from adapters.web.secret_tokens import token_digest, web_token

PENDING_MS: Final = 10 * 60 * 1000
"""Time in which a person must have signed in at the provider."""
MOST_PENDING: Final = 20_000


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """One sign-in.

    Attributes:
        state: value that the answer repeats (against a forged answer).
        nonce: value that the token repeats (against a replayed token).
        verifier: secret of PKCE (against a stolen code).
        onward: page to open afterwards.
        began_ms: when it began.
        again: whether the person must show who they are, also where the provider knows them.
    """

    state: str
    nonce: str
    verifier: str
    onward: str
    began_ms: int
    again: bool


class PendingSignIns:
    """Sign-ins that wait for their answer, each bound to one browser. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_digest: OrderedDict[bytes, PendingSignIn] = OrderedDict()

    def begin(self, onward: str, now: int, *, again: bool) -> tuple[str, PendingSignIn]:
        """Begin a sign-in; return the value of its cookie, and the sign-in.

        Args:
            onward: page to open afterwards.
            now: ms since the epoch.
            again: see ``PendingSignIn``.
        """
        token, state, nonce, verifier = (web_token() for _ in range(4))
        pending = PendingSignIn(state, nonce, verifier, onward, now, again)
        with self._lock:
            while len(self._by_digest) >= MOST_PENDING:
                self._by_digest.popitem(last=False)
            self._by_digest[token_digest(token)] = pending
        return token, pending

    def take(self, token: str, now: int) -> PendingSignIn | None:
        """Return the sign-in of a cookie, once; None if there is none, or its time is over."""
        with self._lock:
            found = self._by_digest.pop(token_digest(token), None)
        if found is None or now - found.began_ms >= PENDING_MS:
            return None
        return found
