"""The year in the states of agencies: what they count and publish is the truth, or hidden."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pytest

from adapters.demo.samples.year import SampleYear, last_full_year, sample_year
from adapters.demo.year_in_state import record_years
from adapters.trial_partnership import TrialPartnership
from broker.agency.participant import load_participant
from broker.figures.counting import CountsOf, Subject, parse_period
from broker.figures.disclosure import Mark
from broker.figures.own_counts import own_counts
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.tables import WITHOUT_CONSENT, Published, PublishedFigure, Where, publish
from broker.operations.figures import release_figures
from broker.store.database import open_store
from contracts.model import Contract
from tests.support.partnership_fixtures import NOW
from tests.support.year_truth import (
    true_cell,
    true_counts,
    true_referral_cell,
    true_referrals,
)

UNIT, CENTRE = "csu-camden", "lantern-centre"


@dataclass(frozen=True)
class Recorded:
    """Agencies with the year in their states, and what they count: by agency and period."""

    partnership: TrialPartnership
    year: SampleYear
    contract: Contract
    counts: Mapping[tuple[str, str], CountsOf]


@pytest.fixture(scope="module")
def recorded(founded: TrialPartnership, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    root = tmp_path_factory.mktemp("year") / "partnership"
    shutil.copytree(founded.root, root)
    partnership = TrialPartnership(root, founded.agencies, founded.authority)
    year = record_years(partnership, NOW)
    counts: dict[tuple[str, str], CountsOf] = {}
    for agency in partnership.agencies:
        participant = load_participant(partnership.directory(agency), NOW)
        contract = participant.contract_in_force(NOW).contract
        secret = participant.keyring.secret()
        store = open_store(participant.path(participant.config.state.database))
        with store.reading() as tx:
            for period in year.periods:
                found = own_counts(tx, secret, contract, agency, parse_period(period))
                assert found is not None
                counts[agency, period] = found
        store.close()
    return Recorded(partnership, year, contract, counts)


def test_each_agency_counts_what_is_true_at_the_end_of_the_year(recorded: Recorded) -> None:
    year = recorded.year
    assert year == sample_year(last_full_year(NOW))
    for (agency, period), found in recorded.counts.items():
        truth = true_counts(year, agency, period, found.dimensions, year.end_ms)
        assert (dict(found.atoms), found.without_consent) == truth, (agency, period)


def test_each_agency_counts_the_referrals_that_it_made(recorded: Recorded) -> None:
    year = recorded.year
    for (agency, period), found in recorded.counts.items():
        made = found.referrals
        assert made is not None
        truth = true_referrals(year, agency, period, made.dimensions, year.end_ms)
        assert (dict(made.atoms), made.without_consent) == truth, (agency, period)
        assert made.atoms or agency == "cps-london"


def test_the_year_tells_apart_several_values_of_every_dimension(recorded: Recorded) -> None:
    """Otherwise a comparison with the truth would show nothing for a dimension."""
    for part in ("cases", "referrals"):
        seen: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
        for counts in recorded.counts.values():
            of = counts.part(part)
            assert of is not None
            for atom in of.atoms:
                for name, values in zip(of.dimensions, atom, strict=True):
                    seen[name].add(values)
        assert {name for name, values in seen.items() if len(values) < 2} <= {"priority"}
        if part == "cases":
            assert {len(values) for values in seen["strand"]} >= {1, 2}
            assert {("third-party-report",), ("hate_crime",)} <= seen["recorded_as"]


@pytest.mark.parametrize(
    "by",
    [
        ("borough", "strand"), ("recorded_as",), ("channel", "source"), ("unit_area",),
        ("strand", "strand_combined"), ("charge",), ("outcome",), ("outcome", "uplift"),
        ("civil_measure",),
    ],
    ids="-".join,
)  # fmt: skip
def test_a_release_of_the_partnership_shows_the_rounded_truth_and_hides_what_it_may(
    recorded: Recorded, by: tuple[str, ...]
) -> None:
    release = released(recorded, by)
    require_true(release, recorded.year, recorded.partnership.agencies, recorded.year.periods[-1])
    agencies = recorded.partnership.agencies
    truth = true_cell(recorded.year, agencies, recorded.year.periods[-1], ())
    assert release.by_place[()].shown == rounded(truth)


@pytest.mark.parametrize(
    "by",
    [("status", "reason"), ("acknowledged",), ("answered", "recipient"), ("answered_in_time",)],
    ids="-".join,
)
def test_a_release_of_referrals_shows_the_rounded_truth(
    recorded: Recorded, by: tuple[str, ...]
) -> None:
    release = released(recorded, by, "referrals")
    year, agencies = recorded.year, recorded.partnership.agencies
    require_true(release, year, agencies, year.periods[-1], true_referral_cell)


def released(recorded: Recorded, by: tuple[str, ...], of: Subject = "cases") -> Published:
    """A table of the last quarter, from the counts of all agencies."""
    contract, control = recorded.contract, recorded.contract.statistics
    counted = counted_referrals(contract)
    assert counted is not None
    figures = counted[0] if of == "referrals" else contract.vocabulary.figures
    assert figures is not None
    assert control is not None
    period = recorded.year.periods[-1]
    counts = [found for (_, one), found in recorded.counts.items() if one == period]
    return publish(counts, contract, figures, control, by, [], of)


def test_each_agency_publishes_the_truth_of_the_partnership(recorded: Recorded) -> None:
    year, agencies = recorded.year, recorded.partnership.agencies
    releases = [
        release_figures(recorded.partnership.directory(agency), period, ("recorded_as",), NOW)
        for agency in (UNIT, CENTRE)
        for period in year.periods[:1]
    ]
    for release in releases:
        assert release.not_counted == {}
        assert release.too_early == ()
        require_true(release.published, year, agencies, release.period.name)
    assert releases[0].published == releases[1].published


def require_true(
    release: Published,
    year: SampleYear,
    agencies: Collection[str],
    period: str,
    true: Callable[[SampleYear, Collection[str], str, Where], int] = true_cell,
) -> None:
    """Each shown number is the rounded truth and safe to show; hidden ones have a cause."""
    for figure in release.figures:
        if figure.where == WITHOUT_CONSENT:
            continue
        exact = true(year, agencies, period, figure.where)
        own = [true(year, [one], period, figure.where) for one in agencies]
        unsafe = any(
            0 < exact - known < figure.threshold for known in (0, *(own if len(own) > 1 else ()))
        )
        if figure.shown is not None:
            assert figure.shown == rounded(exact), figure.where
            assert not unsafe, figure.where
        elif figure.mark is Mark.PRIMARY:
            assert unsafe or part_of_a_hidden(figure, release), figure.where
    assert any(one.shown for one in release.figures if one.where)


def part_of_a_hidden(figure: PublishedFigure, release: Published) -> bool:
    return any(
        one.mark is Mark.PRIMARY and set(one.where) < set(figure.where) for one in release.figures
    )


def rounded(cases: int) -> int:
    """To the nearest multiple of 5."""
    return (cases + 2) // 5 * 5
