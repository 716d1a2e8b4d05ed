"""UK local time and UTC agree with the time zone database, and doubtful hours are not guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from adapters.mapping.localtime import Century, in_century, parse_strictly, to_local, to_utc
from adapters.mapping.writing import write_moment


def test_every_hour_of_two_years_agrees_with_the_database() -> None:
    try:
        london = ZoneInfo("Europe/London")
    except ZoneInfoNotFoundError:
        pytest.skip("no time zone database here")
    utc = datetime(2025, 1, 1)
    while utc.year < 2027:
        local, zone = to_local(utc)
        known = utc.replace(tzinfo=UTC).astimezone(london).replace(tzinfo=None)
        assert local == known
        assert to_utc(local, zone) == utc
        utc += timedelta(minutes=30)


def test_an_hour_that_happens_twice_or_never_needs_more_words() -> None:
    twice, never = datetime(2026, 10, 25, 1, 30), datetime(2026, 3, 29, 1, 30)
    assert to_utc(twice) is None
    assert to_utc(never) is None
    assert to_utc(twice, "BST") == datetime(2026, 10, 25, 0, 30)
    assert to_utc(twice, "GMT") == datetime(2026, 10, 25, 1, 30)
    assert to_utc(datetime(2026, 7, 1, 9), "GMT") is None
    formats = ("%d/%m/%Y %H:%M",)
    assert write_moment("2026-10-25T00:30:00.000Z", formats) == "25/10/2026 01:30 BST"
    assert write_moment("2026-07-01T08:30:00.000Z", formats) == "01/07/2026 09:30"


@pytest.mark.parametrize(
    "text", ["31/02/2026", "1/2/2026", "01/02/0026", "01/02/26", " 01/02/2026", "2026-02-01", ""]
)
def test_a_date_is_what_the_pattern_says_and_exists(text: str) -> None:
    assert parse_strictly(text, "%d/%m/%Y") is None


def test_a_date_that_exists_is_read() -> None:
    assert parse_strictly("29/02/2024", "%d/%m/%Y") == datetime(2024, 2, 29)


def test_the_keys_of_a_record_forget_form_and_keep_content() -> None:
    from adapters.mapping import source_key

    first = source_key("a", "csu", "1", {"X": "text\r\nmore ", "Y": "", "L": ["b"]})
    assert first == source_key("a", "csu", "1", {"L": ["b"], "X": "text\nmore"})
    others = {
        source_key("b", "csu", "1", {"X": "text\nmore", "L": ["b"]}),
        source_key("a", "cps", "1", {"X": "text\nmore", "L": ["b"]}),
        source_key("a", "csu", "2", {"X": "text\nmore", "L": ["b"]}),
        source_key("a", "csu", "1", {"X": "text\nless", "L": ["b"]}),
        source_key("a", "csu", "1", {"X": "text\nmore", "L": ["c"]}),
    }
    assert first not in others
    assert len(others) == 5
    assert json.dumps(first.hex())


@pytest.mark.parametrize(
    ("text", "pattern", "read"),
    [
        ("3 Nov 2026", "%d %b %Y", True),
        ("03 nov 2026", "%d %b %Y", True),
        ("3 November 2026", "%d %B %Y", True),
        ("9.40pm", "%I.%M%p", True),
        ("3/11/2026", "%d/%m/%Y", False),
        ("  3 Nov 2026", "%d %b %Y", False),
        ("31 Feb 2026", "%d %b %Y", False),
    ],
)
def test_a_month_in_words_has_one_meaning_and_numbers_are_padded(
    text: str, pattern: str, read: bool
) -> None:
    assert (parse_strictly(text, pattern) is not None) is read


@pytest.mark.parametrize(
    ("text", "pattern", "read"),
    [
        ("3/11/26", "%d/%m/%y", True),
        ("03/1/26", "%d/%m/%y", True),
        ("1/5/1980", "%d/%m/%Y", True),
        ("9:05", "%H:%M", True),
        ("9.40PM", "%I.%M%p", True),
        ("1/5/1980 9:05", "%d/%m/%Y %H:%M", True),
        ("9:5", "%H:%M", False),
        ("3/11/6", "%d/%m/%y", False),
        ("112026", "%d%m%Y", False),
        ("945", "%H%M", False),
        (" 3/11/26", "%d/%m/%y", False),
        ("003/11/26", "%d/%m/%y", False),
    ],
)
def test_a_day_month_or_hour_of_one_digit_is_read_where_it_has_one_meaning(
    text: str, pattern: str, read: bool
) -> None:
    assert (parse_strictly(text, pattern, one_digit=True) is not None) is read


@pytest.mark.parametrize(
    ("year", "century", "found"),
    [
        (2050, "past", 1950),
        (2012, "past", 2012),
        (1975, "past", 1975),
        (2050, "current", 2050),
        (1975, "current", 2075),
        (2050, None, 2050),
    ],
)
def test_the_rule_of_a_column_decides_on_the_century(
    year: int, century: Century | None, found: int
) -> None:
    moment = in_century(datetime(year, 6, 12), century, date(2026, 11, 30))
    assert moment == datetime(found, 6, 12)
