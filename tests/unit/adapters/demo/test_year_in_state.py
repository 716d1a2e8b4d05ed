"""The year in the states of agencies: what they then count is the truth."""

from __future__ import annotations

from adapters.demo.samples.year import last_full_year, sample_year
from adapters.demo.year_in_state import record_years
from adapters.trial_partnership import Partnership
from broker.agency.participant import load_participant
from broker.figures.counting import parse_period
from broker.figures.own_counts import own_counts
from broker.store.database import open_store
from tests.support.year_truth import true_counts


def test_each_agency_counts_what_is_true_at_the_end_of_the_year(
    partnership: Partnership, now: int
) -> None:
    year = record_years(partnership, now)
    assert year == sample_year(last_full_year(now))
    for agency in partnership.agencies:
        participant = load_participant(partnership.directory(agency), now)
        contract = participant.contract_in_force(now).contract
        secret = participant.keyring.secret()
        store = open_store(participant.path(participant.config.state.database))
        with store.reading() as tx:
            for period in year.periods:
                found = own_counts(tx, secret, contract, agency, parse_period(period))
                assert found is not None
                truth = true_counts(year, agency, period, found.dimensions, year.end_ms)
                assert (dict(found.atoms), found.without_consent) == truth, (agency, period)
        store.close()
