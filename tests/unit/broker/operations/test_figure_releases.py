"""List of the releases of figures, and one of them again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.errors import StoreError
from broker.figures.counting import last_quarters
from broker.operations import figure_releases
from broker.operations.figure_releases import list_releases, read_release, release_number
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
    first = release_figures(folder, period, ("borough",), NOW, incomplete=True)
    second = release_figures(folder, period, ("strand", "borough"), NOW + 1, incomplete=True)
    participant = load_participant(folder, NOW)

    found = list_releases(participant, store, most=1)
    assert found.total == 2
    (newest,) = found.releases
    assert (newest.by, newest.made_ms, newest.period) == (("strand", "borough"), NOW + 1, period)
    (oldest,) = list_releases(participant, store, most=5, skipped=1).releases
    assert oldest.total == first.published.by_place[()].shown
    assert read_release(participant, store, oldest.number) == first
    assert read_release(participant, store, newest.number + 1) is None
    assert release_number(participant, store, second) == newest.number
    assert release_number(participant, store, first) == oldest.number


def test_a_release_of_referrals_is_read_with_their_dimensions(folder: Path, store: Store) -> None:
    period = last_quarters(NOW, 1)[0].name
    made = release_figures(folder, period, ("status",), NOW, None, "referrals", incomplete=True)
    participant = load_participant(folder, NOW)

    (listed,) = list_releases(participant, store, most=5).releases
    assert (listed.of, listed.by) == ("referrals", ("status",))
    assert read_release(participant, store, listed.number) == made


def test_a_release_with_values_that_no_agreement_has_is_not_read(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_figures(folder, last_quarters(NOW, 1)[0].name, ("borough",), NOW, incomplete=True)
    participant = load_participant(folder, NOW)
    monkeypatch.setattr("broker.figures.dimension_values.table_dimensions", lambda _: ())

    assert read_release(participant, store, 1) is None


def test_a_release_that_is_read_again_is_compared_with_those_made_before_it(
    folder: Path, store: Store
) -> None:
    before = last_quarters(NOW, 1)[0]
    present_ms = before.end_ms
    present = last_quarters(present_ms, 1)[0].name
    release_figures(folder, before.name, ("borough",), NOW, incomplete=True)
    made = release_figures(folder, present, ("borough",), present_ms, incomplete=True)
    record_cases(folder, [RecordedCases(60, "E09000005", ["race"])], NOW + 1)
    later = release_figures(folder, before.name, ("borough",), present_ms + 1, incomplete=True)
    participant = load_participant(folder, present_ms)

    assert not later.repeated
    read = read_release(participant, store, 2)
    assert read is not None
    assert read.comparisons == made.comparisons


@pytest.mark.parametrize("by", [("borough",), ("borough", "strand", "channel")])
def test_a_release_that_is_read_again_has_the_limits_by_which_it_was_made(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch, by: tuple[str, ...]
) -> None:
    made = release_figures(folder, last_quarters(NOW, 1)[0].name, by, NOW, incomplete=True)
    participant = load_participant(folder, NOW)
    newer = made.control.model_copy(
        update={"suppress_below": 50, "round_to": 50, "suppress_breakdown_below": 90}
    )
    monkeypatch.setattr(
        figure_releases, "_terms_of", lambda *_: (made.contract, made.figures, newer)
    )

    read = read_release(participant, store, 1)
    assert read is not None
    assert read.control.suppress_below == made.control.suppress_below
    assert read.control.round_to == made.control.round_to
    if len(by) == 3:
        assert read.control.suppress_breakdown_below == made.control.suppress_breakdown_below


def test_a_release_that_was_changed_in_the_state_is_store_corrupt(
    folder: Path, store: Store
) -> None:
    made = release_figures(
        folder, last_quarters(NOW, 1)[0].name, ("borough",), NOW, incomplete=True
    )
    participant = load_participant(folder, NOW)
    with closing(sqlite3.connect(folder / "state" / "concordant.db")) as connection:
        connection.execute("UPDATE figure_releases SET content = zeroblob(length(content))")
        connection.commit()

    for read in (
        lambda: list_releases(participant, store, most=5),
        lambda: read_release(participant, store, 1),
        lambda: release_number(participant, store, made),
    ):
        with pytest.raises(StoreError) as caught:
            read()
        assert caught.value.code == "store_corrupt"
