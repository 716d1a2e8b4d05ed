"""Access tokens for Kafka: client credentials at a token endpoint (RFC 6749, section 4.4).

One source serves all clients of a process and all threads. It keeps a token and renews it before it
ends; if the endpoint does not answer then, the token that is still valid is used. After a failure
it waits before it asks again, so that clients that reconnect do not overload the endpoint. An
answer is read up to a limit and until a deadline. Redirects are refused, because the secret would
go to an address that no setting names. No error holds the secret, the token or the answer.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, Final

from broker.clock import now_ms
from broker.errors import TransportError
from broker.strict_json import parse_strict_json

TIMEOUT_S: Final = 10.0
ANSWER_LIMIT_BYTES: Final = 64 * 1024
UNSTATED_LIFE_S: Final = 300
"""Life of a token whose answer states none."""
LEAST_LIFE_MS: Final = 5_000
"""Time that a token must still be valid to be used: a login takes a while."""
PAUSE_MS: Final = 5_000
"""Shortest time between a failure and the next request."""
RENEWED_AFTER: Final = 0.8
"""Share of a token's life after which it is renewed."""
_MOST_LIFE_S: Final = 7 * 86_400
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and its end, in milliseconds since the epoch."""

    value: str
    ends_ms: int


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Token endpoint, and the client that asks it.

    Attributes:
        address: `https://...`; `http://` only on this machine.
        client_id: our id there.
        read_secret: returns our secret there; called for each request.
        ca: file with the authority of the endpoint's certificate; None for those of the operating
            system.
        scope: requested scope; None requests none.
        audience: requested audience, which some servers need; None requests none.
    """

    address: str
    client_id: str
    read_secret: Callable[[], str]
    ca: Path | None = None
    scope: str | None = None
    audience: str | None = None


def wrong_endpoint(address: str) -> bool:
    """Return whether an address cannot be used: the secret goes over TLS, or stays here."""
    try:
        parts = urllib.parse.urlsplit(address)
        usable = parts.username is None and not parts.fragment and parts.port != 0
    except ValueError:
        return True
    if not usable or not parts.hostname:
        return True
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return parts.scheme != "https" and not local


class AccessTokens:
    """Source of access tokens; may be used from several threads."""

    def __init__(self, endpoint: TokenEndpoint, clock: Callable[[], int] = now_ms) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._renew_ms = 0
        self._problem: TransportError | None = None
        self._ask_again_ms = 0

    @property
    def problem(self) -> TransportError | None:
        """Return why the last request failed; None if it succeeded."""
        return self._problem

    def current(self) -> AccessToken:
        """Return a valid token.

        Raises:
            TransportError: `kafka_token_unavailable` or `kafka_token_refused`;
                `kafka_password_missing`: there is no secret.
        """
        with self._lock:
            now = self._clock()
            held = self._token
            if held is not None and now < self._renew_ms:
                return held
            if now >= self._ask_again_ms:
                self._renew(now)
            held = self._token
            if held is not None and now < held.ends_ms - LEAST_LIFE_MS:
                return held
            assert self._problem is not None
            raise self._problem.with_traceback(None)

    def _renew(self, now: int) -> None:
        try:
            value, life_s = _request(self.endpoint)
        except TransportError as error:
            self._problem, self._ask_again_ms = error, now + PAUSE_MS
            return
        life_ms = life_s * 1000
        if life_ms <= LEAST_LIFE_MS:
            detail = f"its tokens end within {LEAST_LIFE_MS // 1000} seconds"
            self._problem, self._ask_again_ms = _unavailable(self.endpoint, detail), now + PAUSE_MS
            return
        self._token = AccessToken(value, now + life_ms)
        self._renew_ms = now + int(life_ms * RENEWED_AFTER)
        self._problem, self._ask_again_ms = None, 0


