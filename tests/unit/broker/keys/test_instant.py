"""One text for one instant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys.instant import format_instant, parse_instant, whole_second


@given(st.integers(0, 253_402_300_799_999))
def test_an_instant_reads_as_it_was_written(ms: int) -> None:
    assert parse_instant(format_instant(ms)) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-11-03",
        "2025-11-03T09:30:00Z",
        "2025-11-03T09:30:00.0000Z",
        "2025-11-03T09:30:00.000+00:00",
        "2025-11-03 09:30:00.000Z",
        "2025-11-03T09:30:00.000z",
        "2025-02-30T09:30:00.000Z",
        "2025-11-03T24:00:00.000Z",
        "2025-11-03T09:30:60.000Z",
        "1969-12-31T23:59:59.999Z",
        "2025-11-03T09:30:00.000Z\n",
        "٢٠٢٥-11-03T09:30:00.000Z",
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


def test_a_whole_second_is_not_later() -> None:
    assert whole_second(1_999) == 1_000


@pytest.mark.parametrize(
    "text", ["2025-11-03", "2025-02-30T09:30:00.000Z", "1969-12-31T23:59:59.999Z"]
)
def test_a_text_that_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


def test_the_first_instant_is_the_epoch() -> None:
    assert format_instant(0) == "1970-01-01T00:00:00.000Z"
    assert parse_instant("1970-01-01T00:00:00.000Z") == 0
    assert format_instant(1_007) == "1970-01-01T00:00:01.007Z"
