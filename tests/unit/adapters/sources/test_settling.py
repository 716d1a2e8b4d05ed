"""Complete files: by a rename, by a done marker, or by a rest; with real files."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.sources.renames import Renames
from adapters.sources.settling import EMPTY_PATIENCE, Settled
from adapters.sources.source_file import SourceFile, Verdict
from adapters.sources.watched_folder import FolderSource
from broker.held.import_folder import UNFINISHED_SHOWN_MS
from tests.unit.adapters.sources.watched_folder import WatchedFolder

SETTLE_S = 2.0


@pytest.fixture
def marked(tmp_path: Path) -> WatchedFolder:
    """A folder whose exports have done markers."""
    watched = WatchedFolder(tmp_path)
    watched.done_marker = ".done"
    watched.source = watched.fresh()
    return watched


def names(watched: WatchedFolder) -> list[str]:
    return [file.name for file in watched.files]


def unseen(watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel report nothing, as on a share that another machine writes to."""
    monkeypatch.setattr(Renames, "watch", Renames.close)
    watched.source = watched.fresh()


# --- renames ------------------------------------------------------------------------------------


async def test_a_file_renamed_from_another_folder_is_taken_at_once(watched: WatchedFolder) -> None:
    assert await watched.look() == 0
    outside = watched.drop.with_name("outside.csv")
    outside.write_bytes(b"x;y\n")
    outside.rename(watched.drop / "a.csv")
    assert await watched.look() == 1
    assert watched.contents == [b"x;y\n"]


async def test_an_unfinished_name_is_file_unfinished_until_it_is_renamed(
    watched: WatchedFolder,
) -> None:
    part = watched.drop / "a.csv.part"
    part.write_bytes(b"x;y\n")
    assert await watched.settle() == 0
    assert watched.shown(2 * UNFINISHED_SHOWN_MS) == ["file_unfinished"]
    part.rename(watched.drop / "a.csv")
    assert await watched.look() == 1
    assert watched.shown(2 * UNFINISHED_SHOWN_MS) == []


async def test_a_file_renamed_from_an_unfinished_name_is_taken_at_once(
    watched: WatchedFolder,
) -> None:
    await watched.look()
    part = watched.drop / "a.csv.part"
    part.write_bytes(b"x;y\n")
    part.rename(watched.drop / "a.csv")
    assert await watched.look() == 1


