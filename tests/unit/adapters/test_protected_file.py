"""A file that decides who is trusted is read only if no other account can have written it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.protected_file import UnprotectedFileError, read_protected


def written(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
def test_a_file_that_only_its_owner_may_write_is_read(tmp_path: Path, mode: int) -> None:
    assert read_protected(written(tmp_path / "token", b"12345", mode), 5) == b"12345"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UnprotectedFileError):
        read_protected(written(tmp_path / "token", b"12345", mode), 5)


def test_a_larger_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnprotectedFileError):
        read_protected(written(tmp_path / "token", b"123456"), 5)


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token", mode=0o600)
    with pytest.raises(UnprotectedFileError):
        read_protected(tmp_path / "token", 5)


def test_a_link_counts_as_the_file_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(written(tmp_path / "token", b"1", 0o666))
    with pytest.raises(UnprotectedFileError):
        read_protected(tmp_path / "link", 5)


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_protected(tmp_path / "token", 5)
