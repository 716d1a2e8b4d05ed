"""Attacks by the form of a request: bodies, encodings, HTTP itself, and parts of other sites."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.web.headers import HEADERS
from adapters.web.people import Person, Role
from adapters.web.serving import WebServer
from broker.store.database import open_store
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

LIMIT_S = 30
_RECIPIENT = re.compile(r'name="recipients" value="([^"]+)"')
MULTIPART = "multipart/form-data; boundary=b; charset={}"


@pytest.fixture
def folder(folder: Path) -> Path:
    """With a state, so that no page ends before it has read what it was asked."""
    (folder / "state").mkdir(exist_ok=True)
    open_store(folder / "state/concordant.db").close()
    return folder


def multipart(**parts: bytes) -> bytes:
    """Return a body of some fields."""
    head = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return b"".join(head % (name.encode(), value) for name, value in parts.items()) + b"--b--\r\n"


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("punycode", b"a" * 60_000 + b"-" + b"9" * 60_000),  # quadratic time in Python
        ("idna", b"xn--" + b"a9" * 60_000),
        ("unicode_escape", b"\\ud800"),  # half a character, which no file or log can hold
        ("utf-7", b"+AAA-"),
        ("zlib_codec", b"x"),
    ],
)
def test_a_body_names_no_other_encoding(visitor: Visitor, charset: str, value: bytes) -> None:
    visitor.sign_in()
    answer = visitor.request(
        "POST",
        "/who-received",
        content=multipart(csrf=visitor.csrf.encode(), case=value, reason=value),
        headers={"content-type": MULTIPART.format(charset)},
    )

    assert answer.status_code == 403


def test_a_body_in_utf_8_is_read(visitor: Visitor) -> None:
    visitor.sign_in()
    body = multipart(csrf=visitor.csrf.encode(), case="Siân".encode(), reason=b"audit")
    answer = visitor.request(
        "POST", "/who-received", content=body, headers={"content-type": MULTIPART.format("UTF-8")}
    )

    assert answer.status_code != 403


@pytest.mark.parametrize(
    "body",
    [
        b"&".join([b"a"] * 3_000),
        b"a=%ff%00&csrf=",
        multipart(**{f"n{number}": b"" for number in range(2_500)}),
        b"--b\r\n" + b"X: y\r\n" * 5_000,
        b'--b\r\nContent-Disposition: form-data; name="' + b'";' * 60_000,
    ],
)
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_many_parts_are_refused(visitor: Visitor, body: bytes, kind: str) -> None:
    visitor.sign_in()
    answer = visitor.request("POST", "/bundles", content=body, headers={"content-type": kind})

    assert answer.status_code == 403


def test_a_compressed_body_is_not_unpacked(visitor: Visitor) -> None:
    visitor.sign_in()
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
    answer = visitor.request("POST", "/bundles", content=b"\x1f\x8b\x08", headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("number", ["9" * 5_000, "٣", "1 ", "-1", "0", "01"])
def test_a_number_in_an_address(visitor: Visitor, number: str) -> None:
    """Python refuses to read a number of more than 4,300 digits with an error of its own."""
    visitor.sign_in(Role.CASEWORKER, Role.OFFICER)
    visitor.get("/help")
    begun = visitor.post("/drafts").headers["location"]
    draft, recipient = begun.split("/")[2], _RECIPIENT.search(visitor.get(begun).text)
    assert recipient is not None
    visitor.post(begun, {"recipients": recipient[1], "version": "1"})
    assert visitor.get(f"/drafts/{draft}/part/1").status_code == 200

    assert visitor.get(f"/drafts/{draft}/part/{number}").status_code < 500
    assert visitor.get(f"/log?before={number}&since={number}").status_code < 500


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-W01-1", "20260101", "\x00"])
def test_a_day_at_the_ends_of_time(visitor: Visitor, day: str) -> None:
    visitor.sign_in()

    assert visitor.get("/log", params={"since": day, "until": day}).status_code < 500


def test_the_page_of_a_defect_has_the_safe_headers(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them it could be framed, kept in a cache, or read as another type."""
    visitor.sign_in()
    monkeypatch.setattr(Person, "actor", _break)
    answer = visitor.get("/what-we-record")

    assert answer.status_code == 500
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store"
    assert "Exampleton" not in answer.text


def _break(_person: Person) -> None:
    raise RuntimeError("Noor Exampleton")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "destination"), [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")]
)
def test_another_site_loads_no_page_as_its_part(
    visitor: Visitor, site: str, mode: str, destination: str
) -> None:
    """Each look is an entry of the log in the victim's name, and some pages ask Kafka."""
    visitor.sign_in()
    sent = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}

    for path in ("/", "/log", "/checks?run=yes", "/live"):
        assert visitor.get(path, headers=sent).status_code == 403
    assert visitor.get("/help", headers=sent | {"sec-fetch-site": "same-origin"}).status_code == 200


def test_a_link_of_another_site_opens_a_page(visitor: Visitor) -> None:
    """A notice by mail has such a link."""
    visitor.sign_in()
    sent = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}

    assert visitor.get("/help", headers=sent | {"sec-fetch-dest": "document"}).status_code == 200


# --- over a connection --------------------------------------------------------------------------


@pytest.fixture
async def running(folder: Path, time: Clock) -> AsyncIterator[WebServer]:
    server = WebServer(folder, time, "127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


async def answers(server: WebServer, request: bytes) -> bytes:
    """Return everything that the server sends until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(LIMIT_S):
            return await reader.read()
    finally:
        writer.close()


SMUGGLED = b"GET /static/concordant.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +5\r\n\r\n",
        b"Content-Length: 0x5\r\n\r\n",
        b"X: a\x00b\r\n\r\n",
        b"Host: evil.example\r\n\r\n",
    ],
)
async def test_no_second_request_is_smuggled(running: WebServer, headers: bytes) -> None:
    """A proxy and this server must not disagree where a request ends."""
    request = b"POST /sign-out HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers
    answer = await answers(running, request + SMUGGLED)

    assert answer.count(b"HTTP/1.1 ") <= 1
    assert b"200 OK" not in answer


async def test_long_headers_are_refused(running: WebServer) -> None:
    answer = await answers(running, b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n")

    assert b" 200 " not in answer


async def test_a_body_that_comes_slowly_holds_no_connection(
    running: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.web.request_limits.BODY_S", 0.05)
    link = running.new_link()
    path = link[link.index("/link/") :].encode()
    host = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    signed_in = await answers(running, b"GET " + path + host + b"Connection: close\r\n\r\n")
    cookie = signed_in.partition(b"set-cookie: ")[2].partition(b";")[0]
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 900\r\n\r\na"
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"POST /sign-out" + host + b"Cookie: " + cookie + b"\r\n" + form)
    async with asyncio.timeout(LIMIT_S):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_other_names_of_this_machine_work(folder: Path, time: Clock, host: str) -> None:
    server = WebServer(folder, time, host, 0)
    visitor = Visitor(server)
    named = "[::1]:8432" if host == "::1" else "localhost:8432"

    assert visitor.get("/help", headers={"host": named}).status_code == 401
    assert visitor.get("/help", headers={"host": "evil.example"}).status_code == 400
    assert visitor.get("/help", headers={"host": "127.0.0.1.evil.example"}).status_code == 400
    server.close()
