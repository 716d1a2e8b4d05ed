"""Median and 90th percentile of response times, from the numbers that a release shows.

They follow from shown numbers alone, so they tell nothing that the release hides
(docs/spec/figures.md, "Releases").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.figures.referral_dimensions import ACKNOWLEDGED, ANSWERED
from broker.figures.response_times import MEDIAN, PERCENTILE_90, WITHDRAWN, quantile
from broker.figures.tables import Published, Where

__all__ = ["ResponseTime", "response_times"]


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """Response time of the referrals of some cells of a table.

    Attributes:
        dimension: `acknowledged` or `answered`.
        where: the other dimensions of the table with their values.
        median: the bucket that holds it; None if a number of the row is hidden, or none counts.
        percentile_90: the same for the 90th percentile.
    """

    dimension: str
    where: Where
    median: str | None
    percentile_90: str | None


def response_times(published: Published) -> Iterator[ResponseTime]:
    """Yield the response times of a table by one of their dimensions, those of all first.

    Rows without a referral are left out.
    """
    for dimension in (ACKNOWLEDGED, ANSWERED):
        if dimension in published.by:
            yield from _by(published, dimension)


def _by(published: Published, dimension: str) -> Iterator[ResponseTime]:
    rows: dict[Where, dict[str, int | None]] = {(): {}}
    table = set(published.by)
    for figure in published.figures:
        places = dict(figure.where)
        value = places.pop(dimension, None)
        if value is not None and (not places or {*places, dimension} == table):
            rows.setdefault(tuple(places.items()), {})[value] = figure.shown
    for where, row in rows.items():
        counted = {value: shown for value, shown in row.items() if value != WITHDRAWN}
        known = {value: shown for value, shown in counted.items() if shown is not None}
        hidden = len(known) < len(counted)
        if hidden or any(known.values()):
            yield ResponseTime(
                dimension,
                where,
                None if hidden else quantile(known, MEDIAN),
                None if hidden else quantile(known, PERCENTILE_90),
            )
