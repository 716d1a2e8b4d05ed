"""An OpenID Connect provider on this machine (``oidc-provider-mock``), which can also be hostile.

A layer in front of it demands PKCE, which the package does not check, signs the tokens with a key
of its own, and alters answers as a test asks.
"""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

SUBJECT = "00u-rosa"
GIVEN: Mapping[str, object] = {"name": "Rosa Sampleworth", "roles": ["desk", "unknown"]}
Claims = dict[str, Any]
JSON = "application/json"


@dataclass
class HostileProvider:
    """The provider, and what it answers wrongly.

    Attributes:
        origin: its issuer identifier.
        claims: changes claims of an ID token.
        sign: makes a token of claims.
        answer: changes the parameters with which the browser comes back.
        metadata: changes its metadata.
        tokens: changes the answer to a code.
        used: codes that were exchanged.
        more_keys: keys that it publishes beside its own.
    """

    key: RSAKey
    origin: str = ""
    claims: Callable[[Claims], Claims] = dict
    sign: Callable[[Claims], str] | None = None
    answer: Callable[[dict[str, str]], dict[str, str]] = dict
    metadata: Callable[[Claims], Claims] = dict
    tokens: Callable[[Claims], Claims | bytes] = dict
    used: list[str] = field(default_factory=list)
    more_keys: list[dict[str, Any]] = field(default_factory=list)
    _challenges: dict[str, str] = field(default_factory=dict)

    def signed(self, claims: Claims, algorithm: str = "RS256", key: RSAKey | None = None) -> str:
        """A token of some claims."""
        header = {"alg": algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, key or self.key, algorithms=[algorithm])

    def come_back(self, address: str, subject: str = SUBJECT, **form: str) -> str:
        """Sign in as a browser does; where the provider sends it then, without its origin."""
        state = parse_qs(urlsplit(address).query)["state"][0]
        answer = httpx.post(address, data={"sub": subject, **form})
        assert answer.status_code == HTTPStatus.FOUND, answer.text
        back = urlsplit(answer.headers["location"])
        given = {name: values[0] for name, values in parse_qs(back.query).items()}
        changed = self.answer({"state": state, **given})
        return f"{back.path}?{httpx.QueryParams(changed)}"

    def handle(self, inner: Client, request: Request) -> Response:
        """Answer a request, with the changes."""
        path = request.path
        if path == "/jwks":
            keys = [*self.more_keys, self.key.as_dict(private=False)]
            return Response(json.dumps({"keys": keys}), mimetype=JSON)
        if path == "/oauth2/token" and (refused := self._pkce_fault(request)):
            return Response(json.dumps({"error": refused}), HTTPStatus.BAD_REQUEST, mimetype=JSON)
        response = _passed_on(inner, request)
        if path == "/.well-known/openid-configuration":
            return Response(json.dumps(self.metadata(json.loads(response.data))), mimetype=JSON)
        if path == "/oauth2/authorize" and response.status_code == HTTPStatus.FOUND:
            query = parse_qs(urlsplit(response.headers["location"]).query)
            if "code" in query:
                self._challenges[query["code"][0]] = request.args.get("code_challenge", "")
        if path == "/oauth2/token" and response.status_code == HTTPStatus.OK:
            return self._token_answer(request, json.loads(response.data))
        return response

    def _pkce_fault(self, request: Request) -> str | None:
        challenge = self._challenges.get(request.form.get("code", ""))
        verifier = request.form.get("code_verifier", "").encode()
        shown = urlsafe_b64encode(sha256(verifier).digest()).rstrip(b"=").decode()
        return None if challenge is None or shown == challenge else "invalid_grant"

    def _token_answer(self, request: Request, given: Claims) -> Response:
        self.used.append(request.form["code"])
        claims = self.claims(_claims_of(given["id_token"]))
        given["id_token"] = (self.sign or self.signed)(claims)
        changed = self.tokens(given)
        body = changed if isinstance(changed, bytes) else json.dumps(changed)
        return Response(body, mimetype=JSON)


def _claims_of(token: str) -> Claims:
    from joserfc.util import urlsafe_b64decode

    claims: Claims = json.loads(urlsafe_b64decode(token.split(".")[1].encode()))
    claims.pop("at_hash", None)
    return claims | dict(GIVEN)


def _passed_on(inner: Client, request: Request) -> Response:
    got = inner.open(
        path=request.path,
        method=request.method,
        query_string=request.query_string.decode(),
        base_url=request.host_url,
        headers=[one for one in request.headers if one[0] != "Content-Length"],
        data=request.get_data(),
    )
    return Response(got.data, got.status_code, headers=dict(got.headers))


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    """A provider on a free port."""
    provider = HostileProvider(RSAKey.generate_key(2048, auto_kid=True))
    users = [oidc_provider_mock.User(sub=SUBJECT, claims=dict(GIVEN))]
    inner = Client(oidc_provider_mock.app(user_claims=users), Response)

    def app(environ: Any, start: Any) -> Iterable[bytes]:
        request = Request(environ)
        request.get_data(cache=True, parse_form_data=False)
        return provider.handle(inner, request)(environ, start)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    provider.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[HostileProvider]:
    """A provider, which speaks HTTP without TLS because it is on this machine."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with hostile_provider() as running:
        yield running
