"""Lines of a file: their ends, and the longest that is taken (docs/spec/opening.md, Files)."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.cli.lines import read_lines
from broker.record import MAX_LINE_BYTES

LONGEST = b"x" * MAX_LINE_BYTES


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"next\n"])
def test_the_end_of_a_line_does_not_count(tmp_path: Path, end: bytes, after: bytes) -> None:
    file = tmp_path / "lines"
    file.write_bytes(LONGEST + end + after)
    assert list(read_lines(file)) == [LONGEST, *([b"next"] if after else [])]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"x\n", b"xx\r\n"])
def test_a_longer_line_is_told_and_left_out(tmp_path: Path, end: bytes) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"before\n" + LONGEST + b"x" + end)
    assert list(read_lines(file)) == [b"before", None]
    if end:
        file.write_bytes(LONGEST + b"x" + end + b"after\n")
        assert list(read_lines(file)) == [None, b"after"]


def test_the_last_line_needs_no_end(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\n" + LONGEST)
    assert list(read_lines(file)) == [b"", LONGEST]


MARK = b"\xef\xbb\xbf"


def test_a_byte_order_mark_begins_the_input_and_no_other_line(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(MARK + b"{}\n" + MARK + b"{}\n")
    assert list(read_lines(file)) == [b"{}", MARK + b"{}"]
    file.write_bytes(MARK + LONGEST + b"\n" + b"after\n")
    assert list(read_lines(file)) == [LONGEST, b"after"]
    file.write_bytes(MARK + LONGEST + b"x\n" + b"after\n")
    assert list(read_lines(file)) == [None, b"after"]
    file.write_bytes(MARK)
    assert list(read_lines(file)) == []
