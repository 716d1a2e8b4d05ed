"""Hourly figures: counted cheaply, kept over restarts, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.observing.flow import KEPT_MS, STEPS_S, FlowCounts, FlowHour, last_hours, within_s
from broker.store.database import Store, open_store
from contracts.durations import HOUR_MS, MINUTE_MS

NOON = 1_760_004_000_000 - 1_760_004_000_000 % HOUR_MS


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "state.db")


def keep(store: Store, counts: FlowCounts, now: int) -> None:
    with store.transaction() as tx:
        counts.keep(tx, now)


def hours(store: Store, now: int, number: int = 3) -> tuple[FlowHour, ...]:
    with store.reading() as tx:
        return last_hours(tx, now, number)


def test_each_hour_has_its_events_and_the_time_that_they_took(store: Store) -> None:
    counts = FlowCounts()
    counts.published(5)
    for _ in range(98):
        counts.received(900)
    counts.received(6_500)
    counts.received(1_000_000_000)
    keep(store, counts, NOON + MINUTE_MS)
    counts.published(1)
    keep(store, counts, NOON + 2 * HOUR_MS)
    assert hours(store, NOON + 2 * HOUR_MS) == (
        FlowHour(NOON, 5, 100, 1, 7),
        FlowHour(NOON + HOUR_MS),
        FlowHour(NOON + 2 * HOUR_MS, 1, 0),
    )


def test_a_new_process_adds_to_the_hour_of_the_one_before(store: Store) -> None:
    for lag_ms in (500, 4_500, None):
        counts = FlowCounts()
        counts.published(2)
        counts.received(lag_ms)
        keep(store, counts, NOON)
    assert hours(store, NOON, 1) == (FlowHour(NOON, 6, 3, 1, 5),)


def test_an_idle_adapter_has_nothing_to_write_and_a_busy_one_writes_once_a_minute(
    store: Store,
) -> None:
    counts = FlowCounts()
    assert not counts.due(NOON)
    counts.published(1)
    assert counts.due(NOON)
    keep(store, counts, NOON)
    assert not counts.due(NOON + HOUR_MS)
    counts.published(1)
    assert not counts.due(NOON + MINUTE_MS - 1)
    assert counts.due(NOON + MINUTE_MS)
    assert counts.due(NOON - HOUR_MS), "a clock that was set back keeps no counts waiting"


def test_old_hours_are_removed(store: Store) -> None:
    counts = FlowCounts()
    for hour in range(0, KEPT_MS + 5 * HOUR_MS, HOUR_MS):
        counts.published(1)
        keep(store, counts, NOON + hour)
    with store.reading() as tx:
        rows = tx.flow_hours.since(0)
    assert len(rows) == KEPT_MS // HOUR_MS + 1


@pytest.mark.parametrize(
    ("lags", "part", "expected"),
    [
        ([0, 0, 0], 0.5, None),
        ([1, 0, 0], 0.5, STEPS_S[0]),
        ([1, 1, 0], 0.5, STEPS_S[0]),
        ([1, 1, 1], 0.5, STEPS_S[1]),
        ([99, 0, 1], 0.99, STEPS_S[0]),
        ([98, 0, 2], 0.99, STEPS_S[2]),
    ],
)
def test_a_part_of_the_events_came_within(
    lags: list[int], part: float, expected: int | None
) -> None:
    assert within_s(lags, part) == expected


def test_longer_than_the_last_step_counts_as_the_last(store: Store) -> None:
    assert within_s([0] * len(STEPS_S) + [1], 0.5) == STEPS_S[-1]
