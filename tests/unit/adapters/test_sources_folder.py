"""The watched folder: whole files, taken once put away, nothing lost and nothing followed."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.sources import folder as module
from adapters.sources import shelving
from adapters.sources.folder import FolderSource
from adapters.sources.interfaces import FileReport, RowReason, SourceFile, Verdict
from contracts.errors import ConcordantError


class Desk:
    """A folder source, a clock that tests move, and a handler that remembers."""

    def __init__(self, root: Path) -> None:
        self.drop = root / "import"
        self.drop.mkdir()
        self.processed = root / "processed"
        self.quarantine = root / "quarantine"
        self.now = 0.0
        self.reports: list[FileReport] = []
        self.files: list[SourceFile] = []
        self.answer: Callable[[SourceFile], Verdict] = lambda _: Verdict(True)
        self.source = self.fresh()

    def fresh(self) -> FolderSource:
        return FolderSource(
            self.drop,
            processed=self.processed,
            quarantine=self.quarantine,
            suffixes=(".csv", ".jsonl"),
            report=self.reports.append,
            settle_s=2.0,
            clock=lambda: self.now,
        )

    async def handle(self, file: SourceFile) -> Verdict:
        self.files.append(file)
        return self.answer(file)

    async def look(self, after: float = 0.0) -> int:
        self.now += after
        return await self.source.poll(self.handle)

    async def settle(self) -> int:
        await self.look()
        return await self.look(after=2.0)

    def reason(self, name: str) -> dict[str, object]:
        found = json.loads((self.quarantine / f"{name}.reason.json").read_bytes())
        assert isinstance(found, dict)
        return found

    @property
    def codes(self) -> list[str]:
        return [report.code for report in self.reports]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_settled_file_is_handed_over_and_put_away(desk: Desk) -> None:
    (desk.drop / "a.csv").write_bytes(b"x;y\n")
    assert await desk.settle() == 1
    assert [(f.name, f.content) for f in desk.files] == [("a.csv", b"x;y\n")]
    assert (desk.processed / "a.csv").read_bytes() == b"x;y\n"
    assert list(desk.drop.iterdir()) == []
    assert desk.reports == [
        FileReport(desk.files[0].sha256, "processed", "taken", "The file was taken.", 0)
    ]


async def test_a_file_that_still_grows_is_left(desk: Desk) -> None:
    with (desk.drop / "a.csv").open("wb") as writer:
        for _ in range(4):
            writer.write(b"x;y\n")
            writer.flush()
            assert await desk.look(after=1.9) == 0
        assert await desk.look(after=2.0) == 1
    assert desk.files[0].content == b"x;y\n" * 4


async def test_an_empty_file_is_given_more_time_and_then_refused(desk: Desk) -> None:
    (desk.drop / "a.csv").touch()
    assert await desk.settle() == 0
    assert await desk.look(after=8.0) == 1
    assert desk.reason("a.csv")["code"] == "file_empty"
    assert desk.files == []


@pytest.mark.parametrize("name", ["a.csv.part", "a.TMP", "a.csv~", ".a.csv", "~$a.csv"])
async def test_names_of_unfinished_files_are_not_looked_at(desk: Desk, name: str) -> None:
    (desk.drop / name).write_bytes(b"x")
    assert await desk.settle() == 0
    assert desk.source.waiting == 0
    assert (desk.drop / name).exists()


async def test_files_are_taken_in_the_order_in_which_they_were_written(desk: Desk) -> None:
    for name, second in (("a.csv", 30), ("b.csv", 10), ("c.csv", 20)):
        (desk.drop / name).write_bytes(name.encode())
        os.utime(desk.drop / name, (second, second))
    assert await desk.settle() == 3
    assert [f.name for f in desk.files] == ["b.csv", "c.csv", "a.csv"]


async def test_a_namesake_is_kept_beside_the_first(desk: Desk) -> None:
    for content in (b"one", b"two", b"two", b"two"):
        (desk.drop / "a.csv").write_bytes(content)
        await desk.settle()
    kept = sorted(path.read_bytes() for path in desk.processed.iterdir())
    assert kept == [b"one", b"two", b"two", b"two"]
    assert len(desk.files) == 4  # the same file again is fine: rows are idempotent


async def test_a_refused_file_has_its_reason_beside_it(desk: Desk) -> None:
    rows = (RowReason(3, "unknown_value", "strand", "No such code in list hate_strand."),)
    desk.answer = lambda _: Verdict(False, "file_malformed", "No header.", rows)
    (desk.drop / "a.csv").write_bytes(b"x")
    assert await desk.settle() == 1
    assert (desk.quarantine / "a.csv").read_bytes() == b"x"
    assert desk.reason("a.csv") == {
        "file": "a.csv",
        "sha256": desk.files[0].sha256,
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
    assert desk.reports[0].status == "quarantined"


async def test_bad_rows_of_a_good_file_can_be_corrected_and_dropped_again(desk: Desk) -> None:
    rows = (RowReason(2, "invalid_date", "when", "Not a date."),)
    desk.answer = lambda _: Verdict(True, rows=rows, rejected=b"h\nbad\n")
    (desk.drop / "a.csv").write_bytes(b"h\nbad\ngood\n")
    await desk.settle()
    assert (desk.processed / "a.csv").read_bytes() == b"h\nbad\ngood\n"
    assert (desk.quarantine / "a.csv.rejected.csv").read_bytes() == b"h\nbad\n"
    assert desk.reason("a.csv")["rows"] == [
        {"line": 2, "code": "invalid_date", "field": "when", "detail": "Not a date."}
    ]
    assert desk.reports[0].rows == 1


async def test_a_file_refused_by_the_handler_is_quarantined_with_its_code(desk: Desk) -> None:
    class RefusedError(ConcordantError):
        code = "file_encoding"
        exit_code = 4

    def refuse(_: SourceFile) -> Verdict:
        raise RefusedError("Not UTF-8.")

    desk.answer = refuse
    (desk.drop / "a.csv").write_bytes(b"\xff")
    assert await desk.settle() == 1
    assert desk.reason("a.csv")["code"] == "file_encoding"


async def test_an_adapter_that_fails_stops_no_other_file_and_leaks_no_value(desk: Desk) -> None:
    def fail(file: SourceFile) -> Verdict:
        if file.name == "a.csv":
            raise KeyError("Jane Person")
        return Verdict(True)

    desk.answer = fail
    for name in ("a.csv", "b.csv"):
        (desk.drop / name).write_bytes(name.encode())
    assert await desk.settle() == 2
    assert desk.codes == ["handler_failed", "taken"]
    assert "Jane" not in (desk.quarantine / "a.csv.reason.json").read_text()


@pytest.mark.parametrize(
    ("error", "code"), [(ConcordantError("Busy."), "error"), (OSError(5, "x"), "source_retry")]
)
async def test_when_the_environment_is_at_fault_the_file_stays_and_is_tried_again(
    desk: Desk, error: Exception, code: str
) -> None:
    def fail(_: SourceFile) -> Verdict:
        raise error

    desk.answer = fail
    (desk.drop / "a.csv").write_bytes(b"x")
    assert await desk.settle() == 0
    assert (desk.codes, desk.reports[0].status) == ([code], "waiting")
    assert await desk.look(after=1.9) == 0
    assert len(desk.files) == 1, "not before the time of the next try"
    desk.answer = lambda _: Verdict(True)
    assert await desk.look(after=0.1) == 1
    assert list(desk.drop.iterdir()) == []


async def test_a_huge_file_is_refused_unread(desk: Desk) -> None:
    with (desk.drop / "a.csv").open("wb") as file:
        file.truncate(module.MAX_FILE_BYTES + 1)
    assert await desk.settle() == 1
    assert desk.reason("a.csv")["code"] == "file_too_large"
    assert desk.reason("a.csv")["sha256"] == ""
    assert (desk.quarantine / "a.csv").stat().st_size == module.MAX_FILE_BYTES + 1


async def test_an_unknown_ending_is_refused(desk: Desk) -> None:
    (desk.drop / "a.xlsx").write_bytes(b"PK")
    (desk.drop / "B.CSV").write_bytes(b"x")
    assert await desk.settle() == 2
    assert sorted(desk.codes) == ["file_type_unknown", "taken"]


async def test_a_file_that_may_not_be_read_is_refused_after_some_tries(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied", "name-of-a-person.csv")

    monkeypatch.setattr(module, "_read", forbidden)
    (desk.drop / "a.csv").write_bytes(b"x")
    await desk.settle()
    for _ in range(module.READ_TRIES - 1):
        await desk.look(after=60.0)
    assert desk.codes == ["source_retry"] * (module.READ_TRIES - 1) + ["file_unreadable"]
    assert "person" not in repr(desk.reports)
    assert (desk.quarantine / "a.csv").exists()


async def test_links_are_put_away_unread(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"secret")
    (desk.drop / "a.csv").symlink_to(outside)
    assert await desk.settle() == 1
    assert (desk.codes, desk.files) == (["symlink"], [])
    assert (desk.quarantine / "a.csv").is_symlink()
    assert outside.read_bytes() == b"secret"


async def test_a_link_that_takes_the_place_of_a_settled_file_is_not_followed(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(b"secret")
    (desk.drop / "a.csv").write_bytes(b"secret")
    await desk.look()
    real = module._read

    def swap(entry: module.Settled) -> bytes:
        entry.path.unlink()
        entry.path.symlink_to(outside)
        return real(entry)

    monkeypatch.setattr(module, "_read", swap)
    assert await desk.look(after=2.0) == 0
    assert desk.files == []


async def test_folders_and_pipes_are_left_alone_and_told_once(desk: Desk) -> None:
    (desk.drop / "folder.csv").mkdir()
    os.mkfifo(desk.drop / "pipe.csv")
    for _ in range(4):
        await desk.look(after=11.0)
    assert desk.codes == ["not_a_file", "not_a_file"]
    assert len(list(desk.drop.iterdir())) == 2


async def test_processed_and_quarantine_may_lie_inside_the_watched_folder(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.processed = desk.drop / "processed"
    desk.quarantine = desk.drop / "quarantine"
    desk.source = desk.fresh()
    (desk.drop / "a.csv").write_bytes(b"x")
    assert await desk.settle() == 1
    assert await desk.look(after=60) == 0
    assert desk.codes == ["taken"]


async def test_what_is_written_after_reading_comes_in_again(desk: Desk) -> None:
    def append(file: SourceFile) -> Verdict:
        if len(desk.files) == 1:
            with file.path.open("ab") as late:
                late.write(b"late\n")
        return Verdict(True)

    desk.answer = append
    (desk.drop / "a.csv").write_bytes(b"early\n")
    assert await desk.settle() == 0
    assert await desk.settle() == 1
    assert [f.content for f in desk.files] == [b"early\n", b"early\nlate\n"]


async def test_what_is_written_in_the_moment_of_the_move_is_put_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shelving._move

    def late(path: Path, target: Path) -> None:
        real(path, target)
        if len(desk.files) == 1 and target.parent == desk.processed:
            with target.open("ab") as file:
                file.write(b"late\n")

    monkeypatch.setattr(shelving, "_move", late)
    (desk.drop / "a.csv").write_bytes(b"early\n")
    assert await desk.settle() == 0
    assert await desk.settle() == 1
    assert (desk.processed / "a.csv").read_bytes() == b"early\nlate\n"
    assert len(list(desk.processed.iterdir())) == 1


async def test_a_crash_before_the_move_is_harmless(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (RowReason(2, "invalid_date", "when", "Not a date."),)
    desk.answer = lambda _: Verdict(True, rows=rows, rejected=b"h\nbad\n")
    (desk.drop / "a.csv").write_bytes(b"h\nbad\n")

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shelving, "_move", die)
        with pytest.raises(Killed):
            await desk.settle()
    assert (desk.drop / "a.csv").exists()
    desk.source = desk.fresh()
    assert await desk.settle() == 1
    assert sorted(p.name for p in desk.quarantine.iterdir()) == [
        "a.csv.reason.json",
        "a.csv.rejected.csv",
    ]
    assert [p.name for p in desk.processed.iterdir()] == ["a.csv"]


async def test_a_move_to_another_file_system_is_a_complete_copy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", other_device)
    (desk.drop / "a.csv").write_bytes(b"x")
    assert await desk.settle() == 1
    assert (desk.processed / "a.csv").read_bytes() == b"x"
    assert list(desk.drop.iterdir()) == []


async def test_a_missing_folder_is_told_once_and_waited_for(desk: Desk) -> None:
    desk.drop.rmdir()
    await desk.look()
    await desk.look()
    assert desk.codes == ["folder_unavailable"]
    desk.drop.mkdir()
    (desk.drop / "a.csv").write_bytes(b"x")
    assert await desk.settle() == 1


async def test_a_quarantine_that_cannot_be_written_leaves_the_file(desk: Desk) -> None:
    desk.quarantine.write_bytes(b"in the way")
    (desk.drop / "a.txt").write_bytes(b"x")
    assert await desk.settle() == 0
    assert desk.codes == ["source_retry"]
    assert (desk.drop / "a.txt").exists()


async def test_very_long_and_odd_names_are_put_away(desk: Desk) -> None:
    (desk.drop / ("n" * 245 + ".csv")).write_bytes(b"x")
    (desk.drop / os.fsdecode(b"caf\xe9 \n.csv")).write_bytes(b"y")
    desk.answer = lambda _: Verdict(False, "file_malformed", "No.")
    assert await desk.settle() == 2
    reasons = [p for p in desk.quarantine.iterdir() if p.name.endswith(".reason.json")]
    assert len(reasons) == 2
    for reason in reasons:
        assert json.loads(reason.read_bytes())["code"] == "file_malformed"
        assert reason.with_name(reason.name.removesuffix(".reason.json")).exists()


async def test_it_runs_until_it_is_stopped(desk: Desk) -> None:
    source = FolderSource(
        desk.drop,
        processed=desk.processed,
        quarantine=desk.quarantine,
        suffixes=(".csv",),
        settle_s=0.01,
        poll_s=0.01,
    )
    stop = asyncio.Event()

    async def handle(file: SourceFile) -> Verdict:
        desk.files.append(file)
        stop.set()
        return Verdict(True)

    (desk.drop / "a.csv").write_bytes(b"x")
    await asyncio.wait_for(source.run(handle, stop), 5)
    assert (desk.processed / "a.csv").exists(), "a file that was begun is finished"
