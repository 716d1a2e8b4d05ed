"""Sessions that a person or a command ends, and steps that need a recent sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from adapters.web.people import EVERY_ROLE, Person, Role
from adapters.web.serving import WebServer
from adapters.web.session_files import (
    FOLDER,
    EndedSessions,
    SessionFiles,
    end_sessions,
    listed_sessions,
)
from adapters.web.sessions import RECENT_MS, SignIn, WebSessions
from broker.store.database import open_store
from broker.store.exclusion import exclusive
from tests.support.command_line import Cli
from tests.support.founded_partnership import COUNCIL, HOUR, NOW, SUPPORT, founded
from tests.support.web_visitor import Visitor
from tests.unit.adapters.web.conftest import Clock

SAM = Person("sam", "Sam Exampleton", EVERY_ROLE, "link")


@pytest.fixture
def time() -> Clock:
    return Clock(NOW + HOUR)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = founded().directory(SUPPORT, tmp_path)
    (folder / "state").mkdir(exist_ok=True)
    open_store(folder / "state/concordant.db").close()
    return folder


@pytest.fixture
def beside(folder: Path, time: Clock) -> Iterator[WebServer]:
    """A second server of the same agency, as `adapter run --web` beside `concordant web`."""
    server = WebServer(folder, time, "127.0.0.1", 0)
    yield server
    server.close()


def signed_in(server: WebServer, person: Person) -> Visitor:
    visitor = Visitor(server)
    link = server.new_link(person)
    visitor.get(link[link.index("/link/") :])
    visitor.get("/help")
    return visitor


SHA256 = founded().signed.hash.hex()
STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    (f"/agreements/{SHA256}/stop/pause", {"reason": "dispute"}),
    (f"/agreements/{SHA256}/delegation", {}),
    (f"/partners/{COUNCIL}", {"words": "zoo"}),
    ("/who-received", {"case": "CAM-1", "reason": "audit", "format": "csv"}),
    ("/put-aside/discard", {"id": "1", "reason": "lost"}),
)


@pytest.mark.parametrize(
    ("path", "form"), STEPS, ids=[path.rpartition("/")[2] for path, _ in STEPS]
)
def test_a_step_without_return_needs_a_recent_sign_in(
    server: WebServer, time: Clock, path: str, form: dict[str, Any]
) -> None:
    """Another person at an unlocked computer cannot take it."""
    visitor = signed_in(server, SAM)
    assert visitor.post(path, form).status_code in {404, 422}
    time.now += RECENT_MS
    refused = visitor.post(path, form, headers={"referer": f"http://127.0.0.1{path}?a=1"})

    assert refused.status_code == 403
    assert f'href="{path}?a=1"' in refused.text
    link = server.new_link(SAM)
    visitor.get(link[link.index("/link/") :])
    visitor.get("/help")
    assert visitor.post(path, form).status_code in {404, 422}


def test_a_page_of_another_site_is_no_way_back(server: WebServer, time: Clock) -> None:
    visitor = signed_in(server, SAM)
    time.now += RECENT_MS
    headers = {"referer": "https://evil.example//evil.example"}
    refused = visitor.post("/put-aside/discard", {"id": "1"}, headers=headers)

    assert "evil" not in refused.text


def test_a_form_stays_valid_after_signing_in_again(server: WebServer) -> None:
    visitor = signed_in(server, SAM)
    csrf, link = visitor.csrf, server.new_link(SAM)
    visitor.get(link[link.index("/link/") :])

    assert visitor.post("/sessions", {"csrf": csrf, "session": "others"}).status_code == 303


def test_a_person_sees_and_ends_their_other_sessions(server: WebServer) -> None:
    here, there, third = (signed_in(server, SAM) for _ in range(3))
    other = signed_in(server, Person("rosa", "Rosa", EVERY_ROLE, "link"))
    page = here.get("/sessions").text
    ids = [part.partition('"')[0] for part in page.split('name="session" value="')[1:]]
    assert len(ids) == 3
    assert ids[-1] == "others"

    here.post("/sessions", {"session": ids[0]})
    assert [one.get("/help").status_code for one in (here, there, third)].count(401) == 1
    here.post("/sessions", {"session": "others"})
    assert [one.get("/help").status_code for one in (here, there, third)] == [200, 401, 401]
    assert other.get("/help").status_code == 200


def test_a_person_ends_no_session_of_another(server: WebServer) -> None:
    other, visitor = signed_in(server, SAM), Visitor(server).sign_in(Role.AUDITOR)
    (session,) = server._doors.sessions.of_person(SAM, NOW + HOUR)
    visitor.post("/sessions", {"session": session.id})

    assert session.id not in visitor.get("/sessions").text
    assert other.get("/help").status_code == 200


def test_a_command_ends_the_sessions_of_a_person_on_every_server(
    server: WebServer, beside: WebServer, folder: Path, time: Clock
) -> None:
    first, second = signed_in(server, SAM), signed_in(beside, SAM)
    other = Visitor(server).sign_in()
    assert len(listed_sessions(folder)) == 3

    assert len(end_sessions(folder, "sam", time.now)) == 2
    assert first.get("/help").status_code == 401
    assert second.get("/help").status_code == 401
    assert other.get("/help").status_code == 200
    assert [one.person for one in listed_sessions(folder)] == ["rosa"]
    time.now += 1
    assert signed_in(server, SAM).get("/help").status_code == 200


def test_a_command_ends_the_sessions_of_everyone(
    server: WebServer, folder: Path, time: Clock
) -> None:
    people = [signed_in(server, SAM), Visitor(server).sign_in()]
    end_sessions(folder, None, time.now)

    assert {one.get("/help").status_code for one in people} == {401}


def test_two_commands_at_once_lose_no_end(folder: Path, time: Clock) -> None:
    ended = folder / FOLDER / "ended.json"
    with ThreadPoolExecutor(1) as thread:
        with exclusive(ended.with_suffix(".lock")):  # another command is at work
            waiting = thread.submit(end_sessions, folder, "sam", time.now)
            ended.write_text(EndedSessions(people={"rosa": time.now}).model_dump_json())
        waiting.result()
    files = SessionFiles(folder)
    assert {files.ended_ms(one) for one in ("rosa", "sam")} == {time.now}


def test_an_end_that_cannot_be_read_ends_every_session(
    server: WebServer, folder: Path, time: Clock
) -> None:
    visitor = signed_in(server, SAM)
    end_sessions(folder, "rosa", time.now)
    assert visitor.get("/help").status_code == 200
    (folder / FOLDER / "ended.json").write_text("{")

    assert visitor.get("/help").status_code == 401


def test_the_list_of_a_server_that_died_is_removed(tmp_path: Path) -> None:
    files = SessionFiles(tmp_path)
    WebSessions(files).begin(SignIn(SAM, 0), 0)
    assert len(listed_sessions(tmp_path)) == 1
    files._held.close()  # as the system does when a process dies

    assert listed_sessions(tmp_path) == []
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_the_commands(folder: Path, server: WebServer, cli: Cli) -> None:
    signed_in(server, SAM)
    of = ("--agency", folder)

    assert [one["person"] for one in cli("web", "sessions", "list", *of, "--json").json] == ["sam"]
    assert "sam" in cli("web", "sessions", "list", *of).text
    assert cli("web", "sessions", "end", *of, "--person", "sam").code == 0
    assert cli("web", "sessions", "end", *of, "--person", "nemo").code == 1
    assert cli("web", "sessions", "end", *of).code == 2
    assert cli("web").code == 2


def test_sessions_unreadable_names_the_file_until_it_is_removed(folder: Path, cli: Cli) -> None:
    ended = folder / FOLDER / "ended.json"
    ended.parent.mkdir(parents=True, exist_ok=True)
    ended.write_text("{")
    refused = cli("web", "sessions", "end", "--agency", folder, "--all")
    assert (refused.code, "sessions_unreadable" in refused.err) == (3, True)
    assert str(ended) in refused.err
    ended.unlink()
    assert cli("web", "sessions", "end", "--agency", folder, "--all").code == 1  # none was open
