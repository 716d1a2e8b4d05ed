"""Exports of a real SFTP server: complete ones only, once each, and none is lost."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from adapters.limits import MAX_FILE_BYTES
from adapters.sftp import client as client_module
from adapters.sftp import fetching as fetching_module
from adapters.sftp import remote_folder
from adapters.sftp.client import SftpError
from adapters.sftp.fetching import FetchLoop, ImportFolderError
from tests.support.sftp_server import SftpServer
from tests.unit.adapters.sftp.conftest import ROWS, Fetching


async def test_a_settled_export_is_stored_here_and_archived_there(fetching: Fetching) -> None:
    fetching.drop("one.csv")
    await fetching.fetcher.round()
    assert fetching.stored() == {}  # one look is not enough
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert fetching.stored() == {"one.csv": ROWS}
    assert fetching.server.files("archive") == {"one.csv": ROWS}
    assert (fetching.target / "one.csv").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_grows_is_not_taken_before_it_rests(fetching: Fetching) -> None:
    path = fetching.drop("one.csv", b"a")
    for number in range(4):
        await fetching.fetcher.round()
        await asyncio.sleep(0.03)
        with path.open("ab") as file:
            file.write(b"x" * (number + 1))
    assert fetching.stored() == {}
    await fetching.until(lambda: fetching.stored() != {})
    assert fetching.stored() == {"one.csv": path_content(fetching)}


def path_content(fetching: Fetching) -> bytes:
    return fetching.server.files("archive")["one.csv"]


async def test_a_file_that_changes_while_it_is_read_is_fetched_again_whole(
    fetching: Fetching,
) -> None:
    path = fetching.drop("one.csv", b"x" * 600_000)
    changed = False

    def before(operation: str, _path: str) -> None:
        nonlocal changed
        if operation == "read" and not changed:
            changed = True
            path.write_bytes(b"y" * 600_001)

    fetching.server.before = before
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert fetching.stored() == {"one.csv": b"y" * 600_001}


async def test_a_connection_that_is_cut_in_the_middle_of_a_file_loses_nothing(
    fetching: Fetching,
) -> None:
    content = os.urandom(1_000_000)
    fetching.drop("one.csv", content)
    cuts = 0

    def before(operation: str, path: str) -> None:
        nonlocal cuts
        if operation == "read" and int(path) > 300_000 and cuts < 3:
            cuts += 1
            fetching.server.cut()

    fetching.server.before = before
    failures = 0
    for _ in range(60):
        try:
            await fetching.fetcher.round()
        except SftpError as error:
            failures += error.code == "sftp_unreachable" and fetching.stored() == {}
        await asyncio.sleep(0.02)
        if fetching.server.files("exports") == {}:
            break
    assert (cuts, failures) == (3, 3)
    assert fetching.stored() == {"one.csv": content}
    assert fetching.server.files("archive") == {"one.csv": content}


async def test_a_stop_between_storing_and_archiving_fetches_it_again_and_keeps_both(
    fetching: Fetching,
) -> None:
    """The intake knows each row that it has taken, so a second copy does no harm."""
    fetching.drop("one.csv")

    def before(operation: str, _path: str) -> None:
        if operation == "rename":
            fetching.server.cut()
            raise asyncssh.SFTPFailure("cut")

    fetching.server.before = before
    with pytest.raises(SftpError):
        await fetching.until(lambda: False)
    assert fetching.stored() == {"one.csv": ROWS}
    assert fetching.server.files("exports") == {"one.csv": ROWS}
    await fetching.client.close()
    fetching.begin()  # a new process
    fetching.server.before = lambda _o, _p: None
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert sorted(fetching.stored().values()) == [ROWS, ROWS]
    assert fetching.server.files("archive") == {"one.csv": ROWS}


async def test_a_file_that_cannot_be_archived_is_stored_once_and_is_sftp_folder_unusable(
    fetching: Fetching,
) -> None:
    fetching.drop("one.csv")
    (fetching.server.root / "archive").rmdir()
    codes = []
    for _ in range(10):
        try:
            await fetching.fetcher.round()
        except SftpError as error:
            codes.append(error.code)
        await asyncio.sleep(0.02)
    assert set(codes) == {"sftp_folder_unusable"}
    assert fetching.client.trouble() == "sftp_folder_unusable"
    assert fetching.stored() == {"one.csv": ROWS}
    (fetching.server.root / "archive").mkdir()
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert (fetching.stored(), fetching.client.trouble()) == ({"one.csv": ROWS}, None)


async def test_two_files_of_one_name_are_both_kept(fetching: Fetching) -> None:
    for content in (b"a\n1\n", b"a\n2\n"):
        fetching.drop("one.csv", content)
        await fetching.until(lambda: fetching.server.files("exports") == {})
    assert sorted(fetching.stored().values()) == [b"a\n1\n", b"a\n2\n"]
    assert sorted(fetching.server.files("archive").values()) == [b"a\n1\n", b"a\n2\n"]


async def test_too_large_empty_and_other_files_are_rejected_unread_with_a_reason(
    fetching: Fetching,
) -> None:
    with fetching.drop("large.csv").open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    fetching.drop("empty.csv", b"")
    fetching.drop("notes.docx")
    fetching.drop("good.csv")
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert fetching.stored() == {"good.csv": ROWS}
    names = ("empty.csv", "large.csv", "notes.docx")
    rejects = fetching.server.root / "rejects"
    reasons = {one: json.loads((rejects / f"{one}.reason.json").read_text()) for one in names}
    assert {name: one["code"] for name, one in reasons.items()} == {
        "empty.csv": "file_empty",
        "large.csv": "file_too_large",
        "notes.docx": "file_type_unknown",
    }
    assert all((rejects / one).is_file() for one in names)
    assert sorted(one.code for one in fetching.reports) == sorted(
        one["code"] for one in reasons.values()
    )
    assert ("read", "0") in fetching.server.operations  # of the good file
    assert len([one for one in fetching.server.operations if one[0] == "read"]) <= 3


async def test_with_a_done_marker_a_file_is_taken_at_once_and_never_without_it(
    server: SftpServer,
) -> None:
    fetching = Fetching(server, ".done")
    fetching.drop("one.csv")
    fetching.drop("two.csv")
    for _ in range(5):
        await fetching.fetcher.round()
        await asyncio.sleep(0.03)
    assert fetching.stored() == {}
    fetching.drop("one.csv.done", b"")
    await fetching.fetcher.round()
    assert fetching.stored() == {"one.csv": ROWS}
    assert set(server.files("exports")) == {"two.csv"}
    assert set(server.files("archive")) == {"one.csv"}
    await fetching.client.close()


async def test_a_marker_that_a_crash_left_does_not_complete_the_next_file(
    server: SftpServer,
) -> None:
    fetching = Fetching(server, ".done")
    fetching.drop("one.csv.done", b"")
    await fetching.until(lambda: server.files("exports") == {}, 60)
    fetching.drop("one.csv", b"half")
    for _ in range(4):
        await fetching.fetcher.round()
        await asyncio.sleep(0.03)
    assert fetching.stored() == {}
    await fetching.client.close()


async def test_names_that_could_leave_a_folder_links_and_folders_are_sftp_name_unusable(
    fetching: Fetching, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(ROWS)
    exports = fetching.server.root / "exports"
    (exports / "link.csv").symlink_to(secret)
    (exports / "folder.csv").mkdir()
    (exports / "hid\u202eden.csv").write_bytes(ROWS)
    (exports / ".hidden.csv").write_bytes(ROWS)
    (exports / "one.csv.part").write_bytes(ROWS)
    (exports / os.fsdecode(b"latin-\xe9.csv")).write_bytes(ROWS)
    for _ in range(6):
        await fetching.fetcher.round()
        await asyncio.sleep(0.03)
    assert fetching.stored() == {}
    assert fetching.server.files("archive") == {}
    assert fetching.fetcher.trouble() == "sftp_name_unusable"
    (exports / "link.csv").unlink()
    (exports / "hid\u202eden.csv").unlink()
    (exports / os.fsdecode(b"latin-\xe9.csv")).unlink()
    await fetching.fetcher.round()
    assert fetching.fetcher.trouble() is None
    assert remote_folder._name(b"../up.csv") is None
    assert remote_folder._name(b"x" * 201) is None


async def test_a_look_takes_a_bounded_number_of_entries(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_folder, "MOST_ENTRIES", 5)
    for number in range(12):
        fetching.drop(f"{number}.csv")
    found = await fetching.client.call(lambda sftp: remote_folder.listing(sftp, "exports"))
    assert (len(found.files), found.complete) == (5, False)
    await fetching.until(lambda: fetching.server.files("exports") == {}, 120)
    assert len(fetching.stored()) == 12


async def test_parts_of_a_crash_are_removed_at_the_start(fetching: Fetching) -> None:
    fetching.target.mkdir()
    part = fetching.target / fetching_module.PART.format("0123")
    part.write_bytes(b"half")
    fetching.fetcher.remove_parts()
    assert fetching.stored() == {}


def _no_folder(fetching: Fetching, _monkeypatch: pytest.MonkeyPatch) -> None:
    fetching.target.write_text("a file")


def _no_space(_fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(fetching_module, "_write_all", full)


def _no_move(_fetching: Fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(fetching_module, "put_back", refused)


@pytest.mark.parametrize("break_it", [_no_folder, _no_space, _no_move])
async def test_an_import_folder_that_cannot_be_written_is_file_unusable_and_loses_nothing(
    fetching: Fetching,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Fetching, pytest.MonkeyPatch], None],
) -> None:
    loop = FetchLoop(fetching.fetcher, fetching.client, 0.02)
    fetching.drop("one.csv")
    with monkeypatch.context() as broken:
        break_it(fetching, broken)
        with pytest.raises(ImportFolderError) as caught:
            await fetching.until(lambda: False)
        assert caught.value.code == loop.trouble() == "file_unusable"
    assert fetching.server.files("exports") == {"one.csv": ROWS}
    if fetching.target.is_file():
        fetching.target.unlink()
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert (fetching.stored(), loop.trouble()) == ({"one.csv": ROWS}, None)


async def test_a_listing_alone_does_not_clear_a_fault(
    fetching: Fetching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def before(operation: str, _path: str) -> None:
        if operation == "rename":
            raise asyncssh.SFTPFailure("refused")

    monkeypatch.setattr(client_module, "LASTING_S", 0.0)
    fetching.server.before = before
    fetching.drop("one.csv")
    for _ in range(2):
        with pytest.raises(SftpError):
            await fetching.until(lambda: False)
    assert fetching.client.trouble() == "sftp_failed"
    await fetching.client.call(lambda sftp: sftp.listdir("exports"))
    assert fetching.client.trouble() == "sftp_failed"


async def test_a_file_that_cannot_be_read_is_sftp_file_unreadable_and_stops_no_other(
    fetching: Fetching,
) -> None:
    os.utime(fetching.drop("a.csv"), (1, 1))
    fetching.drop("b.csv")
    refused: list[Exception] = [asyncssh.SFTPPermissionDenied("x"), asyncssh.SFTPFailure("x")]

    def before(operation: str, path: str) -> None:
        if operation == "open" and path.endswith("a.csv"):
            raise refused[-1]

    fetching.server.before = before
    await fetching.until(lambda: "b.csv" in fetching.stored())
    refused.pop()
    await fetching.fetcher.round()
    assert (fetching.fetcher.trouble(), fetching.client.trouble()) == ("sftp_file_unreadable", None)
    assert set(fetching.server.files("exports")) == {"a.csv"}
    fetching.server.before = lambda _operation, _path: None
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert set(fetching.stored()) == {"a.csv", "b.csv"}
    assert fetching.fetcher.trouble() is None


async def test_a_file_that_vanishes_after_the_look_is_no_fault(fetching: Fetching) -> None:
    gone = fetching.drop("a.csv")
    os.utime(gone, (1, 1))
    empty = fetching.drop("b.csv", b"")
    fetching.drop("c.csv")

    def before(operation: str, path: str) -> None:
        if operation == "open" and path.endswith("a.csv"):
            gone.unlink(missing_ok=True)
            empty.unlink(missing_ok=True)

    fetching.server.before = before
    await fetching.until(lambda: fetching.server.files("exports") == {})
    assert (set(fetching.stored()), fetching.reports) == ({"c.csv"}, [])
    assert (fetching.fetcher.trouble(), fetching.client.trouble()) == (None, None)


async def test_a_file_that_cannot_be_moved_away_stops_no_other(fetching: Fetching) -> None:
    os.utime(fetching.drop("a.csv"), (1, 1))
    fetching.drop("b.csv")

    def before(operation: str, path: str) -> None:
        if operation == "rename" and path.endswith("a.csv"):
            raise asyncssh.SFTPPermissionDenied("x")

    fetching.server.before = before
    with pytest.raises(SftpError) as caught:
        await fetching.until(lambda: False)
    assert caught.value.code == "sftp_folder_unusable"
    assert set(fetching.server.files("archive")) == {"b.csv"}
    assert set(fetching.stored()) == {"a.csv", "b.csv"}
