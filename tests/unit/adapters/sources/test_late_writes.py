"""A writer that pauses, or writes on after its file was taken: the rest is taken too."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from adapters.sources import late_writes, opened_file, shelving
from adapters.sources.late_writes import LOOK_S, WATCHED_S, open_for_writing
from adapters.sources.opened_file import STILL_OPEN_S
from adapters.sources.source_file import Verdict
from broker.held.import_folder import SHOWN_MS
from tests.unit.adapters.sources.watched_folder import WatchedFolder

HALF, REST = b"h\n1\n2\n3\n", b"4\n5\n6\n"


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network share: the kernel does not know who has a file open."""
    monkeypatch.setattr(opened_file, "open_for_writing", lambda _handle: False)


async def test_a_file_that_its_writer_has_open_is_waited_for(watched: WatchedFolder) -> None:
    with (watched.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        assert await watched.settle() == 0
        assert await watched.look(after=60) == 0
        assert watched.codes == ["still_open"], "told once"
        writer.write(REST)
    assert await watched.settle() == 1
    assert watched.contents == [HALF + REST]


async def test_a_file_that_stays_open_is_file_waits_until_it_is_closed(
    watched: WatchedFolder,
) -> None:
    with (watched.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        assert await watched.settle() == 0
        assert watched.shown(2 * SHOWN_MS) == ["file_waits"]
    watched.source.retry_now()
    assert await watched.look() == 1
    assert watched.shown(2 * SHOWN_MS) == []


async def test_a_file_that_stays_open_is_not_waited_for_without_limit(
    watched: WatchedFolder,
) -> None:
    with (watched.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        await watched.look()
        assert await watched.look(after=STILL_OPEN_S) == 1
        writer.write(REST)
        writer.flush()
        await watched.look(after=LOOK_S)
    assert await watched.settle() == 1
    assert watched.contents == [HALF, HALF + REST]


def test_a_reader_does_not_count_as_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x")
    with path.open("rb") as one, path.open("rb") as other:
        assert not open_for_writing(one.fileno())
        assert not open_for_writing(other.fileno())
        with path.open("r+b"):
            assert open_for_writing(one.fileno())
        assert not open_for_writing(one.fileno())


@pytest.mark.parametrize("way", ["append", "preallocated", "rewritten"])
async def test_a_write_after_the_file_was_put_away_is_taken(
    watched: WatchedFolder, blind: None, way: str
) -> None:
    path = watched.drop / "a.csv"
    first = HALF if way == "append" else HALF + bytes(len(REST))
    path.write_bytes(first)
    with path.open("r+b") as writer:
        assert await watched.settle() == 1
        if way == "rewritten":
            writer.truncate(0)
        writer.seek(0 if way == "rewritten" else len(HALF))
        writer.write(HALF + REST if way == "rewritten" else REST)
    assert await watched.look(after=LOOK_S) == 0
    assert await watched.settle() == 1
    assert watched.contents == [first, HALF + REST]
    assert [path.read_bytes() for path in watched.processed.iterdir()] == [HALF + REST]
    assert watched.codes == ["taken", "written_later", "taken"]


async def test_a_file_that_was_refused_too_early_comes_back(
    watched: WatchedFolder, blind: None
) -> None:
    watched.answer = lambda file: (
        Verdict(True) if file.size > len(HALF) else Verdict(False, "file_malformed")
    )
    with (watched.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        assert await watched.settle() == 1
        writer.write(REST)
    await watched.look(after=LOOK_S)
    assert await watched.settle() == 1
    assert watched.contents == [HALF, HALF + REST]
    assert (watched.processed / "a.csv").exists()
    assert not (watched.quarantine / "a.csv").exists()


async def test_a_refused_file_that_a_person_corrects_waits_for_the_retry(
    watched: WatchedFolder, blind: None
) -> None:
    watched.answer = lambda _: Verdict(False, "file_malformed")
    (watched.drop / "a.csv").write_bytes(HALF)
    assert await watched.settle() == 1
    await watched.look(after=late_writes.REFUSED_WATCHED_S)
    with (watched.quarantine / "a.csv").open("ab") as person:
        person.write(REST)
    await watched.look(after=LOOK_S)
    watched.source = watched.fresh()
    await watched.look(after=LOOK_S)
    assert (watched.quarantine / "a.csv").read_bytes() == HALF + REST


async def test_a_write_while_no_adapter_runs_is_taken_at_its_start(
    watched: WatchedFolder, blind: None
) -> None:
    path = watched.drop / "a.csv"
    path.write_bytes(HALF)
    os.utime(path, ns=(time.time_ns() - 10**10,) * 2)
    with path.open("ab") as writer:
        assert await watched.settle() == 1
        await asyncio.sleep(0.02)
        writer.write(REST)
    untouched = watched.processed / "b.csv"
    untouched.write_bytes(b"old")
    os.utime(untouched, (1_000_000, 1_000_000))
    watched.source = watched.fresh()
    await watched.look()
    assert await watched.settle() == 1
    assert watched.contents == [HALF, HALF + REST]
    assert untouched.exists()


async def test_a_file_is_looked_at_for_an_hour_and_no_longer(
    watched: WatchedFolder, blind: None
) -> None:
    (watched.drop / "a.csv").write_bytes(HALF)
    assert await watched.settle() == 1
    await watched.look(after=WATCHED_S)
    with (watched.processed / "a.csv").open("ab") as writer:
        writer.write(REST)
    await watched.look(after=LOOK_S)
    assert (watched.processed / "a.csv").exists()


async def test_so_many_files_are_watched_and_no_more(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_writes, "MAX_WATCHED", 3)
    for number in range(5):
        (watched.drop / f"{number}.csv").write_bytes(b"x")
    assert await watched.settle() == 5
    assert len(watched.source._late._watched) == 3


# --- replaced in the moment of the move ----------------------------------------------------------


@pytest.mark.parametrize("taken", [True, False])
async def test_a_file_that_is_replaced_just_before_the_move_is_a_new_export(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    real = shelving._move

    def replaced(path: Path, target: Path, content: object) -> bool:
        if len(watched.files) == 1 and path.parent == watched.drop:
            new = watched.drop / "new.tmp"
            new.write_bytes(b"second")
            new.rename(path)
        return real(path, target, content)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(shelving, "_move", replaced)
    watched.answer = lambda _: Verdict(taken, "taken" if taken else "file_malformed")
    (watched.drop / "a.csv").write_bytes(b"first")
    assert await watched.settle() == 1
    assert (watched.drop / "a.csv").read_bytes() == b"second", "not filed unread"
    assert await watched.settle() == 1
    assert watched.contents == [b"first", b"second"]
    shelf = watched.processed if taken else watched.quarantine
    kept = sorted(path.read_bytes() for path in shelf.glob("*.csv"))
    assert kept == [b"first", b"second"], "and what was taken is kept"


async def test_a_file_that_is_replaced_during_a_copy_to_another_file_system_stays(
    watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    real = shelving._remove

    def replaced(path: Path, copied: os.stat_result) -> None:
        if len(watched.files) == 1:
            new = watched.drop / "new.tmp"
            new.write_bytes(b"second")
            os.rename(new, path)  # noqa: PTH104 - the other way is patched
        real(path, copied)

    (watched.drop / "a.csv").write_bytes(b"first")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", other_device)
        patched.setattr(shelving, "_remove", replaced)
        await watched.settle()
    for _ in range(3):
        await watched.look(after=61)
    assert watched.contents[-1] == b"second"
    assert list(watched.drop.iterdir()) == []


# --- what is left where it is --------------------------------------------------------------------


async def test_a_file_with_a_second_name_is_left_alone_until_it_has_one(
    watched: WatchedFolder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    os.link(secret, watched.drop / "a.csv")
    for _ in range(4):
        assert await watched.look(after=20) == 0
    assert (watched.codes, watched.files) == (["hard_link"], [])
    assert watched.source.trouble() is None
    secret.unlink()
    assert await watched.look() == 1


async def test_names_that_differ_in_case_are_two_files(watched: WatchedFolder) -> None:
    for name in ("a.csv", "A.csv", "A.CSV"):
        (watched.drop / name).write_bytes(name.encode())
    assert await watched.settle() == 3
    assert sorted(p.read_bytes() for p in watched.processed.iterdir()) == [
        b"A.CSV",
        b"A.csv",
        b"a.csv",
    ]
