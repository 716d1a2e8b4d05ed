"""Figures of referrals: response times as JSON and in words, and limits for a reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.figures.referral_times import ResponseTime, response_times
from broker.figures.response_times import BUCKETS
from broker.figures.tables import label_of, values_of
from broker.releases.figures_release import FiguresRelease
from broker.utc_text import day
from contracts.phrases import N_, Phrase, joined, phrase


def times_json(release: FiguresRelease) -> Iterator[Mapping[str, object]]:
    """Yield the response times of a table (docs/spec/figures.md, "Releases")."""
    for one in response_times(release.published):
        yield {
            "time": one.dimension,
            "by": dict(one.where),
            "median": one.median,
            "percentile_90": one.percentile_90,
        }


def times_in_words(release: FiguresRelease) -> Iterator[str]:
    """Yield a sentence for each response time that the shown numbers give."""
    for one in response_times(release.published):
        if one.median is not None and one.percentile_90 is not None:
            yield (
                phrase(
                    "%(time)s (%(where)s), longest for half of the referrals: %(median)s. "
                    "Longest for 90 %%: %(most)s.",
                    time=label_of(one.dimension, release.figures),
                    where=_where(release, one),
                    median=BUCKETS[one.median],
                    most=BUCKETS[one.percentile_90],
                )
            )


def _where(release: FiguresRelease, time: ResponseTime) -> str:
    if not time.where:
        return N_("all referrals")
    return joined(
        ", ",
        (
            values_of(name, release.contract, release.figures)[value].rstrip(".")
            for name, value in time.where
        ),
    )


def limits_of_referrals(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield sentences about what the numbers of referrals do not say."""
    yield (
        phrase(
            "A referral belongs to the quarter in which it was sent. Its status and "
            "its times are those known on %(day)s.",
            day=day(release.made_ms),
        )
    )
    yield N_("A referral to three services counts as three, because each service answers.")
    yield (
        N_(
            "Times run from sending to the answer, nights and weekends included. "
            "Only referrals that went through this system are counted. Referrals by telephone are "
            "missing."
        )
    )
    yield (
        N_(
            "A referral without an answer counts as the longest time. A long time can mean too "
            "few staff, harder cases, or answers that are given outside this system."
        )
    )
