"""Every page in a made-up language: no sentence of the software is left in English."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.routing import compile_path

from adapters.web.areas import AREAS, OWN
from adapters.web.people import Role
from adapters.web.serving import WebServer
from broker.agency.account import login_name
from broker.agency.participant import load_participant
from tests.browser.stage import Stage, desk_staged, staged
from tests.support.other_language import (
    BEGIN,
    Data,
    english_left,
    made_up_texts,
    marked,
    shipped_words,
)
from tests.support.web_visitor import Visitor

LANGUAGE = "cy"
"""Welsh has six plural forms."""
ROUTES = [page for area in (*AREAS, OWN) for page in area.pages if page.method == "GET"]
ASKED = ("/mapping?count=yes", "/checks?run=yes", "/log/verified", "/log?since=x", "/not-there")
"""Addresses that a form or a mistake makes."""
PER_ROUTE = 6
"""Most pages of one route: its items differ in state, and a state has sentences of its own."""
TYPED = (
    "Rosa Sampleworth",
    "Noor Exampleton",
    "Placeholder Neighbour",
    "Words on my door",
    "Operations contact",
    "Ada Okafor",
    "Kitebridge Advocacy",
)
"""Texts that people entered."""


def route_of(path: str) -> str | None:
    plain = path.partition("?")[0]
    return next((one.path for one in ROUTES if compile_path(one.path)[0].match(plain)), None)


def speaks(folder: Path) -> None:
    """Set the language of an agency's pages."""
    texts = folder / "web" / f"{LANGUAGE}.po"
    texts.parent.mkdir(exist_ok=True)
    texts.write_bytes(made_up_texts(LANGUAGE))
    settings = folder / "agency.toml"
    text = settings.read_text()
    line = f'language = "{LANGUAGE}"\n'
    if "\n[web]\n" in text:
        settings.write_text(text.replace("\n[web]\n", f"\n[web]\n{line}"))
    else:
        settings.write_text(f"{text}\n[web]\n{line}")


@pytest.fixture(scope="module", params=[staged, desk_staged], ids=["offices", "desk"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made: Callable[[Path], Stage] = request.param
    found = made(tmp_path_factory.mktemp("stage"))
    speaks(found.folder)
    return found


@pytest.fixture(scope="module")
def server(stage: Stage) -> Iterator[WebServer]:
    made = WebServer(stage.folder, stage.clock, "127.0.0.1", 0)
    yield made
    made.close()


@pytest.fixture(scope="module")
def data(stage: Stage) -> Data:
    participant = load_participant(stage.folder, stage.clock(), unsigned_ok=True)
    agreements = [signed.text.raw.decode() for signed in participant.contracts.all()]
    settings = (stage.folder / "agency.toml").read_text()
    return Data([*agreements, *shipped_words(), *TYPED, settings, login_name()])


@pytest.fixture(scope="module")
def pages(server: WebServer) -> Mapping[str, str]:
    """Texts of pages of each route that links lead to, and of the answers to their empty forms."""
    visitor = Visitor(server).sign_in()
    todo = ["/help", *(entry.path for area in AREAS for entry in area.entries), *ASKED]
    seen, routes, found = set(todo), Counter[str | None](), dict[str, str]()
    while todo:
        path = todo.pop(0)
        route = route_of(path)
        if path not in ASKED and routes[route] >= PER_ROUTE:
            continue
        routes[route] += 1
        answer = visitor.get(path)
        if is_page(answer):
            found[path] = answer.text
            found |= {
                f"{path}: {action}": text
                for action, text in empty_forms(visitor, path, answer.text)
            }
            links = {html.unescape(one) for one in re.findall(r'href="(/[^"#]*)', answer.text)}
            todo += sorted(links - seen)
            seen |= links
    return found


def is_page(answer: httpx.Response) -> bool:
    """Return whether an answer is a page, and no file."""
    of_type = answer.headers.get("content-type", "")
    return "text/html" in of_type and "content-disposition" not in answer.headers


def empty_forms(visitor: Visitor, path: str, page: str) -> Iterator[tuple[str, str]]:
    """Answers to the forms of a page that a person sends without an input."""
    for form in re.findall(r'<form method="post"([^>]*)>', page):
        named = re.search(r'action="([^"]+)"', form)
        action = html.unescape(named[1]) if named else path
        if action != "/sign-out":
            answer = visitor.post(action)
            if is_page(answer):
                yield action, answer.text


def test_no_english_is_left(pages: Mapping[str, str], data: Data) -> None:
    left = [f"{path}: {one}" for path, text in pages.items() for one in english_left(text, data)]

    assert left == []
    assert all(BEGIN in text for text in pages.values())
    assert all(f'lang="{LANGUAGE}"' in text for text in pages.values())


def test_no_english_is_left_without_a_session(server: WebServer, data: Data) -> None:
    visitor = Visitor(server)
    pages = [visitor.get(path).text for path in ("/help", "/link/used")]
    visitor.sign_in(Role.CASEWORKER)
    pages.append(visitor.get("/agreements").text)

    assert [english_left(text, data) for text in pages] == [[], [], []]


def test_english_is_found() -> None:
    page = f'<p title="Left out">{marked("Said")} 12 Haven <b>{marked("<i>so</i>")}</b> not so</p>'

    assert english_left(page, Data(["Haven Support"])) == ["not so", "Left out"]
