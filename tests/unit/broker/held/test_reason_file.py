"""The reason file: what is written is read again, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.held.reason_file import (
    MAX_REASON_BYTES,
    FileReason,
    RowReason,
    format_reason,
    parse_reason,
    read_reason,
)

TEXT = st.text(st.characters(codec="utf-8"))
ROWS = st.lists(
    st.builds(RowReason, st.integers(0, 10**9), TEXT, st.none() | TEXT, TEXT), max_size=4
).map(tuple)


@given(st.builds(FileReason, TEXT, TEXT, TEXT, TEXT, ROWS))
def test_a_written_reason_is_read_again(reason: FileReason) -> None:
    assert parse_reason(format_reason(reason)) == reason


@given(st.binary(max_size=200))
def test_other_bytes_raise_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_reason(data)


WHOLE = json.loads(format_reason(FileReason("a", "b", "c", "d", (RowReason(1, "c", None, "d"),))))


@pytest.mark.parametrize(
    "change",
    [
        {"code": 1},
        {"rows": 1},
        {"rows": [1]},
        {"rows": [{"line": "1", "code": "c", "field": None, "detail": "d"}]},
        {"rows": [{"line": 1, "code": "c", "field": None, "detail": []}]},
        {"another": ""},
    ],
)
def test_another_form_raises_a_value_error(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse_reason(json.dumps(WHOLE | change).encode())


def test_a_file_that_is_missing_or_too_long_has_no_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.reason.json"
    assert read_reason(path) is None
    path.write_bytes(format_reason(FileReason("a.csv", "", "c", "d" * MAX_REASON_BYTES)))
    assert read_reason(path) is None
