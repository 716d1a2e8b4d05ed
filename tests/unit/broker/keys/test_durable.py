"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from broker.keys import durable
from broker.keys.durable import (
    SECRET_MODE,
    files_in,
    make_private_folder,
    sync_folder,
    write_durably,
)


def test_a_file_is_replaced_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    write_durably(path, b"new", mode=SECRET_MODE)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, step, fail)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_it_is_written_to_a_new_private_file_beside_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the last step the new content is in a hidden file of mode 0600, made for this."""
    opened: list[tuple[str, int, int]] = []
    synced: list[str] = []
    genuine_open, genuine_sync = os.open, os.fsync

    def watched_open(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append((Path(path).name, flags, mode))
        return genuine_open(path, flags, mode)

    def watched_sync(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        genuine_sync(handle)

    monkeypatch.setattr(durable.os, "open", watched_open)
    monkeypatch.setattr(durable.os, "fsync", watched_sync)
    for _ in range(2):
        write_durably(tmp_path / "file", b"new")
    (first, flags, mode), folder, (second, *_), _ = opened
    assert first.startswith(".file.")
    assert first.endswith(".tmp")
    assert len(first) == len(".file..tmp") + 8
    assert first != second
    assert flags == os.O_WRONLY | os.O_CREAT | os.O_EXCL
    assert mode == 0o600
    assert folder[:2] == (tmp_path.name, os.O_RDONLY)
    # The file before it takes its name, the folder after
    assert synced == ["file", "folder"] * 2


def test_a_folder_that_is_not_there_cannot_be_made_durable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "absent")


def test_a_failed_removal_does_not_hide_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def gone(_path: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(durable.os, "fsync", fail)
    monkeypatch.setattr(Path, "unlink", gone)
    with pytest.raises(OSError, match="No space"):
        write_durably(tmp_path / "file", b"new")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_private_folder_and_those_above_it_are_the_owners_alone(
    tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        make_private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    for folder in ("a", "a/b", "a/b/c"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_a_private_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_private_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path, exist_ok=False)


def test_a_file_in_the_place_of_a_private_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private_folder(tmp_path / "file")


def test_the_files_of_a_folder_are_those_that_match(tmp_path: Path) -> None:
    for name in ("b.note", "a.note", "a.note.tmp"):
        (tmp_path / name).write_bytes(b"")
    assert files_in(tmp_path, "*.note") == [tmp_path / "a.note", tmp_path / "b.note"]
    assert files_in(tmp_path / "none", "*.note") == []


def test_a_folder_that_cannot_be_opened_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and manifests would be taken for gone: `Path.glob` says so from Python 3.13 on."""

    def exhausted(*_: object) -> list[str]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "listdir", exhausted)
    monkeypatch.setattr(os, "scandir", exhausted)
    with pytest.raises(OSError, match="Too many"):
        files_in(tmp_path, "*.note")
