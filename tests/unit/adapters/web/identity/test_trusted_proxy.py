"""People whom a trusted proxy names, and headers that others send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from adapters.web.serving import WebServer
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock
from tests.unit.adapters.web.identity.conftest import ROLES

PROXY = "10.7.0.9"
ROSA: Mapping[str, str] = {
    "x-remote-user": "rosa",
    "x-remote-groups": "other, desk",
    "x-remote-name": "Rosa Sampleworth",
}


@pytest.fixture
def server(folder: Path, time: Clock, settings: Callable[[str], None]) -> Iterator[WebServer]:
    settings(f'[web.proxy]\naddresses = ["10.7.0.0/24"]\nname_header = "X-Remote-Name"\n{ROLES}')
    server = WebServer(folder, time, "127.0.0.1", 0)
    yield server
    server.close()


@pytest.fixture
def browser(server: WebServer) -> Visitor:
    """A browser behind the proxy."""
    visitor = Visitor(server)
    visitor.address = PROXY
    return visitor


def test_the_proxy_names_a_person(browser: Visitor) -> None:
    assert browser.get("/help", headers=ROSA).status_code == 401
    answer = browser.get("/sign-in?next=/what-we-record", headers=ROSA)
    assert answer.headers["location"] == "/what-we-record"

    page = browser.get("/what-we-record", headers=ROSA).text
    assert "<dd>rosa proxy</dd>" in page
    assert "Rosa Sampleworth" in page


@pytest.mark.parametrize("address", ["127.0.0.1", "10.8.0.9", "::1", "10.7.0.9.evil.example"])
def test_headers_of_others_never_count(browser: Visitor, address: str) -> None:
    browser.address = address
    answer = browser.get("/sign-in", headers={**ROSA, "x-forwarded-for": PROXY})

    assert answer.status_code == 403
    assert "<code>not_the_proxy</code>" in answer.text
    assert not answer.cookies


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([*ROSA.items(), ("x-remote-user", "admin")], "header_twice"),
        ([*ROSA.items(), ("x-remote-groups", "lead")], "header_twice"),
        ([("x-remote-groups", "desk")], "person_missing"),
        ([("x-remote-user", ""), ("x-remote-groups", "desk")], "person_missing"),
        ([("x-remote-user", "rosa")], "roles_missing"),
        ([("x-remote-user", "rosa"), ("x-remote-groups", "operator")], "roles_missing"),
    ],
)
def test_headers_that_name_no_person(
    browser: Visitor, headers: list[tuple[str, str]], reason: str
) -> None:
    answer = browser.get("/sign-in", headers=headers)

    assert answer.status_code == 403
    assert f"<code>{reason}</code>" in answer.text


@pytest.mark.parametrize(
    "later",
    [
        {**ROSA, "x-remote-user": "noor"},
        {**ROSA, "x-remote-groups": "lead"},
        {**ROSA, "x-remote-groups": ""},
        {},
    ],
)
def test_a_session_ends_when_the_proxy_names_another_person(
    browser: Visitor, later: dict[str, str]
) -> None:
    browser.get("/sign-in", headers=ROSA)
    assert browser.get("/help", headers=ROSA).status_code == 200

    assert browser.get("/help", headers=later).status_code == 401
    assert browser.get("/help", headers=ROSA).status_code == 401


def test_a_stolen_cookie_is_of_no_use_beside_the_proxy(browser: Visitor, server: WebServer) -> None:
    browser.get("/sign-in", headers=ROSA)
    thief = Visitor(server)
    thief.cookies = dict(browser.cookies)

    assert thief.get("/help", headers=ROSA).status_code == 401
