"""A year of sealed events between seven agencies: what each counts is the truth.

The truth is that of `adapters.demo.samples.year`: it is written while the cases are invented, and
not computed by the code under test.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

from adapters.demo.samples.year import SampleYear, sample_year
from broker.figures.counting import CountsOf
from tests.support.founding import cheap_scrypt
from tests.support.year_of_agencies import YearOfAgencies
from tests.support.year_truth import true_counts, true_referrals

CASES = 100
KNOWN_AT_ONCE = ("borough", "reason", "recipient", "service", "source", "status")
"""Dimensions of referrals without response times: here Kafka delivers days later."""


async def test_each_agency_counts_the_truth_at_the_end_of_each_quarter(tmp_path: Path) -> None:
    year = sample_year(date(2025, 10, 1), CASES)
    ended: list[str] = []
    with cheap_scrypt():
        agencies = YearOfAgencies(year, tmp_path)
        async for period in agencies.quarters():
            ended.append(period)
            for agency in agencies.members:
                for one in ended:
                    found = agencies.counts(agency, one)
                    truth = true_counts(year, agency, one, found.dimensions, agencies.now)
                    assert (dict(found.atoms), found.without_consent) == truth, (agency, one)
                    require_true_referrals(found, year, agencies.now)
        agencies.close()
    assert tuple(ended) == year.periods
    assert agencies.refused == []
    assert agencies.not_sent == len(year.events) - len({event.row for event in year.events}) > 0


def require_true_referrals(found: CountsOf, year: SampleYear, now: int) -> None:
    made = found.referrals
    assert made is not None
    at = [made.dimensions.index(name) for name in KNOWN_AT_ONCE]
    counted: Counter[tuple[tuple[str, ...], ...]] = Counter()
    for values, number in made.atoms.items():
        counted[tuple(values[one] for one in at)] += number
    truth = true_referrals(year, found.agency, found.period, KNOWN_AT_ONCE, now)
    assert (counted, made.without_consent) == truth, (found.agency, found.period)
