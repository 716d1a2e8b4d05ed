"""Every page of the officer: who may open it, unknown agreements, and no value in a reply."""

from __future__ import annotations

import pytest

from adapters.web.officer.area import AREA
from adapters.web.pages import PageRoute
from adapters.web.people import EVERY_ROLE, Role
from adapters.web.serving import WebServer
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.officer.conftest import Person

PAGES = [pytest.param(page, id=f"{page.method} {page.path}") for page in AREA.pages]


def address(page: PageRoute, sha256: str) -> str:
    path = page.path.replace("{sha256}", sha256).replace("{agency}", "haven-support")
    path = path.replace("{signer}", "csu-camden").replace("{record}", "processing")
    return path.replace("{how}", "pause")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_a_session(page: PageRoute, server: WebServer, sha256: str) -> None:
    assert Visitor(server).request(page.method, address(page, sha256)).status_code == 401


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_one_of_its_roles(page: PageRoute, person: Person, sha256: str) -> None:
    assert Role.OPERATOR not in page.roles
    assert Role.CASEWORKER not in page.roles
    other = person(*(EVERY_ROLE - page.roles))
    send = other.get if page.method == "GET" else other.post
    assert send(address(page, sha256)).status_code == 403


@pytest.mark.parametrize("page", [one for one in PAGES if one.values[0].method == "GET"])
@pytest.mark.usefixtures("sent")
def test_a_page_answers_each_of_its_roles(page: PageRoute, person: Person, sha256: str) -> None:
    for role in page.roles:
        assert person(role).get(address(page, sha256)).status_code == 200


@pytest.mark.parametrize("page", [one for one in PAGES if "{sha256}" in one.values[0].path])
@pytest.mark.parametrize("name", ["0" * 64, "london-hate-crime", "%2e%2e%2fagency.toml"])
def test_an_unknown_agreement_is_not_found(page: PageRoute, person: Person, name: str) -> None:
    visitor = person()
    send = visitor.get if page.method == "GET" else visitor.post
    assert send(address(page, name)).status_code == 404


def test_pages_hold_no_inline_script_or_style(person: Person, sha256: str) -> None:
    visitor = person()
    for page in AREA.pages:
        if page.method == "GET":
            text = visitor.get(address(page, sha256)).text
            if text.startswith("<!DOCTYPE") and "/records/" not in page.path:
                assert ' style="' not in text
                assert "<script>" not in text
                assert " onclick" not in text


def test_the_navigation_shows_only_what_the_person_may_open(person: Person) -> None:
    signatory, operator = person(Role.SIGNATORY), person(Role.OPERATOR)
    assert 'href="/agreements"' in signatory.get("/help").text
    assert 'href="/log"' not in signatory.get("/help").text
    assert 'href="/agreements"' not in operator.get("/help").text
