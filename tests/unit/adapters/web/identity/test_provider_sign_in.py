"""Sign-in by an OpenID Connect provider, an honest one and a hostile one."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.web.identity.pending import PENDING_MS
from adapters.web.identity.provider import FRESH_MS, PAUSE_MS
from adapters.web.identity.provider_http import ANSWER_BYTES
from adapters.web.serving import WebServer
from broker.errors import ConfigError
from tests.support.oidc_provider import SUBJECT, Claims, HostileProvider
from tests.support.web_visitor import HOST, Visitor
from tests.unit.adapters.web.conftest import Clock

COOKIE = "concordant-haven-support"
CODE = "<code>{}</code>"


def begun(browser: Visitor, onward: str = "/help") -> str:
    answer = browser.get(f"/sign-in?next={onward}")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def signed_in(browser: Visitor, provider: HostileProvider, onward: str = "/help") -> httpx.Response:
    return browser.get(provider.come_back(begun(browser, onward)))


def test_a_person_signs_in_and_comes_back_to_the_page(
    browser: Visitor, provider: HostileProvider
) -> None:
    missing = browser.get("/what-we-record?a=1&b=2")
    assert missing.status_code == 401
    assert "/sign-in?next=/what-we-record%3Fa%3D1%26b%3D2" in missing.text

    answer = signed_in(browser, provider, "/what-we-record%3Fa%3D1%26b%3D2")

    assert answer.headers["location"] == "/what-we-record?a=1&b=2"
    page = browser.get("/what-we-record").text
    issuer = provider.origin.replace("http://", "")
    assert f"{SUBJECT} http://{issuer}" in page
    assert "Rosa Sampleworth" in page


def test_the_request_has_pkce_state_and_nonce(browser: Visitor) -> None:
    first, second = (parse_qs(urlsplit(begun(browser)).query) for _ in range(2))

    assert first["code_challenge_method"] == ["S256"]
    assert first["response_type"] == ["code"]
    assert first["redirect_uri"] == [f"{HOST}/sign-in/answer"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_only_mapped_values_give_roles(browser: Visitor, provider: HostileProvider) -> None:
    """A provider's value that is the name of a role gives nothing by itself."""
    provider.claims = lambda claims: claims | {"roles": ["desk", "operator", 7, {"a": 1}]}
    signed_in(browser, provider)

    seen = browser._server._doors.sessions
    (session,) = seen._by_digest.values()
    assert sorted(session.person.roles) == ["caseworker"]


@pytest.mark.parametrize("onward", ["https://evil.example", "//evil.example", "/%5Cevil.example"])
def test_no_open_redirect(browser: Visitor, provider: HostileProvider, onward: str) -> None:
    assert signed_in(browser, provider, onward).headers["location"] == "/"


def test_a_sign_in_makes_a_new_session(browser: Visitor, provider: HostileProvider) -> None:
    browser.cookies[COOKIE] = "chosen-by-an-attacker"
    signed_in(browser, provider)
    first = browser.cookies[COOKIE]
    signed_in(browser, provider)

    assert "chosen-by-an-attacker" not in {first, browser.cookies[COOKIE]}
    assert browser.cookies[COOKIE] != first
    browser.cookies[COOKIE] = first
    assert browser.get("/help").status_code == 401


def test_links_are_off(oidc_server: WebServer, browser: Visitor) -> None:
    assert oidc_server.new_link().endswith(":0/")
    assert browser.get("/link/x").status_code == 401


def test_signing_out_leads_to_the_provider(browser: Visitor, provider: HostileProvider) -> None:
    signed_in(browser, provider)
    page = browser.get("/help")
    answer = browser.post("/sign-out")

    to = urlsplit(answer.headers["location"])
    assert f"{to.scheme}://{to.netloc}" == provider.origin
    assert f"form-action 'self' {provider.origin};" in page.headers["content-security-policy"]
    asked = parse_qs(to.query)
    assert asked["post_logout_redirect_uri"] == [f"{HOST}/signed-out"]
    assert asked["id_token_hint"][0].count(".") == 2
    assert browser.get("/help").status_code == 401
    assert browser.get("/signed-out").status_code == 200


def test_signing_out_where_the_provider_has_no_page(
    browser: Visitor, provider: HostileProvider
) -> None:
    provider.metadata = lambda found: {
        name: value for name, value in found.items() if name != "end_session_endpoint"
    }
    signed_in(browser, provider)
    browser.get("/help")

    assert browser.post("/sign-out").headers["location"] == "/signed-out"


