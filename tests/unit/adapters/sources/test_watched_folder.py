"""The watched folder: whole files, taken once, put away, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from adapters.sources import shelving
from adapters.sources.source_file import FileReport, SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource
from broker.held.reason_file import RowReason
from contracts.errors import ConcordantError
from tests.unit.adapters.sources.watched_folder import Desk


async def test_a_settled_file_is_handed_over_and_put_away(desk: Desk) -> None:
    (desk.drop / "a.csv").write_bytes(b"x;y\n")
    assert await desk.settle() == 1
    assert ([f.name for f in desk.files], desk.contents) == (["a.csv"], [b"x;y\n"])
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
    assert desk.contents[0] == b"x;y\n" * 4


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
    assert desk.contents == [b"early\n", b"early\nlate\n"]


async def test_what_is_written_in_the_moment_of_the_move_is_put_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shelving._move

    def late(path: Path, target: Path, content: object) -> bool:
        copied = real(path, target, content)  # type: ignore[arg-type]  # passed on
        if len(desk.files) == 1 and target.parent == desk.processed:
            with target.open("ab") as file:
                file.write(b"late\n")
        return copied

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
    desk.answer = lambda _: Verdict(True, rows=rows, rejected=((0, 6),))
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


async def test_a_report_of_what_was_left_out_lies_beside_the_file(desk: Desk) -> None:
    desk.answer = lambda _: Verdict(True, left_out=b"{}")
    for _ in range(2):
        (desk.drop / "a.csv").write_bytes(b"x")
        assert await desk.settle() == 1
    reports = sorted(path.name for path in desk.processed.glob("*.left-out.json"))
    assert len(reports) == 2
    assert {name.removesuffix(".left-out.json") for name in reports} == {
        path.name for path in desk.processed.iterdir() if path.suffix == ".csv"
    }
    for name in reports:  # as when files that were taken are dropped again after a restore
        (desk.processed / name).rename(desk.drop / name)
    assert await desk.settle() == 0
    assert desk.codes == ["taken", "taken"]
