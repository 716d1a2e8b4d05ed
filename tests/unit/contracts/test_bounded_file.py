"""A file is read up to its limit, and an error names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts.bounded_file import read_bounded
from contracts.errors import ContractError


def read(path: Path) -> bytes:
    return read_bounded(path, 4, ContractError, code="contract_unreadable", what="agreement")


def test_one_byte_more_than_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"123456789")
    (tmp_path / "link").symlink_to("file")
    assert read(tmp_path / "file") == read(tmp_path / "link") == b"12345"


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "device"])
def test_only_a_regular_file_is_read(tmp_path: Path, kind: str) -> None:
    """A pipe without a writer would make an adapter wait without end."""
    path = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ContractError) as wrong:
        read(path)
    assert (wrong.value.code, wrong.value.where) == ("contract_unreadable", str(path))
    assert wrong.value.fix
