"""Truth of the sample year, added up: unique cases of an agency and a quarter, by their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from adapters.demo.samples.year import SampleYear
from broker.figures.tables import Where

Atoms = Mapping[tuple[tuple[str, ...], ...], int]


def true_counts(
    year: SampleYear, agency: str, period: str, dimensions: Sequence[str], time_ms: int
) -> tuple[Atoms, int]:
    """Cases by their values, and the number without consent, as an agency knows them at a time."""
    known = [
        case.at(time_ms) for case in year.cases if (case.minted_by, case.period) == (agency, period)
    ]
    counted = [one.values for one in known if one is not None and one.counted]
    refused = sum(one is not None and not one.counted for one in known)
    return Counter(tuple(one[name] for name in dimensions) for one in counted), refused


def true_referrals(
    year: SampleYear, agency: str, period: str, dimensions: Sequence[str], time_ms: int
) -> tuple[Atoms, int]:
    """Referrals that an agency made, by their values at a time, and those without consent."""
    counted: Counter[tuple[tuple[str, ...], ...]] = Counter()
    refused = 0
    for case in year.cases:
        known = case.at(time_ms)
        if case.minted_by == agency and known is not None:
            for one in known.referrals:
                if one.period == period and known.counted:
                    counted[tuple(one.values[name] for name in dimensions)] += 1
                elif one.period == period:
                    refused += 1
    return counted, refused


def true_cell(year: SampleYear, agencies: Collection[str], period: str, where: Where) -> int:
    """Unique cases that have some values, as these agencies know them at the end of the year."""
    found = 0
    for case in year.cases:
        known = case.at(year.end_ms)
        if case.minted_by in agencies and case.period == period and known is not None:
            matches = all(value in known.values[name] for name, value in where)
            found += known.counted and matches
    return found