async def test_a_rename_on_a_share_shows_by_the_unfinished_name_seen_before(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen(watched, monkeypatch)
    part = watched.drop / "a.csv.part"
    part.write_bytes(b"x;y\n")
    assert await watched.look() == 0
    part.rename(watched.drop / "a.csv")
    assert await watched.look() == 1


async def test_a_rename_that_nothing_shows_settles(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen(watched, monkeypatch)
    part = watched.drop / "a.csv.part"
    part.write_bytes(b"x")
    assert await watched.look() == 0
    part.write_bytes(b"x;y\n")  # changed after it was seen
    part.rename(watched.drop / "a.csv")
    assert await watched.look() == 0
    assert await watched.look(after=SETTLE_S) == 1


async def test_a_file_written_in_place_settles(watched: WatchedFolder) -> None:
    await watched.look()
    (watched.drop / "a.csv").write_bytes(b"x;y\n")
    assert await watched.look() == 0
    assert await watched.look(after=SETTLE_S - 0.1) == 0
    assert await watched.look(after=0.1) == 1


async def test_a_file_written_in_place_over_a_renamed_one_settles(watched: WatchedFolder) -> None:
    await watched.look()
    outside = watched.drop.with_name("outside.csv")
    outside.write_bytes(b"old\n")
    outside.rename(watched.drop / "a.csv")
    (watched.drop / "a.csv").unlink()
    (watched.drop / "a.csv").write_bytes(b"ne")
    assert await watched.look() == 0


async def test_a_renamed_file_that_changes_before_it_is_taken_settles(
    watched: WatchedFolder,
) -> None:
    await watched.look()
    outside = watched.drop.with_name("outside.csv")
    outside.write_bytes(b"x\n")
    with outside.open("ab") as writer:
        outside.rename(watched.drop / "a.csv")
        assert await watched.look() == 0
        assert watched.codes == ["still_open"]
        writer.write(b"y\n")
    assert await watched.look() == 0
    assert await watched.look(after=SETTLE_S) == 1
    assert watched.contents == [b"x\ny\n"]


async def test_an_empty_file_waits_for_its_content_even_if_it_was_renamed(
    watched: WatchedFolder,
) -> None:
    await watched.look()
    outside = watched.drop.with_name("outside.csv")
    outside.touch()
    outside.rename(watched.drop / "a.csv")
    assert await watched.look(after=SETTLE_S) == 0
    assert await watched.look(after=SETTLE_S * EMPTY_PATIENCE) == 1
    assert watched.codes == ["file_empty"]


async def test_a_file_that_comes_back_because_it_changed_settles(watched: WatchedFolder) -> None:
    (watched.drop / "a.csv").write_bytes(b"early\n")
    assert await watched.settle() == 1
    with (watched.processed / "a.csv").open("ab") as late:
        late.write(b"late\n")
    assert await watched.look(after=SETTLE_S) == 0
    assert "written_later" in watched.codes
    assert await watched.settle() == 1


async def test_renames_are_seen_in_a_folder_that_was_removed_and_made_again(
    watched: WatchedFolder,
) -> None:
    await watched.look()
    watched.drop.rmdir()
    assert await watched.look() == 0
    watched.drop.mkdir()
    await watched.look()
    outside = watched.drop.with_name("outside.csv")
    outside.write_bytes(b"x\n")
    outside.rename(watched.drop / "a.csv")
    assert await watched.look() == 1


async def test_a_rename_ends_the_pause_between_two_looks(tmp_path: Path) -> None:
    drop = tmp_path / "import"
    drop.mkdir()
    source = FolderSource(
        drop,
        processed=tmp_path / "processed",
        quarantine=tmp_path / "quarantine",
        suffixes=lambda: (".csv",),
        settle_s=3_600.0,
        poll_s=3_600.0,
    )
    stop, looked = asyncio.Event(), asyncio.Event()

    async def handle(_: SourceFile) -> Verdict:
        stop.set()
        return Verdict(True)

    async def drop_it() -> None:
        await looked.wait()
        outside = tmp_path / "a.csv"
        outside.write_bytes(b"x")
        await asyncio.to_thread(outside.rename, drop / "a.csv")

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(source.run(handle, stop, looked.set))
        group.create_task(drop_it())
    assert (tmp_path / "processed" / "a.csv").exists()


async def test_a_file_written_into_an_empty_folder_ends_the_pause(tmp_path: Path) -> None:
    drop = tmp_path / "import"
    drop.mkdir()
    source = FolderSource(
        drop,
        processed=tmp_path / "processed",
        quarantine=tmp_path / "quarantine",
        suffixes=lambda: (".csv",),
        poll_s=3_600.0,
    )
    stop, looks = asyncio.Event(), 0

    def looked() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            stop.set()

    async def never(_: SourceFile) -> Verdict:
        raise AssertionError

    async def write_it() -> None:
        while not source._empty:  # noqa: ASYNC110 - nothing tells that it was looked at
            await asyncio.sleep(0.001)
        (drop / "a.csv").write_bytes(b"x")

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(source.run(never, stop, looked))
        group.create_task(write_it())


@pytest.mark.parametrize("renamed", [False, True])
async def test_a_file_that_comes_while_the_folder_is_read_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: bool
) -> None:
    drop, outside = tmp_path / "import", tmp_path / "a.csv"
    drop.mkdir()
    outside.write_bytes(b"x")
    source = FolderSource(
        drop,
        processed=tmp_path / "processed",
        quarantine=tmp_path / "quarantine",
        suffixes=lambda: (".csv",),
        poll_s=3_600.0,
    )
    stop, looks, look = asyncio.Event(), 0, source._settling.look

    def late(paths: list[Path], *more: Any) -> list[Settled]:
        nonlocal looks
        looks += 1
        if looks == 1:
            outside.rename(drop / "a.csv") if renamed else (drop / "a.csv").write_bytes(b"x")
        else:
            stop.set()
        return look(paths, *more)

    async def never(_: SourceFile) -> Verdict:
        raise AssertionError

    monkeypatch.setattr(source._settling, "look", late)
    async with asyncio.timeout(20):
        await source.run(never, stop)
    assert looks == 2


def test_a_name_that_is_gone_is_not_remembered(tmp_path: Path) -> None:
    drop = tmp_path / "import"
    drop.mkdir()
    renames = Renames(drop)
    renames.watch()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
        (tmp_path / name).rename(drop / name)
    assert renames.names({"a.csv"}) == {"a.csv"}
    assert renames.names({"a.csv"}) == set()
    assert renames.names({"b.csv"}) == set()
    renames.close()


# --- done markers -------------------------------------------------------------------------------


async def test_a_marked_file_is_taken_at_once_and_its_marker_removed(
    marked: WatchedFolder,
) -> None:
    (marked.drop / "a.csv").write_bytes(b"x;y\n")
    assert await marked.look() == 0
    assert await marked.look(after=3_600) == 0
    (marked.drop / "a.csv.done").touch()
    assert await marked.look() == 1
    assert names(marked) == ["a.csv"]
    assert list(marked.drop.iterdir()) == []


async def test_a_renamed_file_waits_for_its_marker_as_well(marked: WatchedFolder) -> None:
    await marked.look()
    outside = marked.drop.with_name("outside.csv")
    outside.write_bytes(b"x")
    outside.rename(marked.drop / "a.csv")
    assert await marked.look(after=3_600) == 0


async def test_a_refused_file_loses_its_marker_as_well(marked: WatchedFolder) -> None:
    for name in ("a.doc", "a.doc.done"):
        (marked.drop / name).write_bytes(b"x")
    assert await marked.look() == 1
    assert (marked.codes, list(marked.drop.iterdir())) == (["file_type_unknown"], [])


async def test_a_marker_of_an_earlier_file_does_not_complete_the_next_one(
    marked: WatchedFolder,
) -> None:
    (marked.drop / "a.csv.done").touch()
    earlier_ns = time.time_ns() - 10**9
    os.utime(marked.drop / "a.csv.done", ns=(earlier_ns, earlier_ns))
    (marked.drop / "a.csv").write_bytes(b"half")
    assert await marked.look(after=3_600) == 0
    (marked.drop / "a.csv.done").touch()
    assert await marked.look() == 1


@pytest.mark.parametrize("kind", ["folder", "link"])
async def test_only_a_file_is_a_marker(marked: WatchedFolder, kind: str) -> None:
    (marked.drop / "a.csv").write_bytes(b"x")
    marker = marked.drop / "a.csv.done"
    if kind == "folder":
        marker.mkdir()
    else:
        marker.symlink_to(marked.drop / "a.csv")
    assert await marked.look(after=3_600) == 0
    assert marked.files == []


async def test_a_marked_file_that_a_program_has_open_waits(marked: WatchedFolder) -> None:
    with (marked.drop / "a.csv").open("wb") as writer:
        writer.write(b"x")
        writer.flush()
        (marked.drop / "a.csv.done").touch()
        assert await marked.look() == 0
    assert await marked.look() == 1
    assert marked.codes == ["still_open", "taken"]


async def test_a_marker_that_is_written_while_its_file_is_put_away_stays(
    marked: WatchedFolder,
) -> None:
    marker = marked.drop / "a.csv.done"

    def next_one(_: SourceFile) -> Verdict:
        later_ns = time.time_ns() + 10**9
        os.utime(marker, ns=(later_ns, later_ns))
        return Verdict(True)

    marked.answer = next_one
    (marked.drop / "a.csv").write_bytes(b"x")
    marker.touch()
    assert await marked.look() == 1
    assert marker.exists()


async def test_a_marked_file_that_comes_back_needs_no_new_marker(marked: WatchedFolder) -> None:
    (marked.drop / "a.csv").write_bytes(b"early\n")
    (marked.drop / "a.csv.done").touch()
    assert await marked.look() == 1
    with (marked.processed / "a.csv").open("ab") as late:
        late.write(b"late\n")
    assert await marked.look(after=SETTLE_S) == 0
    assert await marked.settle() == 1
    assert marked.contents == [b"early\n", b"early\nlate\n"]
