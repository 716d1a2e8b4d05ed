"""The watched folder: what is refused or left alone, with its reason, and nothing followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.sources import watched_folder as module
from adapters.sources.opened_file import OpenedFile, open_settled
from adapters.sources.settling import Settled
from adapters.sources.source_file import SourceFile, Verdict
from broker.held.reason_file import RowReason
from contracts.errors import ConcordantError
from tests.unit.adapters.sources.watched_folder import WatchedFolder


async def test_an_empty_file_is_given_more_time_and_then_refused(watched: WatchedFolder) -> None:
    (watched.drop / "a.csv").touch()
    assert await watched.settle() == 0
    assert await watched.look(after=8.0) == 1
    assert watched.reason("a.csv")["code"] == "file_empty"
    assert watched.files == []


@pytest.mark.parametrize("name", ["a.csv.part", "a.TMP", "a.csv~", ".a.csv", "~$a.csv"])
async def test_names_of_unfinished_files_are_not_looked_at(
    watched: WatchedFolder, name: str
) -> None:
    (watched.drop / name).write_bytes(b"x")
    assert await watched.settle() == 0
    assert watched.source.waiting == 0
    assert (watched.drop / name).exists()


async def test_a_refused_file_has_its_reason_beside_it(watched: WatchedFolder) -> None:
    rows = (RowReason(3, "unknown_value", "strand", "No such code in list hate_strand."),)
    watched.answer = lambda _: Verdict(False, "file_malformed", "No header.", rows)
    (watched.drop / "a.csv").write_bytes(b"x")
    assert await watched.settle() == 1
    assert (watched.quarantine / "a.csv").read_bytes() == b"x"
    assert watched.reason("a.csv") == {
        "file": "a.csv",
        "sha256": watched.files[0].sha256,
        "code": "file_malformed",
        "detail": "No header.",
        "rows": [
            {
                "line": 3,
                "code": "unknown_value",
                "field": "strand",
                "detail": "No such code in list hate_strand.",
            }
        ],
    }
    assert watched.reports[0].status == "quarantined"


async def test_bad_rows_of_a_good_file_can_be_corrected_and_dropped_again(
    watched: WatchedFolder,
) -> None:
    rows = (RowReason(2, "invalid_date", "when", "Not a date."),)
    watched.answer = lambda _: Verdict(True, rows=rows, rejected=((0, 6),))
    (watched.drop / "a.csv").write_bytes(b"h\nbad\ngood\n")
    await watched.settle()
    assert (watched.processed / "a.csv").read_bytes() == b"h\nbad\ngood\n"
    assert (watched.quarantine / "a.csv.rejected.csv").read_bytes() == b"h\nbad\n"
    assert watched.reason("a.csv")["rows"] == [
        {"line": 2, "code": "invalid_date", "field": "when", "detail": "Not a date."}
    ]
    assert watched.reports[0].rows == 1


async def test_the_rest_of_a_file_is_put_beside_as_the_bytes_that_stand_there(
    watched: WatchedFolder,
) -> None:
    rows = (RowReason(2, "row_malformed", None, "Not a row."),)
    watched.answer = lambda _: Verdict(
        True, "rest_put_aside", "Too many.", rows, rejected=(b"h\n", (2, 6)), rest=(b"h\n", (6, 12))
    )
    (watched.drop / "a.csv").write_bytes(b"h\nbad\n\xffrest\n")
    await watched.settle()
    assert (watched.quarantine / "a.csv.rejected.csv").read_bytes() == b"h\nbad\n"
    assert (watched.quarantine / "a.csv.rest.csv").read_bytes() == b"h\n\xffrest\n"
    assert watched.reason("a.csv")["code"] == "rest_put_aside"
    assert watched.codes == ["rest_put_aside"]


async def test_a_file_refused_by_the_handler_is_quarantined_with_its_code(
    watched: WatchedFolder,
) -> None:
    class RefusedError(ConcordantError):
        code = "file_encoding"
        exit_code = 4

    def refuse(_: SourceFile) -> Verdict:
        raise RefusedError("Not UTF-8.")

    watched.answer = refuse
    (watched.drop / "a.csv").write_bytes(b"\xff")
    assert await watched.settle() == 1
    assert watched.reason("a.csv")["code"] == "file_encoding"


async def test_an_adapter_that_fails_stops_no_other_file_and_leaks_no_value(
    watched: WatchedFolder,
) -> None:
    def fail(file: SourceFile) -> Verdict:
        if file.name == "a.csv":
            raise KeyError("Jane Person")
        return Verdict(True)

    watched.answer = fail
    for name in ("a.csv", "b.csv"):
        (watched.drop / name).write_bytes(name.encode())
    assert await watched.settle() == 2
    assert watched.codes == ["handler_failed", "taken"]
    assert "Jane" not in (watched.quarantine / "a.csv.reason.json").read_text()


async def test_a_huge_file_is_refused_unread(watched: WatchedFolder) -> None:
    with (watched.drop / "a.csv").open("wb") as file:
        file.truncate(module.MAX_FILE_BYTES + 1)
    assert await watched.settle() == 1
    assert watched.reason("a.csv")["code"] == "file_too_large"
    assert watched.reason("a.csv")["sha256"] == ""
    assert (watched.quarantine / "a.csv").stat().st_size == module.MAX_FILE_BYTES + 1


async def test_an_unknown_ending_is_refused(watched: WatchedFolder) -> None:
    (watched.drop / "a.xlsx").write_bytes(b"PK")
    (watched.drop / "B.CSV").write_bytes(b"x")
    assert await watched.settle() == 2
    assert sorted(watched.codes) == ["file_type_unknown", "taken"]


async def test_a_file_that_may_not_be_read_is_refused_after_some_tries(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> OpenedFile:
        raise PermissionError(13, "Permission denied", "name-of-a-person.csv")

    monkeypatch.setattr(module, "open_settled", forbidden)
    (watched.drop / "a.csv").write_bytes(b"x")
    await watched.settle()
    for _ in range(module.READ_TRIES - 1):
        await watched.look(after=60.0)
    assert watched.codes == ["source_retry"] * (module.READ_TRIES - 1) + ["file_unreadable"]
    assert "person" not in repr(watched.reports)
    assert (watched.quarantine / "a.csv").exists()


async def test_links_are_put_away_unread(watched: WatchedFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"secret")
    (watched.drop / "a.csv").symlink_to(outside)
    assert await watched.settle() == 1
    assert (watched.codes, watched.files) == (["symlink"], [])
    assert (watched.quarantine / "a.csv").is_symlink()
    assert outside.read_bytes() == b"secret"


async def test_a_link_that_takes_the_place_of_a_settled_file_is_not_followed(
    watched: WatchedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"secret")
    (watched.drop / "a.csv").write_bytes(b"secret")
    await watched.look()
    real = open_settled

    def swap(entry: Settled) -> OpenedFile:
        entry.path.unlink()
        entry.path.symlink_to(outside)
        return real(entry)

    monkeypatch.setattr(module, "open_settled", swap)
    assert await watched.look(after=2.0) == 0
    assert watched.files == []


async def test_folders_and_pipes_are_left_alone_and_told_once(watched: WatchedFolder) -> None:
    (watched.drop / "folder.csv").mkdir()
    os.mkfifo(watched.drop / "pipe.csv")
    for _ in range(4):
        await watched.look(after=11.0)
    assert watched.codes == ["not_a_file", "not_a_file"]
    assert len(list(watched.drop.iterdir())) == 2
