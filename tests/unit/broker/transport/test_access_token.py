"""Access tokens: kept, renewed before they end, and bounded whatever the endpoint answers."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from broker.errors import TransportError
from broker.transport import access_token
from broker.transport.access_token import (
    AccessTokens,
    TokenEndpoint,
    token_subject,
    wrong_endpoint,
)

SECRET = "s3cr:t/ä"


class Endpoint:
    """A token endpoint whose next answer a test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: bytes | None = None
        self.life: object = 100
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                endpoint.asked.append((self.headers["Authorization"], parse_qs(form)))
                content = (
                    endpoint.answer
                    or json.dumps(
                        {
                            "access_token": f"token-{len(endpoint.asked)}",
                            "token_type": "bearer",
                            "expires_in": endpoint.life,
                        }
                    ).encode()
                )
                self.send_response(endpoint.status)
                if endpoint.status == 302:
                    self.send_header("Location", f"{endpoint.address}/elsewhere")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/token"


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(endpoint: Endpoint, clock: Clock) -> AccessTokens:
    asked = TokenEndpoint(
        endpoint.address, "csu:camden", lambda: SECRET, scope="kafka x", audience="a"
    )
    return AccessTokens(asked, clock)


def refused(tokens: AccessTokens) -> TransportError:
    with pytest.raises(TransportError) as caught:
        tokens.current()
    assert "s3cr" not in str(caught.value)
    assert "token-" not in str(caught.value)
    return caught.value


def test_a_token_is_kept_and_renewed_before_it_ends(
    tokens: AccessTokens, endpoint: Endpoint, clock: Clock
) -> None:
    first = tokens.current()
    assert (first.value, first.ends_ms) == ("token-1", clock.now + 100_000)
    clock.now += 79_000
    assert tokens.current() is first
    clock.now += 2_000
    assert tokens.current().value == "token-2"
    (header, form), _ = endpoint.asked
    scheme, _, who = header.partition(" ")
    assert (scheme, base64.b64decode(who)) == ("Basic", b"csu%3Acamden:s3cr%3At%2F%C3%A4")
    assert form == {
        "grant_type": ["client_credentials"],
        "scope": ["kafka x"],
        "audience": ["a"],
    }


def test_an_endpoint_that_fails_leaves_the_token_that_is_still_valid(
    tokens: AccessTokens, endpoint: Endpoint, clock: Clock
) -> None:
    first = tokens.current()
    endpoint.status = 503
    clock.now += 85_000
    assert tokens.current() is first
    assert tokens.problem is not None
    assert tokens.problem.code == "kafka_token_unavailable"
    assert tokens.current() is first
    assert len(endpoint.asked) == 2, "it waits before it asks again"
    clock.now = first.ends_ms
    assert refused(tokens).code == "kafka_token_unavailable"
    endpoint.status = 200
    clock.now += access_token.PAUSE_MS
    assert tokens.current().value == "token-4"
    assert tokens.problem is None


def test_a_refused_secret_is_not_asked_at_once_again(
    tokens: AccessTokens, endpoint: Endpoint, clock: Clock
) -> None:
    endpoint.status = 401
    assert refused(tokens).code == "kafka_token_refused"
    assert refused(tokens).code == "kafka_token_refused"
    assert len(endpoint.asked) == 1
    endpoint.status = 200  # the secret is corrected
    clock.now += access_token.PAUSE_MS
    assert tokens.current().value == "token-2"


def test_a_redirect_is_not_followed(tokens: AccessTokens, endpoint: Endpoint) -> None:
    endpoint.status = 302
    assert refused(tokens).code == "kafka_token_unavailable"
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"no json",
        b"[]",
        b'{"access_token":"a"}',
        b'{"access_token":"a","token_type":"mac","expires_in":60}',
        b'{"access_token":"a b","token_type":"bearer","expires_in":60}',
        b'{"access_token":"a\\u0001auth","token_type":"bearer","expires_in":60}',
        b'{"access_token":"a","token_type":"bearer","expires_in":true}',
        b'{"access_token":"a","token_type":"bearer","expires_in":-1}',
        b'{"access_token":"a","token_type":"bearer","expires_in":5}',
        b'{"access_token":"a","access_token":"b","token_type":"bearer","expires_in":60}',
        b'{"access_token":"' + b"a" * 70_000 + b'","token_type":"bearer","expires_in":60}',
    ],
    ids=lambda answer: answer[:40].decode(),
)
def test_an_answer_without_a_usable_token_is_refused(
    tokens: AccessTokens, endpoint: Endpoint, answer: bytes
) -> None:
    endpoint.answer = answer
    assert refused(tokens).code == "kafka_token_unavailable"


def test_a_life_in_quotes_counts_and_an_endless_one_is_cut(
    tokens: AccessTokens, endpoint: Endpoint, clock: Clock
) -> None:
    endpoint.life = "3600"
    assert tokens.current().ends_ms == clock.now + 3_600_000
    clock.now += 3_600_000
    endpoint.life = 10**12
    assert tokens.current().ends_ms == clock.now + 7 * 86_400_000


def test_an_endpoint_that_is_not_there() -> None:
    nowhere = AccessTokens(TokenEndpoint("http://127.0.0.1:1/", "a", lambda: SECRET))
    assert refused(nowhere).code == "kafka_token_unavailable"


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("https://login.example.org/token", False),
        ("http://localhost:1/token", False),
        ("http://127.0.0.1/token", False),
        ("http://login.example.org/token", True),
        ("http://localhost.example.org/token", True),
        ("https://user@login.example.org/", True),
        ("https://login.example.org/#a", True),
        ("file:///etc/passwd", True),
        ("login.example.org", True),
        ("https://", True),
        ("https://[", True),
    ],
)
def test_the_secret_goes_over_tls_or_stays_here(address: str, wrong: bool) -> None:
    assert wrong_endpoint(address) is wrong


def test_the_subject_of_a_token_is_read_and_nothing_else_is_trusted() -> None:
    def jwt(claims: object) -> str:
        middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        return f"e30.{middle}.c2ln"

    assert token_subject(jwt({"sub": "csu-camden"})) == "csu-camden"
    for value in ("opaque", "a.b", "a.%%%.c", jwt([]), jwt({"sub": 1}), jwt({"sub": "a\n"})):
        assert token_subject(value) is None
