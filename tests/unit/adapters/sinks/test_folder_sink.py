"""The folder sink: whole files under stable names, once in effect."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from adapters.sinks.folder_sink import FolderSink
from adapters.sinks.sink import SinkError

KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_an_event_becomes_one_private_file_named_by_its_key(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path / "inbox")
    assert sink.deliver(KEY, ".csv", b"one") == f"{KEY}.csv"
    files = list((tmp_path / "inbox").iterdir())
    assert [f.name for f in files] == [f"{KEY}.csv"]
    assert files[0].read_bytes() == b"one"
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("folder", "file"), [(0o700, 0o600), (0o770, 0o640), (0o710, 0o600), (0o707, 0o600)]
)
def test_a_group_that_reads_the_folder_reads_its_files(
    tmp_path: Path, folder: int, file: int
) -> None:
    tmp_path.chmod(folder)
    FolderSink(tmp_path).deliver(KEY, ".csv", b"one")
    assert stat.S_IMODE((tmp_path / f"{KEY}.csv").stat().st_mode) == file


def test_the_same_delivery_again_changes_nothing(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path)
    sink.deliver(KEY, ".csv", b"one")
    before = (tmp_path / f"{KEY}.csv").stat()
    assert sink.deliver(KEY, ".csv", b"one") == f"{KEY}.csv"
    after = (tmp_path / f"{KEY}.csv").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("other", [b"", b"on", b"two", b"one and more"])
def test_other_content_under_the_same_key_is_refused_and_the_first_kept(
    tmp_path: Path, other: bytes
) -> None:
    sink = FolderSink(tmp_path)
    sink.deliver(KEY, ".csv", b"one")
    with pytest.raises(SinkError) as refused:
        sink.deliver(KEY, ".csv", other)
    assert refused.value.code == "sink_conflict"
    assert (tmp_path / f"{KEY}.csv").read_bytes() == b"one"


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "a.b", "a\n", "x" * 200])
def test_a_key_that_could_leave_the_folder_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(SinkError) as refused:
        FolderSink(tmp_path).deliver(key, ".csv", b"x")
    assert refused.value.code == "sink_key_invalid"
    assert list(tmp_path.iterdir()) == []


def test_a_suffix_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError) as refused:
        FolderSink(tmp_path).deliver(KEY, "./../x", b"x")
    assert refused.value.code == "sink_key_invalid"


def test_an_unusable_folder_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_bytes(b"a file where the folder should be")
    with pytest.raises(SinkError) as refused:
        FolderSink(tmp_path / "inbox").deliver(KEY, ".csv", b"x")
    assert (refused.value.code, refused.value.exit_code) == ("sink_unavailable", 3)


def test_a_try_after_a_crash_replaces_the_half_written_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = FolderSink(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(SinkError) as refused:
            sink.deliver(KEY, ".csv", b"a long first try")
    assert refused.value.code == "sink_unavailable"
    assert not (tmp_path / f"{KEY}.csv").exists()
    sink.deliver(KEY, ".csv", b"second")
    assert [f.name for f in tmp_path.iterdir()] == [f"{KEY}.csv"]
    assert (tmp_path / f"{KEY}.csv").read_bytes() == b"second"


def test_a_link_at_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / f"{KEY}.csv").symlink_to(outside)
    with pytest.raises(SinkError):
        FolderSink(inbox).deliver(KEY, ".csv", b"x")
    assert outside.read_bytes() == b"x"
