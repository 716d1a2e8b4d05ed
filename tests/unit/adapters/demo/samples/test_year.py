"""The sample year: the same every time, valid under the agreement, and with every kind of event."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from adapters.demo.samples.year import SampleYear, last_full_year, sample_year
from contracts.model import Contract
from contracts.policy import granted_from
from tests.support.year_truth import true_counts

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def year() -> SampleYear:
    return sample_year(date(2025, 10, 1), 400)


def test_the_same_seed_makes_the_same_year_and_a_larger_one_begins_with_it(
    year: SampleYear,
) -> None:
    assert sample_year(date(2025, 10, 1), 400) == year
    larger = sample_year(date(2025, 10, 1), 500)
    assert larger.cases[:400] == year.cases
    begin = [event for event in larger.events if event.row <= max(one.row for one in year.events)]
    assert begin == list(year.events)


def test_every_year_has_the_same_numbers(year: SampleYear) -> None:
    other = sample_year(date(2027, 4, 1), 400)
    assert other.periods == ("2027-Q2", "2027-Q3", "2027-Q4", "2028-Q1")
    dimensions = tuple(sorted(year.cases[0].history[0].values))
    for before, after in zip(year.periods, other.periods, strict=True):
        assert true_counts(year, "csu-camden", before, dimensions, year.end_ms) == true_counts(
            other, "csu-camden", after, dimensions, other.end_ms
        )


@pytest.mark.parametrize(
    ("today", "first"),
    [
        (date(2026, 11, 30), date(2025, 10, 1)),
        (date(2027, 1, 1), date(2026, 1, 1)),
        (date(2026, 3, 31), date(2025, 1, 1)),
    ],
)
def test_the_last_full_year_ends_before_this_quarter(today: date, first: date) -> None:
    now = int(datetime(today.year, today.month, today.day, 12, tzinfo=UTC).timestamp()) * 1000
    assert last_full_year(now) == first
    assert sample_year(first, 4).end_ms <= now


def test_events_of_a_case_are_a_day_apart_so_each_agency_answers_what_it_has(
    year: SampleYear,
) -> None:
    by_case: dict[object, list[int]] = {}
    for event in year.events:
        assert year.first_ms <= event.time_ms < year.end_ms
        by_case.setdefault(event.leaves["case_id"], []).append(event.time_ms)
    for times in by_case.values():
        assert all(after - before >= DAY_MS for before, after in pairwise(times))


def test_it_has_every_kind_of_event_and_of_truth(year: SampleYear) -> None:
    types = Counter(event.type for event in year.events)
    assert min(types.values()) > 20
    assert len(types) == 4
    assert len(year.events) > len({event.row for event in year.events})  # repeats
    last = [case.history[-1] for case in year.cases]
    assert {one.counted for one in last} == {True, False}
    changed = [case for case in year.cases if case.history[0].counted != case.history[-1].counted]
    assert {case.history[-1].counted for case in changed} == {True, False}
    assert any(len(one.values["strand"]) > 1 for one in last)
    for name, least in (("recorded_as", 4), ("charge", 4), ("outcome", 5), ("uplift", 3)):
        assert len({one.values[name] for one in last}) >= least, name


def test_each_leaf_may_be_read_by_a_recipient(year: SampleYear, contract: Contract) -> None:
    for event in year.events:
        readable = {
            path
            for reader in event.recipients
            for path in granted_from(contract, event.sender, reader, event.type)
        }
        assert event.leaves.keys() <= readable, event
