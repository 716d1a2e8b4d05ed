"""List of the releases of figures, and one of them again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.figures.counting import last_quarters
from broker.operations.figure_releases import list_releases, number_of, read_release
from broker.operations.figures import release_figures
from broker.store.database import Store, open_store
from tests.support.founded_partnership import NOW, SUPPORT, founded
from tests.support.recorded_cases import RecordedCases, record_cases


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = founded().directory(SUPPORT, tmp_path)
    found = (RecordedCases(20, "E09000007", ["race"]), RecordedCases(9, "E09000022", ["religion"]))
    record_cases(folder, found, NOW)
    return folder


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = open_store(folder / "state" / "concordant.db")
    yield opened
    opened.close()


def test_a_release_is_listed_and_read_as_it_was_made(folder: Path, store: Store) -> None:
    period = last_quarters(NOW, 1)[0].name
    first = release_figures(folder, period, ("borough",), NOW)
    second = release_figures(folder, period, ("strand", "borough"), NOW + 1)
    participant = load_participant(folder, NOW)

    found = list_releases(participant, store, most=1)
    assert found.total == 2
    (newest,) = found.releases
    assert (newest.by, newest.made_ms, newest.period) == (("strand", "borough"), NOW + 1, period)
    (oldest,) = list_releases(participant, store, most=5, skipped=1).releases
    assert oldest.total == first.published.by_place[()].shown
    assert read_release(participant, store, oldest.number) == replace(first, not_counted={})
    assert read_release(participant, store, newest.number + 1) is None
    assert number_of(participant, store, second) == newest.number
    assert number_of(participant, store, first) == oldest.number


def test_a_release_of_referrals_is_read_with_their_dimensions(folder: Path, store: Store) -> None:
    period = last_quarters(NOW, 1)[0].name
    made = release_figures(folder, period, ("status",), NOW, None, "referrals")
    participant = load_participant(folder, NOW)

    (listed,) = list_releases(participant, store, most=5).releases
    assert (listed.of, listed.by) == ("referrals", ("status",))
    assert read_release(participant, store, listed.number) == replace(made, not_counted={})


def test_a_release_with_values_that_no_agreement_has_is_not_read(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_figures(folder, last_quarters(NOW, 1)[0].name, ("borough",), NOW)
    participant = load_participant(folder, NOW)
    monkeypatch.setattr("broker.operations.figure_releases.table_dimensions", lambda _: ())

    assert read_release(participant, store, 1) is None
