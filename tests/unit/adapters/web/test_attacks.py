"""Attacks on every route: another role, a forged form, a missing session, unknown ids, headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import structlog

from adapters.web.areas import AREAS, OWN
from adapters.web.headers import HEADERS
from adapters.web.pages import PageRoute
from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.store.database import open_store
from tests.support.founded_partnership import HOUR, NOW, SUPPORT, founded
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

PAGES = [page for area in (*AREAS, OWN) for page in area.pages]
VALUES = {
    "sha256": "0" * 64,
    "agency": "cps-london",
    "signer": "csu-camden",
    "record": "paper",
    "how": "pause",
}
"""Values for parameters of paths; others get an id that does not exist."""
HOSTILE = (
    "<script>alert(1)</script>",
    "'\"><img src=x>",
    "../../../etc/passwd",
    "a\r\nset-cookie: b",
)


def names(page: PageRoute) -> str:
    return f"{page.method} {page.path}"


def path_of(page: PageRoute, **values: str) -> str:
    return re.sub(
        r"{(\w+)(?::\w+)?}", lambda found: (VALUES | values).get(found[1], "7" * 8), page.path
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = founded().directory(SUPPORT, tmp_path_factory.mktemp("attacked"))
    (folder / "state").mkdir(exist_ok=True)
    open_store(folder / "state/concordant.db").close()
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[WebServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.web.app.REQUESTS_A_MINUTE", 1_000_000)
        server = WebServer(folder, Clock(NOW + HOUR), "127.0.0.1", 0)
    yield server
    server.close()


@pytest.fixture(scope="module")
def alone(server: WebServer) -> dict[Role, Visitor]:
    """For each role, a person who has no other."""
    return {role: Visitor(server).sign_in(role) for role in Role}


@pytest.fixture(scope="module")
def everyone(server: WebServer) -> Visitor:
    return Visitor(server).sign_in()


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_page_without_a_session(server: WebServer, page: PageRoute) -> None:
    answer = Visitor(server).request(page.method, path_of(page))

    assert answer.status_code == 401
    assert not answer.cookies


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_a_role_opens_only_its_pages(alone: dict[Role, Visitor], page: PageRoute) -> None:
    for role, person in alone.items():
        answer = person.request(page.method, path_of(page), data={"csrf": person.csrf})
        if role in page.roles:
            assert answer.status_code != 403
        else:
            assert answer.status_code == 403, role


FORMS = [page for page in PAGES if page.method == "POST"]


@pytest.mark.parametrize("page", FORMS, ids=names)
@pytest.mark.parametrize(
    ("csrf", "headers"),
    [
        (False, {}),
        (True, {"origin": "https://evil.example"}),
        (True, {"sec-fetch-site": "cross-site"}),
    ],
    ids=["no secret", "another origin", "another site"],
)
def test_a_forged_form_is_refused(
    everyone: Visitor, page: PageRoute, csrf: bool, headers: dict[str, str]
) -> None:
    form = {"csrf": everyone.csrf} if csrf else {}
    answer = everyone.request("POST", path_of(page), data=form, headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("page", FORMS, ids=names)
def test_a_form_is_never_taken_by_get(everyone: Visitor, page: PageRoute) -> None:
    """A link cannot change anything: what GET answers there is a page, or nothing."""
    only = {one.path for one in PAGES if one.method == "GET"}
    answer = everyone.get(f"{path_of(page)}?csrf={everyone.csrf}")

    if page.path not in only:
        assert answer.status_code in {404, 405}


@pytest.mark.parametrize("page", FORMS, ids=names)
def test_a_form_has_its_size(everyone: Visitor, page: PageRoute) -> None:
    content = b"a" * (page.most_bytes + 1)
    answer = everyone.request(
        "POST",
        path_of(page),
        content=content,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 413


@pytest.mark.parametrize("page", FORMS, ids=names)
@pytest.mark.parametrize(
    "name", ["../../agency.toml", "/etc/passwd", "a\x00b.bundle", "é\u202e.exe"]
)
def test_a_file_name_names_nothing(
    everyone: Visitor, folder: Path, page: PageRoute, name: str
) -> None:
    """Uploads are bytes: what the browser calls them is not used."""
    before = {one: one.stat().st_mtime_ns for one in folder.glob("*") if one.is_file()}
    answer = everyone.request(
        "POST",
        path_of(page),
        data={"csrf": everyone.csrf},
        files={"file": (name, b"not a bundle")},
    )

    assert answer.status_code < 500
    assert {one: one.stat().st_mtime_ns for one in before} == before
    assert not (folder.parent / "agency.toml").exists()


@pytest.mark.parametrize(
    "page", [one for one in PAGES if "{" in one.path and one.method == "GET"], ids=names
)
def test_unknown_ids_and_ids_of_others_look_the_same(everyone: Visitor, page: PageRoute) -> None:
    """Ids cannot be tried out."""
    answers = [
        everyone.get(path_of(page, sha256=one * 64, agency=f"agency-{one}", name=f"a{one}"))
        for one in ("1", "2")
    ]

    assert {one.status_code for one in answers} == {404}
    assert answers[0].text.replace("1", "2") == answers[1].text.replace("1", "2")


@pytest.mark.parametrize("page", [one for one in PAGES if one.method == "GET"], ids=names)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_an_address(everyone: Visitor, page: PageRoute, text: str) -> None:
    """In each parameter of the path and in each usual one of the query."""
    coded = quote(text, safe="")
    path = re.sub(r"{[^}]+}", coded, page.path)
    query = "&".join(
        f"{name}={coded}"
        for name in (
            "page",
            "q",
            "query",
            "kind",
            "reference",
            "case",
            "agency",
            "status",
            "version",
        )
    )
    with structlog.testing.capture_logs() as lines:
        answer = everyone.get(f"{path}?{query}")

    assert answer.status_code < 500, [line for line in lines if line["event"] == "web_defect"]
    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text
    assert "set-cookie" not in answer.headers
    assert "root:" not in answer.text


@pytest.mark.parametrize("page", FORMS, ids=names)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_form(everyone: Visitor, page: PageRoute, text: str) -> None:
    fields = ("case", "reference", "kind", "agency", "reason", "words", "choice", "field", "text")
    answer = everyone.post(path_of(page), dict.fromkeys(fields, text))

    assert answer.status_code < 500
    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_answer_has_the_headers(everyone: Visitor, page: PageRoute) -> None:
    """Against clickjacking, script of others and caches."""
    answer = everyone.request(page.method, path_of(page))

    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "no-store" in answer.headers["cache-control"]
    if "text/html" in answer.headers["content-type"]:
        assert "style=" not in answer.text
        assert not re.search(r"<[^>]+\son\w+=", answer.text)
        assert answer.text.count("<script") == answer.text.count("<script src=")
