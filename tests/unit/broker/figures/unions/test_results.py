"""Tests of the form of a result."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.figures.unions.results import format_result, parse_result
from broker.figures.unions.tally import UnionTally

AGENCIES = st.lists(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True), min_size=1, max_size=9
)


@given(AGENCIES, st.none() | st.integers(0, 100))
def test_a_result_is_read_as_it_was_written(agencies: list[str], share: int | None) -> None:
    tally = UnionTally(tuple(sorted(set(agencies))), share)
    assert parse_result(format_result(tally)) == tally


def test_members_of_newer_software_are_left_out() -> None:
    found = parse_result(b'{"contributors":["a"],"more":1,"share_percent":null}')
    assert found == UnionTally(("a",), None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"contributors":[],"share_percent":1}',
        b'{"contributors":["a"]}',
        b'{"contributors":["b","a"],"share_percent":1}',
        b'{"contributors":["a","a"],"share_percent":1}',
        b'{"contributors":["A"],"share_percent":1}',
        b'{"contributors":["a"],"share_percent":-1}',
        b'{"contributors":["a"],"share_percent":101}',
        b'{"contributors":["a"],"share_percent":1.5}',
        b'{"contributors":["a"],"share_percent":true}',
        b'{"contributors":["a"],"share_percent":1,"share_percent":2}',
    ],
)
def test_a_result_of_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"result|contributors|JSON|repeats"):
        parse_result(content)
