"""Doors of the application: sessions, forms, roles, hosts, headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.headers import HEADERS
from adapters.web.one_time_links import LINK_MS
from adapters.web.people import Role
from adapters.web.serving import WebServer
from adapters.web.sessions import IDLE_MS, LONGEST_MS
from broker.errors import ConfigError
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock


def link_of(server: WebServer) -> str:
    link = server.new_link()
    return link[link.index("/link/") :]


@pytest.mark.parametrize("path", ["/", "/help", "/accessibility", "/live", "/not-there", "/link/x"])
def test_a_page_without_a_session(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 401


def test_a_link_works_once(visitor: Visitor, server: WebServer) -> None:
    link = link_of(server)

    assert visitor.get(link).status_code == 303
    assert visitor.get("/help").status_code == 200
    assert Visitor(server).get(link).status_code == 401


def test_a_link_has_its_time(visitor: Visitor, server: WebServer, time: Clock) -> None:
    link = link_of(server)
    time.now += LINK_MS

    assert visitor.get(link).status_code == 401


def test_signing_in_makes_a_new_session(server: WebServer, visitor: Visitor) -> None:
    """A number that an attacker has set is of no use (session fixation)."""
    visitor.cookies = {"concordant-haven-support": "chosen-by-an-attacker"}
    visitor.get(link_of(server))
    first = dict(visitor.cookies)
    visitor.get(link_of(server))

    assert "chosen-by-an-attacker" not in first.values()
    assert visitor.cookies != first
    stale = Visitor(server)
    stale.cookies = first
    assert stale.get("/help").status_code == 401


def test_the_cookie_is_kept_from_scripts(visitor: Visitor, server: WebServer) -> None:
    sent = visitor.get(link_of(server)).headers["set-cookie"].lower()

    assert "httponly" in sent
    assert "samesite=lax" in sent


@pytest.mark.parametrize("step", [IDLE_MS, LONGEST_MS])
def test_a_session_ends(visitor: Visitor, time: Clock, step: int) -> None:
    visitor.sign_in()
    time.now += step

    assert visitor.get("/help").status_code == 401


def test_a_session_that_is_used_ends_too(visitor: Visitor, time: Clock) -> None:
    visitor.sign_in()
    statuses = set()
    for _ in range(LONGEST_MS // (IDLE_MS - 1) + 1):
        time.now += IDLE_MS - 1
        statuses.add(visitor.get("/help").status_code)

    assert statuses == {200, 401}


def test_signing_out(visitor: Visitor) -> None:
    visitor.sign_in()
    cookies = dict(visitor.cookies)

    assert visitor.post("/sign-out").headers["location"] == "/signed-out"
    visitor.cookies = cookies
    assert visitor.get("/help").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_site(visitor: Visitor, headers: dict[str, str]) -> None:
    visitor.sign_in()

    assert visitor.post("/sign-out", headers=headers).status_code == 403
    assert visitor.get("/help").status_code == 200


@pytest.mark.parametrize("csrf", ["", "wrong", "é"])
def test_a_form_without_its_secret(visitor: Visitor, csrf: str) -> None:
    visitor.sign_in()

    assert visitor.post("/sign-out", {"csrf": csrf}).status_code == 403


def test_the_secret_of_another_session(visitor: Visitor, server: WebServer) -> None:
    other = Visitor(server).sign_in()
    visitor.sign_in()

    assert visitor.post("/sign-out", {"csrf": other.csrf}).status_code == 403


def test_a_form_that_is_too_large(visitor: Visitor) -> None:
    visitor.sign_in()

    assert visitor.post("/sign-out", {"more": "x" * 5_000}).status_code == 413


def test_another_name_of_this_machine(visitor: Visitor) -> None:
    """A site that makes its name point at this machine reads nothing (DNS rebinding)."""
    visitor.sign_in()

    assert visitor.get("/help", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/help", "/not-there", "/static/concordant.css"])
def test_headers_of_every_answer(visitor: Visitor, path: str) -> None:
    visitor.sign_in()
    headers = visitor.get(path).headers

    assert {name: headers[name] for name in HEADERS} == HEADERS
    kept = path.startswith("/static/")
    assert ("no-store" in headers["cache-control"]) is not kept


def test_the_pages_let_a_browser_name_the_origin_of_a_form(visitor: Visitor) -> None:
    """Under `no-referrer` it sends `Origin: null`, and each form of a person is refused."""
    policy = visitor.sign_in().get("/help").headers["referrer-policy"]

    assert policy == "same-origin"
    assert visitor.post("/sign-out", headers={"origin": "null"}).status_code == 403


def test_a_page_that_does_not_exist(visitor: Visitor) -> None:
    visitor.sign_in()

    assert visitor.get("/not-there").status_code == 404
    assert visitor.get("/static/../app.py").status_code == 404


def test_too_many_requests(folder: Path, time: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.web.app.REQUESTS_A_MINUTE", 3)
    visitor = Visitor(WebServer(folder, time, "127.0.0.1", 0)).sign_in()  # it opens a page as well

    assert [visitor.get("/help").status_code for _ in range(3)] == [200, 200, 429]


def test_no_page_has_script_or_style_of_its_own(visitor: Visitor) -> None:
    visitor.sign_in()
    text = visitor.get("/help").text

    assert "style=" not in text
    assert text.count("<script") == text.count("<script src=")


def test_off_this_machine_without_a_certificate_is_config_web_tls(
    folder: Path, time: Clock
) -> None:
    with pytest.raises(ConfigError) as caught:
        WebServer(folder, time, "0.0.0.0", 0)

    assert caught.value.code == "config_web_tls"


def test_the_person_in_the_disclosure_log(visitor: Visitor, server: WebServer) -> None:
    visitor.sign_in(Role.OFFICER)

    assert "<dd>rosa</dd>" in visitor.get("/what-we-record").text