# --- a hostile provider, or a hostile person between the two ------------------------------------


def base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def unsigned(algorithm: str, claims: Claims) -> str:
    parts = ({"alg": algorithm}, claims)
    return ".".join(base64url(json.dumps(one).encode()) for one in parts)


def without_signature(claims: Claims) -> str:
    return f"{unsigned('none', claims)}."


def by_another_key(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048))


def hostile_claims(**changed: Any) -> Callable[[HostileProvider], None]:
    def act(provider: HostileProvider) -> None:
        provider.claims = lambda claims: {
            name: value for name, value in (claims | changed).items() if value is not None
        }

    return act


def hostile_signature(sign: Callable[[Claims], str]) -> Callable[[HostileProvider], None]:
    def act(provider: HostileProvider) -> None:
        provider.sign = sign

    return act


def signed_with_the_public_key(provider: HostileProvider) -> None:
    """The public key as a shared secret (algorithm confusion)."""
    secret = provider.key.as_pem(private=False)

    def sign(claims: Claims) -> str:
        content = unsigned("HS256", claims)
        return f"{content}.{base64url(hmac.digest(secret, content.encode(), 'sha256'))}"

    provider.sign = sign


def hostile_answer(**changed: str | None) -> Callable[[HostileProvider], None]:
    def act(provider: HostileProvider) -> None:
        provider.answer = lambda given: {
            name: value for name, value in (given | changed).items() if value is not None
        }

    return act


def hostile_tokens(change: Callable[[Claims], Claims | bytes]) -> Callable[[HostileProvider], None]:
    def act(provider: HostileProvider) -> None:
        provider.tokens = change

    return act


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (hostile_claims(nonce="wrong"), "token_nonce"),
        (hostile_claims(nonce=None), "token_nonce"),
        (hostile_claims(iss="https://evil.example"), "token_iss"),
        (hostile_claims(aud="another-client"), "token_aud"),
        (hostile_claims(aud=["concordant-haven", "another"]), "token_azp"),
        (hostile_claims(azp="another-client"), "token_azp"),
        (hostile_claims(exp=1), "token_expired"),
        (hostile_claims(exp=float("inf")), "token_exp"),
        (hostile_claims(exp=None), "token_exp"),
        (hostile_claims(iat=1), "token_expired"),
        (hostile_claims(iat=True), "token_iat"),
        (hostile_claims(nbf=9_000_000_000), "token_nbf"),
        (hostile_claims(at_hash="AAAA"), "token_at_hash"),
        (hostile_claims(sub=None), "token_claims"),
        (hostile_claims(sub=""), "person_missing"),
        (hostile_claims(sub="x" * 256), "person_missing"),
        (hostile_claims(roles=["operator", "officer"]), "roles_missing"),
        (hostile_claims(roles={"desk": True}), "roles_missing"),
        (hostile_claims(roles=None), "roles_missing"),
        (hostile_signature(without_signature), "token_signature"),
        (hostile_signature(by_another_key), "token_signature"),
        (hostile_signature(lambda _: "a.b.c"), "token_signature"),
        (hostile_signature(lambda _: "[" * 5_000), "token_signature"),
        (signed_with_the_public_key, "token_signature"),
        (hostile_answer(state="wrong"), "state"),
        (hostile_answer(state=None), "state"),
        (hostile_answer(iss="https://evil.example"), "issuer"),
        (hostile_answer(code="another"), "code_refused"),
        (hostile_answer(code=None), "code_missing"),
        (hostile_answer(code="x" * 5_000), "code_missing"),
        (hostile_answer(error="access_denied"), "provider_refused"),
        (hostile_tokens(lambda given: {**given, "id_token": None}), "token_missing"),
        (hostile_tokens(lambda given: {**given, "token_type": "mac"}), "token_missing"),
        (hostile_tokens(lambda given: {**given, "id_token": "x" * 70_000}), "token_malformed"),
        (hostile_tokens(lambda _: b"x" * (ANSWER_BYTES + 1)), "provider_answer"),
        (hostile_tokens(lambda _: b"[" * 100_000), "provider_answer"),
        (hostile_tokens(lambda _: b"[]"), "provider_answer"),
        (hostile_tokens(lambda _: b"<html>"), "provider_answer"),
    ],
)
def test_a_hostile_answer_is_refused(
    browser: Visitor,
    provider: HostileProvider,
    attack: Callable[[HostileProvider], None],
    reason: str,
) -> None:
    attack(provider)
    with structlog.testing.capture_logs() as lines:
        answer = signed_in(browser, provider)

    assert answer.status_code in {403, 503}
    assert CODE.format(reason) in answer.text
    assert COOKIE not in answer.cookies
    assert browser.get("/help").status_code == 401
    refused = [line for line in lines if line["event"] == "web_sign_in_refused"]
    assert [line["reason"] for line in refused] == [reason]
    assert "rosa" not in str(lines).lower()
    assert SUBJECT not in str(lines)


