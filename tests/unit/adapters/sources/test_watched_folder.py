"""The watched folder: whole files, taken once, put away, and nothing lost."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest

from adapters.sources import shelving
from adapters.sources.source_file import FileReport, SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource
from broker.held.reason_file import RowReason
from contracts.errors import ConcordantError
from tests.unit.adapters.sources.watched_folder import WatchedFolder


async def test_a_settled_file_is_handed_over_and_put_away(watched: WatchedFolder) -> None:
    (watched.drop / "a.csv").write_bytes(b"x;y\n")
    assert await watched.settle() == 1
    assert ([f.name for f in watched.files], watched.contents) == (["a.csv"], [b"x;y\n"])
    assert (watched.processed / "a.csv").read_bytes() == b"x;y\n"
    assert list(watched.drop.iterdir()) == []
    assert watched.reports == [
        FileReport(watched.files[0].sha256, "processed", "taken", "The file was taken.", 0)
    ]


async def test_a_file_that_still_grows_is_left(watched: WatchedFolder) -> None:
    with (watched.drop / "a.csv").open("wb") as writer:
        for _ in range(4):
            writer.write(b"x;y\n")
            writer.flush()
            assert await watched.look(after=1.9) == 0
    assert await watched.look(after=2.0) == 1
    assert watched.contents[0] == b"x;y\n" * 4


async def test_files_are_taken_in_the_order_in_which_they_were_written(
    watched: WatchedFolder,
) -> None:
    for name, second in (("a.csv", 30), ("b.csv", 10), ("c.csv", 20)):
        (watched.drop / name).write_bytes(name.encode())
        os.utime(watched.drop / name, (second, second))
    assert await watched.settle() == 3
    assert [f.name for f in watched.files] == ["b.csv", "c.csv", "a.csv"]


async def test_a_namesake_is_kept_beside_the_first(watched: WatchedFolder) -> None:
    for content in (b"one", b"two", b"two", b"two"):
        (watched.drop / "a.csv").write_bytes(content)
        await watched.settle()
    kept = sorted(path.read_bytes() for path in watched.processed.iterdir())
    assert kept == [b"one", b"two", b"two", b"two"]
    assert len(watched.files) == 4  # the same file again is fine: rows are idempotent


@pytest.mark.parametrize(
    ("error", "code"), [(ConcordantError("Busy."), "error"), (OSError(5, "x"), "source_retry")]
)
async def test_a_fault_of_the_environment_leaves_the_file_for_another_attempt(
    watched: WatchedFolder, error: Exception, code: str
) -> None:
    def fail(_: SourceFile) -> Verdict:
        raise error

    watched.answer = fail
    (watched.drop / "a.csv").write_bytes(b"x")
    assert await watched.settle() == 0
    assert (watched.codes, watched.reports[0].status) == ([code], "waiting")
    assert await watched.look(after=1.9) == 0
    assert len(watched.files) == 1, "not before the time of the next try"
    watched.answer = lambda _: Verdict(True)
    assert await watched.look(after=0.1) == 1
    assert list(watched.drop.iterdir()) == []


async def test_processed_and_quarantine_may_lie_inside_the_watched_folder(tmp_path: Path) -> None:
    watched = WatchedFolder(tmp_path)
    watched.processed = watched.drop / "processed"
    watched.quarantine = watched.drop / "quarantine"
    watched.source = watched.fresh()
    (watched.drop / "a.csv").write_bytes(b"x")
    assert await watched.settle() == 1
    assert await watched.look(after=60) == 0
    assert watched.codes == ["taken"]


async def test_a_write_after_reading_is_taken_as_another_file(watched: WatchedFolder) -> None:
    def append(file: SourceFile) -> Verdict:
        if len(watched.files) == 1:
            with file.path.open("ab") as late:
                late.write(b"late\n")
        return Verdict(True)

    watched.answer = append
    (watched.drop / "a.csv").write_bytes(b"early\n")
    assert await watched.settle() == 0
    assert await watched.settle() == 1
    assert watched.contents == [b"early\n", b"early\nlate\n"]


async def test_a_write_during_the_move_is_put_back(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shelving._move

    def late(path: Path, target: Path, content: object) -> bool:
        copied = real(path, target, content)  # type: ignore[arg-type]  # passed on
        if len(watched.files) == 1 and target.parent == watched.processed:
            with target.open("ab") as file:
                file.write(b"late\n")
        return copied

    monkeypatch.setattr(shelving, "_move", late)
    (watched.drop / "a.csv").write_bytes(b"early\n")
    assert await watched.settle() == 0
    assert await watched.settle() == 1
    assert (watched.processed / "a.csv").read_bytes() == b"early\nlate\n"
    assert len(list(watched.processed.iterdir())) == 1


async def test_a_crash_before_the_move_is_harmless(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (RowReason(2, "invalid_date", "when", "Not a date."),)
    watched.answer = lambda _: Verdict(True, rows=rows, rejected=((0, 6),))
    (watched.drop / "a.csv").write_bytes(b"h\nbad\n")

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(shelving, "_move", die)
        with pytest.raises(Killed):
            await watched.settle()
    assert (watched.drop / "a.csv").exists()
    watched.source = watched.fresh()
    assert await watched.settle() == 1
    assert sorted(p.name for p in watched.quarantine.iterdir()) == [
        "a.csv.reason.json",
        "a.csv.rejected.csv",
    ]
    assert [p.name for p in watched.processed.iterdir()] == ["a.csv"]


async def test_a_move_to_another_file_system_is_a_complete_copy(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "rename", other_device)
    (watched.drop / "a.csv").write_bytes(b"x")
    assert await watched.settle() == 1
    assert (watched.processed / "a.csv").read_bytes() == b"x"
    assert list(watched.drop.iterdir()) == []


async def test_a_missing_folder_is_told_once_and_waited_for(watched: WatchedFolder) -> None:
    watched.drop.rmdir()
    await watched.look()
    await watched.look()
    assert watched.codes == ["folder_unavailable"]
    watched.drop.mkdir()
    (watched.drop / "a.csv").write_bytes(b"x")
    assert await watched.settle() == 1


async def test_a_quarantine_that_cannot_be_written_leaves_the_file(watched: WatchedFolder) -> None:
    watched.quarantine.write_bytes(b"in the way")
    (watched.drop / "a.txt").write_bytes(b"x")
    assert await watched.settle() == 0
    assert watched.codes == ["source_retry"]
    assert (watched.drop / "a.txt").exists()


async def test_very_long_and_odd_names_are_put_away(watched: WatchedFolder) -> None:
    (watched.drop / ("n" * 245 + ".csv")).write_bytes(b"x")
    (watched.drop / os.fsdecode(b"caf\xe9 \n.csv")).write_bytes(b"y")
    watched.answer = lambda _: Verdict(False, "file_malformed", "No.")
    assert await watched.settle() == 2
    reasons = [p for p in watched.quarantine.iterdir() if p.name.endswith(".reason.json")]
    assert len(reasons) == 2
    for reason in reasons:
        assert json.loads(reason.read_bytes())["code"] == "file_malformed"
        assert reason.with_name(reason.name.removesuffix(".reason.json")).exists()


async def test_endings_are_asked_for_at_each_look(watched: WatchedFolder) -> None:
    """The format of a mapping file can change while the adapter runs."""
    watched.suffixes = (".xlsx",)
    (watched.drop / "a.xlsx").write_bytes(b"x")
    (watched.drop / "b.csv").write_bytes(b"x")
    assert await watched.settle() == 2
    assert sorted(path.name for path in watched.processed.iterdir()) == ["a.xlsx"]
    assert watched.reason("b.csv")["code"] == "file_type_unknown"


async def test_it_runs_until_it_is_stopped(watched: WatchedFolder) -> None:
    source = FolderSource(
        watched.drop,
        processed=watched.processed,
        quarantine=watched.quarantine,
        suffixes=lambda: (".csv",),
        settle_s=0.01,
        poll_s=0.01,
    )
    stop = asyncio.Event()

    async def handle(file: SourceFile) -> Verdict:
        watched.files.append(file)
        stop.set()
        return Verdict(True)

    (watched.drop / "a.csv").write_bytes(b"x")
    await asyncio.wait_for(source.run(handle, stop), 5)
    assert (watched.processed / "a.csv").exists(), "a file that was begun is finished"


async def test_a_share_that_sends_no_change_events_is_polled(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of a network share are found by looking: one that comes later, after a fault too."""
    source = FolderSource(
        watched.drop,
        processed=watched.processed,
        quarantine=watched.quarantine,
        suffixes=lambda: (".csv",),
        settle_s=0.01,
        poll_s=0.01,
    )
    stop, looks, scandir = asyncio.Event(), 0, os.scandir

    def look(path: Path) -> object:
        nonlocal looks
        looks += path == watched.drop
        if looks in {2, 3} and path == watched.drop:
            raise OSError(errno.ESTALE, "stale file handle")
        if looks == 4:
            (watched.drop / "a.csv").write_bytes(b"x")
        return scandir(path)

    async def handle(file: SourceFile) -> Verdict:
        stop.set()
        return Verdict(True)

    monkeypatch.setattr(os, "scandir", look)
    await asyncio.wait_for(source.run(handle, stop), 5)
    assert looks >= 5
    assert (watched.processed / "a.csv").exists()


async def test_a_report_of_what_was_left_out_lies_beside_the_file(watched: WatchedFolder) -> None:
    watched.answer = lambda _: Verdict(True, left_out=b"{}")
    for _ in range(2):
        (watched.drop / "a.csv").write_bytes(b"x")
        assert await watched.settle() == 1
    reports = sorted(path.name for path in watched.processed.glob("*.left-out.json"))
    assert len(reports) == 2
    assert {name.removesuffix(".left-out.json") for name in reports} == {
        path.name for path in watched.processed.iterdir() if path.suffix == ".csv"
    }
    for name in reports:  # as when files that were taken are dropped again after a restore
        (watched.processed / name).rename(watched.drop / name)
    assert await watched.settle() == 0
    assert watched.codes == ["taken", "taken"]
