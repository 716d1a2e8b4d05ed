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
            found += known.counted and _has(known.values, where)
    return found


def true_referral_cell(
    year: SampleYear, agencies: Collection[str], period: str, where: Where
) -> int:
    """Referrals of these agencies that have some values at the end of the year."""
    return sum(
        known.counted and referral.period == period and _has(referral.values, where)
        for case in year.cases
        if case.minted_by in agencies and (known := case.at(year.end_ms)) is not None
        for referral in known.referrals
    )


def _has(values: Mapping[str, tuple[str, ...]], where: Where) -> bool:
    return all(value in _of_table(values, name) for name, value in where)


def _of_table(values: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """Return the values by a dimension of tables: also those that a case has together."""
    if name in values:
        return values[name]
    together = values[name.removesuffix("_combined")]
    alone = len(together) == 1 and together != ("not-stated",)
    return ("one-alone",) if alone else together