def test_an_answer_works_once(browser: Visitor, provider: HostileProvider) -> None:
    back = provider.come_back(begun(browser))
    cookies = dict(browser.cookies)
    assert browser.get(back).status_code == 303

    browser.cookies = cookies
    assert CODE.format("state") in browser.get(back).text
    assert len(provider.used) == 1


def test_a_code_that_was_used_is_refused(browser: Visitor, provider: HostileProvider) -> None:
    signed_in(browser, provider)
    provider.answer = lambda given: {**given, "code": provider.used[0]}

    assert CODE.format("code_refused") in signed_in(browser, provider).text


def test_the_answer_of_another_browser(
    browser: Visitor, oidc_server: WebServer, provider: HostileProvider
) -> None:
    """An attacker cannot sign a victim in as themselves (login CSRF)."""
    back = provider.come_back(begun(browser))
    victim = Visitor(oidc_server)
    begun(victim)

    assert CODE.format("state") in victim.get(back).text


def test_a_code_of_another_sign_in(
    browser: Visitor, oidc_server: WebServer, provider: HostileProvider
) -> None:
    """A stolen code is of no use without the secret of PKCE."""
    stolen = parse_qs(urlsplit(provider.come_back(begun(Visitor(oidc_server)))).query)["code"][0]
    provider.answer = lambda given: {**given, "code": stolen}

    assert CODE.format("code_refused") in signed_in(browser, provider).text


def test_an_answer_has_its_time(browser: Visitor, provider: HostileProvider, time: Clock) -> None:
    back = provider.come_back(begun(browser))
    time.now += PENDING_MS

    assert CODE.format("state") in browser.get(back).text


def test_a_provider_that_must_name_itself(browser: Visitor, provider: HostileProvider) -> None:
    """RFC 9207: one that says that it names its issuer always does."""
    supported = {"authorization_response_iss_parameter_supported": True}
    provider.metadata = lambda found: found | supported

    assert CODE.format("issuer") in signed_in(browser, provider).text
    provider.answer = lambda given: given | {"iss": provider.origin}
    assert signed_in(browser, provider).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"end_session_endpoint": "//evil.example"},
        {"jwks_uri": 7},
        {"token_endpoint": "https://user:secret@login.example/token"},
        {"token_endpoint_auth_methods_supported": "all"},
    ],
)
def test_metadata_that_is_not_safe(
    browser: Visitor, provider: HostileProvider, changed: dict[str, object]
) -> None:
    provider.metadata = lambda found: found | changed
    answer = browser.get("/sign-in")

    assert answer.status_code == 503
    assert CODE.format("provider_metadata") in answer.text


def test_a_provider_that_is_down(browser: Visitor, provider: HostileProvider, time: Clock) -> None:
    provider.metadata = lambda found: {"error": 1}
    assert browser.get("/sign-in").status_code == 503
    provider.metadata = dict

    assert CODE.format("provider_unreachable") in browser.get("/sign-in").text
    time.now += PAUSE_MS
    assert browser.get("/sign-in").status_code == 303


def test_a_new_key_of_the_provider(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    signed_in(browser, provider)
    provider.key = RSAKey.generate_key(2048, auto_kid=True)
    refused = signed_in(browser, provider)
    time.now += FRESH_MS // 10
    provider.claims = lambda claims: claims | {"iat": time.now // 1000, "exp": time.now // 1000 + 9}

    assert CODE.format("token_signature") in refused.text  # keys are asked for once a minute
    assert signed_in(browser, provider).status_code == 303


def test_a_client_secret_that_cannot_be_read_is_config_web_secret(
    oidc_server: WebServer, folder: Path, time: Clock
) -> None:
    (folder / "web-client-secret").write_text("")
    with pytest.raises(ConfigError) as caught:
        WebServer(folder, time, "127.0.0.1", 0)

    assert caught.value.code == "config_web_secret"
