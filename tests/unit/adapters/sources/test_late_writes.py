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
from tests.unit.adapters.sources.watched_folder import Desk

HALF, REST = b"h\n1\n2\n3\n", b"4\n5\n6\n"


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network share: the kernel does not know who has a file open."""
    monkeypatch.setattr(opened_file, "open_for_writing", lambda _handle: False)


async def test_a_file_that_its_writer_has_open_is_waited_for(desk: Desk) -> None:
    with (desk.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        assert await desk.settle() == 0
        assert await desk.look(after=60) == 0
        assert desk.codes == ["still_open"], "told once"
        writer.write(REST)
    assert await desk.settle() == 1
    assert desk.contents == [HALF + REST]


async def test_who_keeps_a_file_open_for_ever_is_not_waited_for_for_ever(desk: Desk) -> None:
    with (desk.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        await desk.look()
        assert await desk.look(after=STILL_OPEN_S) == 1
        writer.write(REST)
        writer.flush()
        await desk.look(after=LOOK_S)
    assert await desk.settle() == 1
    assert desk.contents == [HALF, HALF + REST]


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
async def test_what_is_written_after_the_file_was_put_away_is_taken(
    desk: Desk, blind: None, way: str
) -> None:
    path = desk.drop / "a.csv"
    first = HALF if way == "append" else HALF + bytes(len(REST))
    path.write_bytes(first)
    with path.open("r+b") as writer:
        assert await desk.settle() == 1
        if way == "rewritten":
            writer.truncate(0)
        writer.seek(0 if way == "rewritten" else len(HALF))
        writer.write(HALF + REST if way == "rewritten" else REST)
    assert await desk.look(after=LOOK_S) == 0
    assert await desk.settle() == 1
    assert desk.contents == [first, HALF + REST]
    assert [path.read_bytes() for path in desk.processed.iterdir()] == [HALF + REST]
    assert desk.codes == ["taken", "written_later", "taken"]


async def test_a_file_that_was_refused_too_early_comes_back(desk: Desk, blind: None) -> None:
    desk.answer = lambda file: (
        Verdict(True) if file.size > len(HALF) else Verdict(False, "file_malformed")
    )
    with (desk.drop / "a.csv").open("wb") as writer:
        writer.write(HALF)
        writer.flush()
        assert await desk.settle() == 1
        writer.write(REST)
    await desk.look(after=LOOK_S)
    assert await desk.settle() == 1
    assert desk.contents == [HALF, HALF + REST]
    assert (desk.processed / "a.csv").exists()
    assert not (desk.quarantine / "a.csv").exists()


async def test_a_refused_file_that_a_person_corrects_waits_for_the_retry(
    desk: Desk, blind: None
) -> None:
    desk.answer = lambda _: Verdict(False, "file_malformed")
    (desk.drop / "a.csv").write_bytes(HALF)
    assert await desk.settle() == 1
    await desk.look(after=late_writes.REFUSED_WATCHED_S)
    with (desk.quarantine / "a.csv").open("ab") as person:
        person.write(REST)
    await desk.look(after=LOOK_S)
    desk.source = desk.fresh()
    await desk.look(after=LOOK_S)
    assert (desk.quarantine / "a.csv").read_bytes() == HALF + REST


async def test_what_is_written_while_no_adapter_runs_is_taken_at_its_start(
    desk: Desk, blind: None
) -> None:
    path = desk.drop / "a.csv"
    path.write_bytes(HALF)
    os.utime(path, ns=(time.time_ns() - 10**10,) * 2)
    with path.open("ab") as writer:
        assert await desk.settle() == 1
        await asyncio.sleep(0.02)
        writer.write(REST)
    untouched = desk.processed / "b.csv"
    untouched.write_bytes(b"old")
    os.utime(untouched, (1_000_000, 1_000_000))
    desk.source = desk.fresh()
    await desk.look()
    assert await desk.settle() == 1
    assert desk.contents == [HALF, HALF + REST]
    assert untouched.exists()


async def test_a_file_is_looked_at_for_an_hour_and_no_longer(desk: Desk, blind: None) -> None:
    (desk.drop / "a.csv").write_bytes(HALF)
    assert await desk.settle() == 1
    await desk.look(after=WATCHED_S)
    with (desk.processed / "a.csv").open("ab") as writer:
        writer.write(REST)
    await desk.look(after=LOOK_S)
    assert (desk.processed / "a.csv").exists()


async def test_so_many_files_are_watched_and_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_writes, "MAX_WATCHED", 3)
    for number in range(5):
        (desk.drop / f"{number}.csv").write_bytes(b"x")
    assert await desk.settle() == 5
    assert len(desk.source._late._watched) == 3


# --- replaced in the moment of the move ----------------------------------------------------------


@pytest.mark.parametrize("taken", [True, False])
async def test_a_file_that_is_replaced_just_before_the_move_is_a_new_export(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    real = shelving._move

    def replaced(path: Path, target: Path, content: object) -> bool:
        if len(desk.files) == 1 and path.parent == desk.drop:
            new = desk.drop / "new.tmp"
            new.write_bytes(b"second")
            new.rename(path)
        return real(path, target, content)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(shelving, "_move", replaced)
    desk.answer = lambda _: Verdict(taken, "taken" if taken else "file_malformed")
    (desk.drop / "a.csv").write_bytes(b"first")
    assert await desk.settle() == 1
    assert (desk.drop / "a.csv").read_bytes() == b"second", "not filed unread"
    assert await desk.settle() == 1
    assert desk.contents == [b"first", b"second"]
    shelf = desk.processed if taken else desk.quarantine
    kept = sorted(path.read_bytes() for path in shelf.glob("*.csv"))
    assert kept == [b"first", b"second"], "and what was taken is kept"


async def test_a_file_that_is_replaced_during_a_copy_to_another_file_system_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_device(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    real = shelving._remove

    def replaced(path: Path, copied: os.stat_result) -> None:
        if len(desk.files) == 1:
            new = desk.drop / "new.tmp"
            new.write_bytes(b"second")
            os.rename(new, path)  # noqa: PTH104 - the other way is patched
        real(path, copied)

    (desk.drop / "a.csv").write_bytes(b"first")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", other_device)
        patched.setattr(shelving, "_remove", replaced)
        await desk.settle()
    for _ in range(3):
        await desk.look(after=61)
    assert desk.contents[-1] == b"second"
    assert list(desk.drop.iterdir()) == []


# --- what is left where it is --------------------------------------------------------------------


async def test_a_file_with_a_second_name_is_left_alone_until_it_has_one(
    desk: Desk, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    os.link(secret, desk.drop / "a.csv")
    for _ in range(4):
        assert await desk.look(after=20) == 0
    assert (desk.codes, desk.files) == (["hard_link"], [])
    assert desk.source.trouble() is None
    secret.unlink()
    assert await desk.look() == 1


async def test_names_that_differ_in_case_are_two_files(desk: Desk) -> None:
    for name in ("a.csv", "A.csv", "A.CSV"):
        (desk.drop / name).write_bytes(name.encode())
    assert await desk.settle() == 3
    assert sorted(p.read_bytes() for p in desk.processed.iterdir()) == [
        b"A.CSV",
        b"A.csv",
        b"a.csv",
    ]