def token_subject(value: str) -> str | None:
    """Return the subject that a token states, unverified; None if it is not a JSON Web Token.

    Kafka verifies the token. This only helps to compare its subject with the contract.
    """
    parts = value.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = parse_strict_json(base64.urlsafe_b64decode(parts[1] + "=" * 2))
    except ValueError:
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) and subject.isprintable() else None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, _req: Any, _fp: IO[bytes], _code: int, _msg: str, _headers: Any, _newurl: str
    ) -> None:
        """Follow no redirect; urllib then raises the answer as an error."""


def _request(endpoint: TokenEndpoint) -> tuple[str, int]:
    """Return a token and its life in seconds."""
    form = {"grant_type": "client_credentials"}
    form |= {"scope": endpoint.scope} if endpoint.scope is not None else {}
    form |= {"audience": endpoint.audience} if endpoint.audience is not None else {}
    who = ":".join(
        urllib.parse.quote_plus(part) for part in (endpoint.client_id, endpoint.read_secret())
    )
    request = urllib.request.Request(  # noqa: S310 - `wrong_endpoint` allows https, or this machine
        endpoint.address,
        urllib.parse.urlencode(form).encode(),
        {
            "Authorization": f"Basic {base64.b64encode(who.encode()).decode()}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        method="POST",
    )
    opener = urllib.request.build_opener(
        _NoRedirect, urllib.request.HTTPSHandler(context=_context(endpoint))
    )
    deadline = time.monotonic() + 2 * TIMEOUT_S
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            content = _content(answer, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(endpoint, error.code) from None
    except urllib.error.URLError as error:
        raise _unavailable(endpoint, _reason(error.reason)) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _unavailable(endpoint, _reason(error)) from None
    return _token_of(endpoint, content)


def _context(endpoint: TokenEndpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ca and str(endpoint.ca))
    except OSError:  # ssl.SSLError is one
        raise TransportError(
            "the certificate of the token endpoint's authority cannot be read",
            code="certificate_unreadable",
            where=str(endpoint.ca),
            fix="Put the authority's certificate there, in PEM: [kafka.oauthbearer] ca.",
        ) from None


def _content(answer: HTTPResponse, deadline: float) -> bytes:
    found = b""
    while piece := answer.read1(ANSWER_LIMIT_BYTES + 1 - len(found)):
        found += piece
        if len(found) > ANSWER_LIMIT_BYTES:
            raise ValueError("answer too large")
        if time.monotonic() > deadline:
            raise TimeoutError
    return found


def _token_of(endpoint: TokenEndpoint, content: bytes) -> tuple[str, int]:
    try:
        document: Any = parse_strict_json(content)
    except ValueError:
        document = None
    found: Mapping[str, object] = document if isinstance(document, dict) else {}
    value, kind = found.get("access_token"), found.get("token_type")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise _unavailable(endpoint, "its answer holds no token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _unavailable(endpoint, "its token is not of the type Bearer")
    life = found.get("expires_in", UNSTATED_LIFE_S)
    if isinstance(life, str) and life.isdecimal() and len(life) < 10:  # as some servers write it
        life = int(life)
    if isinstance(life, bool) or not isinstance(life, int) or life < 0:
        raise _unavailable(endpoint, "its answer states no life of the token")
    return value, min(life, _MOST_LIFE_S)


def _reason(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__


def _refused(endpoint: TokenEndpoint, status: int) -> TransportError:
    if status >= 500 or status in {408, 425, 429} or 300 <= status < 400:
        return _unavailable(endpoint, f"HTTP {status}")
    return TransportError(
        f"the token endpoint refuses this agency's id, secret or scope (HTTP {status})",
        code="kafka_token_refused",
        where=endpoint.address,
        fix="Check client_id, client_secret, scope and audience in [kafka.oauthbearer] with the "
        "operators of the endpoint.",
    )


def _unavailable(endpoint: TokenEndpoint, reason: str) -> TransportError:
    return TransportError(
        f"the token endpoint gives no token: {reason}",
        code="kafka_token_unavailable",
        where=endpoint.address,
        fix="Check token_endpoint and ca in [kafka.oauthbearer], the network and the proxy. The "
        "adapter asks again by itself.",
    )
