"""Each entry of the import folder has a rule; what is not taken is shown, never silently left."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from broker.held.import_folder import (
    SHOWN_MS,
    UNFINISHED_SHOWN_MS,
    entries_not_taken,
    leftovers,
    own_inside,
    remove_leftovers,
)

LATER = 2 * SHOWN_MS
MUCH_LATER = 2 * UNFINISHED_SHOWN_MS


def shown(folder: Path, after_ms: int, done_marker: str | None = None) -> dict[str, str]:
    now_ms = time.time_ns() // 1_000_000 + after_ms
    found = entries_not_taken(folder, {"processed", "quarantine"}, now_ms, done_marker)
    assert len({item.id for item in found}) == len(found)
    return {item.about: item.code for item in found}


def test_files_not_taken_are_shown_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "late.csv").write_bytes(b"x")
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "processed").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s.csv"))
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    for name in ("x.lock", "~x", "cases.reason.json", "a.csv.left-out.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "one.csv").write_bytes(b"x")
    os.link(tmp_path / "one.csv", tmp_path / "two.csv")
    assert shown(tmp_path, 0) == {}, "what has just come is no trouble"
    found = {
        "late.csv": "file_waits",
        "link.csv": "symlink",
        "folder.csv": "not_a_file",
        "pipe.csv": "not_a_file",
        "s.csv": "not_a_file",
        "one.csv": "hard_link",
        "two.csv": "hard_link",
    }
    assert shown(tmp_path, LATER) == found
    assert shown(tmp_path, MUCH_LATER) == found | {
        "x.lock": "file_unfinished",
        "~x": "file_unfinished",
        "cases.reason.json": "file_unfinished",
        "a.csv.left-out.json": "file_unfinished",
    }


def test_a_folder_with_the_name_of_ours_is_shown_unless_it_is_ours(tmp_path: Path) -> None:
    drop = tmp_path / "import"
    drop.mkdir()
    (tmp_path / "other").symlink_to(drop)
    assert own_inside(drop, tmp_path / "processed", tmp_path / "quarantine") == set()
    inside = own_inside(drop, drop / "processed", tmp_path / "other" / "quarantine")
    assert inside == {"processed", "quarantine"}


def test_a_name_that_is_not_utf_8_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_bytes(b"x")
    assert shown(tmp_path, LATER) == {"caf?.csv": "file_waits"}


def test_a_file_without_a_newer_marker_is_marker_missing(tmp_path: Path) -> None:
    for name in ("none.csv", "older.csv", "older.csv.done", "both.csv", "both.csv.done"):
        (tmp_path / name).touch()
    earlier_ns = time.time_ns() - 10**9
    os.utime(tmp_path / "older.csv.done", ns=(earlier_ns, earlier_ns))
    assert shown(tmp_path, 0, ".done") == {}
    found = {"none.csv": "marker_missing", "older.csv": "marker_missing", "both.csv": "file_waits"}
    assert shown(tmp_path, LATER, ".done") == found
    (tmp_path / "none.csv.done").touch()
    assert shown(tmp_path, LATER, ".done")["none.csv"] == "file_waits"


def test_a_marker_without_its_file_is_marker_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv.done").touch()
    assert shown(tmp_path, 0, ".done") == {}
    assert shown(tmp_path, LATER, ".done") == {"a.csv.done": "marker_alone"}
    (tmp_path / "a.csv.done").unlink()
    assert shown(tmp_path, LATER, ".done") == {}


def test_no_folder_shows_nothing(tmp_path: Path) -> None:
    assert shown(tmp_path / "none", LATER) == {}


def test_half_written_files_of_a_crash_are_found_and_removed(tmp_path: Path) -> None:
    (tmp_path / ".a.csv.tmp").write_bytes(b"x")
    (tmp_path / "a.csv").write_bytes(b"x")
    (tmp_path / ".b.csv.tmp").mkdir()
    now_ms = time.time_ns() // 1_000_000
    assert leftovers([tmp_path], now_ms) == []
    assert leftovers([tmp_path], now_ms + LATER) == [tmp_path / ".a.csv.tmp"]
    assert remove_leftovers([tmp_path], now_ms + LATER) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.csv.tmp", "a.csv"]
