"""Roles that a provider takes away, and a person who must show again who they are."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adapters.web.sessions import RECENT_MS, ROLES_LONGEST_MS, ROLES_MS
from tests.support.oidc_provider import Claims, HostileProvider
from tests.support.web_visitor import HOST, Visitor
from tests.unit.adapters.web.conftest import Clock
from tests.unit.adapters.web.identity.test_provider_sign_in import CODE, signed_in

COOKIE = "concordant-haven-support"


@pytest.fixture(autouse=True)
def operator(provider: HostileProvider, time: Clock) -> None:
    """Rosa has a role with a step that needs a recent sign-in, and the provider's clock is ours."""
    provider.claims = lambda claims: at_now(claims, time) | {"roles": ["lead"]}


def at_now(claims: Claims, time: Clock) -> Claims:
    now = time.now // 1000
    kept = {name: value for name, value in claims.items() if name != "auth_time"}
    return kept | {"iat": now, "exp": now + 60}


def answered(browser: Visitor, provider: HostileProvider, asked: httpx.Response) -> httpx.Response:
    """Go to the provider and back."""
    assert asked.status_code == 303, asked.text
    return browser.get(provider.come_back(asked.headers["location"]))


def test_after_a_while_the_provider_is_asked_again(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    signed_in(browser, provider)
    csrf = browser.get("/help") and browser.csrf
    before = browser.cookies[COOKIE]
    time.now += ROLES_MS // 2
    assert browser.get("/agreements?a=1").status_code == 200
    time.now += ROLES_MS // 2
    asked = browser.get("/agreements?a=1")
    assert asked.headers["location"] == "/sign-in?next=%2Fagreements%3Fa%3D1"
    assert browser.get("/agreements", headers={"sec-fetch-mode": "cors"}).status_code == 200

    to = browser.get(asked.headers["location"])
    assert "prompt" not in parse_qs(urlsplit(to.headers["location"]).query)
    assert answered(browser, provider, to).headers["location"] == "/agreements?a=1"
    assert browser.cookies[COOKIE] != before
    assert browser.get("/agreements").status_code == 200
    assert browser.post("/sessions", {"csrf": csrf, "session": "others"}).status_code == 303


def test_a_role_that_the_provider_has_taken_away(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    signed_in(browser, provider)
    assert browser.get("/agreements").status_code == 200
    provider.claims = lambda claims: at_now(claims, time) | {"roles": ["desk"]}
    time.now += ROLES_MS - 1
    browser.get("/help")
    time.now += 1
    answered(browser, provider, browser.get("/sign-in?next=/help"))

    assert browser.get("/agreements").status_code == 403


def test_the_last_role_that_the_provider_has_taken_away(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    signed_in(browser, provider)
    provider.claims = lambda claims: at_now(claims, time) | {"roles": []}

    assert CODE.format("roles_missing") in signed_in(browser, provider).text
    assert browser.get("/help").status_code == 401


def test_a_session_that_the_provider_does_not_confirm_ends(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    """Also one that only sends forms, or whose pages load again by themselves."""
    signed_in(browser, provider)
    browser.get("/help")
    step = ROLES_LONGEST_MS // 4
    statuses = []
    for _ in range(4):
        time.now += step
        statuses.append(browser.post("/sessions", {"session": "others"}).status_code)

    assert statuses == [303, 303, 303, 401]


def test_a_step_without_return_after_signing_in_again(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    refused = step_refused(browser, provider, time)
    assert "/sign-in/again?next=/partners" in refused.text
    to = browser.get("/sign-in/again?next=/partners")
    asked = parse_qs(urlsplit(to.headers["location"]).query)
    assert asked["prompt"] == ["login"]
    assert asked["max_age"] == ["0"]
    proved_now(provider, time)

    assert answered(browser, provider, to).headers["location"] == "/partners"
    assert browser.post(stop_of(browser), {}).status_code == 422


def test_a_session_at_the_provider_is_no_proof(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    """At an unlocked computer the provider signs in who last used it, and asks nothing."""
    step_refused(browser, provider, time)
    signed_in(browser, provider)

    assert browser.post(stop_of(browser), {}).status_code == 403


@pytest.mark.parametrize("claim", [None, 0, True, "now", -1, 1.5])
def test_a_provider_that_has_not_asked(
    browser: Visitor, provider: HostileProvider, time: Clock, claim: object
) -> None:
    """A person can take `prompt=login` out of the address; the token says that it was ignored."""
    step_refused(browser, provider, time)
    provider.claims = lambda claims: at_now(claims, time) | {"roles": ["lead"], "auth_time": claim}
    answer = answered(browser, provider, browser.get("/sign-in/again?next=/help"))

    assert answer.status_code == 403
    assert browser.post(stop_of(browser), {}).status_code == 403


def test_a_proof_of_another_person(
    browser: Visitor, provider: HostileProvider, time: Clock
) -> None:
    step_refused(browser, provider, time)
    proved_now(provider, time, sub="00u-noor")
    answer = answered(browser, provider, browser.get("/sign-in/again?next=/help"))

    assert CODE.format("another_person") in answer.text
    assert "Rosa" in browser.get("/help").text


def step_refused(browser: Visitor, provider: HostileProvider, time: Clock) -> httpx.Response:
    proved_now(provider, time)
    signed_in(browser, provider)
    path = stop_of(browser)
    assert browser.post(path, {}).status_code == 422
    provider.claims = lambda claims: at_now(claims, time) | {"roles": ["lead"]}
    time.now += RECENT_MS
    refused = browser.post(path, {}, headers={"referer": f"{HOST}/partners"})
    assert refused.status_code == 403
    return refused


def proved_now(provider: HostileProvider, time: Clock, **more: object) -> None:
    provider.claims = lambda claims: (
        at_now(claims, time) | {"roles": ["lead"], "auth_time": time.now // 1000} | more
    )


def stop_of(browser: Visitor) -> str:
    """Return the address of a form that needs a recent sign-in, and load its secret."""
    page = browser.get("/partners").text
    return page.partition('href="/partners/')[2].partition('"')[0].join(("/partners/", ""))
