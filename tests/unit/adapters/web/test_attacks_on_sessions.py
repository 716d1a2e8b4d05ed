"""Attacks on sessions and one-time links: races, exhaustion, and what is left after the end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from adapters.web.authentication import SIGN_INS_A_MINUTE
from adapters.web.one_time_links import OneTimeLinks
from adapters.web.people import EVERY_ROLE, Person
from adapters.web.request_limits import MOST_TOGETHER, MOST_WATCHING, MOST_WATCHING_ALL, Places
from adapters.web.serving import WebServer
from adapters.web.session_files import SessionFiles
from adapters.web.sessions import MOST_OF_PERSON, SignIn, WebSessions
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

ROSA = Person("rosa", "Rosa Sampleworth", EVERY_ROLE, "link")
SAM = Person("sam", "Sam Exampleton", EVERY_ROLE, "link")
LIMIT_S = 30


def test_a_link_used_twice_at_once_signs_in_once() -> None:
    links = OneTimeLinks()
    tokens = [links.make(ROSA, 0) for _ in range(100)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(links.use, tokens * 8, [0] * 800))

    assert sum(one is not None for one in found) == len(tokens)


def test_a_person_who_signs_in_often_ends_no_session_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.sessions.MOST_SESSIONS", 50)
    sessions = WebSessions(SessionFiles(tmp_path))
    other = sessions.begin(SignIn(SAM, 0), 0)
    tokens = [sessions.begin(SignIn(ROSA, 0), 0) for _ in range(50 + MOST_OF_PERSON)]

    assert sessions.find(other, 0) is not None
    assert sum(sessions.find(one, 0) is not None for one in tokens) == MOST_OF_PERSON
    assert sessions.find(tokens[-1], 0) is not None


def test_attempts_of_one_address_lock_out_no_other(visitor: Visitor, server: WebServer) -> None:
    visitor.address = "10.9.9.9"
    statuses = [visitor.get("/link/guess").status_code for _ in range(2 * SIGN_INS_A_MINUTE)]

    assert 429 in statuses
    Visitor(server).sign_in()


def test_one_person_cannot_take_every_place() -> None:
    """Streams and slow requests each hold a connection, of which there are 256."""
    watching = Places(MOST_WATCHING, MOST_WATCHING_ALL)
    opened = [watching.one("rosa") for _ in range(MOST_WATCHING)]
    assert all(one.__enter__() for one in opened)
    with watching.one("rosa") as room:
        assert not room
    others = [watching.one(str(number)) for number in range(MOST_WATCHING_ALL)]
    rooms = [one.__enter__() for one in others]

    assert sum(rooms) == MOST_WATCHING_ALL - MOST_WATCHING


async def test_one_person_cannot_take_every_thread(
    server: WebServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that waits, for example for Kafka, holds one of 40 threads."""
    await asyncio.to_thread(visitor.sign_in)
    other = Visitor(server)
    token = server.new_link(SAM)
    await asyncio.to_thread(other.get, token[token.index("/link/") :])
    release, waiting = threading.Event(), threading.Semaphore(0)
    actor = Person.actor

    def slow(person: Person) -> object:
        if person.id == "rosa":
            waiting.release()
            release.wait(LIMIT_S)
        return actor(person)

    monkeypatch.setattr(Person, "actor", slow)
    transport = httpx.ASGITransport(server.asgi)
    base = "http://127.0.0.1"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:

        async def ask(cookies: dict[str, str]) -> int:
            shown = "; ".join(f"{name}={value}" for name, value in cookies.items())
            return (await client.get("/what-we-record", headers={"cookie": shown})).status_code

        held = [asyncio.create_task(ask(visitor.cookies)) for _ in range(MOST_TOGETHER)]
        for _ in held:
            await asyncio.to_thread(waiting.acquire, timeout=LIMIT_S)
        assert await ask(visitor.cookies) == 429
        assert await ask(other.cookies) == 200
        release.set()
        assert await asyncio.gather(*held) == [200] * MOST_TOGETHER


async def test_a_stream_ends_with_its_session(folder: Path, time: Clock) -> None:
    """After the sign-out, the next person at the computer learns nothing from an open page."""
    server = WebServer(folder, time, "127.0.0.1", 0)
    await server.start()
    async with httpx.AsyncClient() as browser, asyncio.timeout(LIMIT_S):
        link = server.new_link()
        await browser.get(link)
        base = link[: link.index("/link/")]
        csrf = (await browser.get(f"{base}/help")).text.partition('name="csrf" value="')[2]
        async with browser.stream("GET", f"{base}/live") as stream:
            news = stream.aiter_text()
            assert await anext(news)
            out = await browser.post(f"{base}/sign-out", data={"csrf": csrf.partition('"')[0]})
            (folder / "agency.toml").touch()

            assert [one async for one in news] == []
    await server.stop()

    assert out.headers["clear-site-data"] == '"cache"'


def test_no_page_with_data_is_kept_by_the_browser(visitor: Visitor) -> None:
    """The back button after the sign-out shows nothing."""
    visitor.sign_in()
    for path in ("/help", "/log", "/agreements", "/drafts", "/not-there"):
        assert visitor.get(path).headers["cache-control"] == "no-store"


def test_the_cookie_goes_at_the_sign_out(folder: Path, time: Clock) -> None:
    """Browsers ignore the removal of a `__Host-` cookie that is not itself secure."""
    settings = folder / "agency.toml"
    settings.write_text(f'{settings.read_text()}\n[web]\naddress = "https://127.0.0.1"\n')
    server = WebServer(folder, time, "127.0.0.1", 0)
    visitor = Visitor(server)
    link = server.new_link()
    cookie = visitor.get(link[link.index("/link/") :]).headers["set-cookie"]
    name = cookie.partition("=")[0]
    sent = {"cookie": cookie.partition(";")[0]}
    page = visitor.get("/help", headers=sent)
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    out = visitor.request("POST", "/sign-out", data={"csrf": csrf}, headers=sent)
    server.close()

    removed = out.headers["set-cookie"]
    assert name.startswith("__Host-")
    assert removed.startswith(f'{name}=""; ')
    assert "Max-Age=0" in removed
    assert "Secure" in removed
