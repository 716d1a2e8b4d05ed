"""Comparison of a release with earlier quarters: columns, JSON and notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.figures.comparison import Comparison
from broker.figures.tables import PublishedFigure
from broker.releases.figures_release import FiguresRelease
from broker.utc_text import day
from contracts.phrases import N_, Phrase, phrase

UNKNOWN: Final = N_("not known")
"""Text of a change of which one number is hidden."""


def compared(release: FiguresRelease) -> list[Comparison]:
    """Return the comparisons with a release that this agency has made."""
    return [one for one in release.comparisons if one.earlier is not None]


def change_columns(release: FiguresRelease) -> tuple[str, ...]:
    """Return the headings of the columns of changes."""
    return tuple(f"since {one.period}" for one in compared(release))


def changes_of(release: FiguresRelease, figure: PublishedFigure) -> tuple[str, ...]:
    """Return the changes of a number since the earlier quarters, for people."""
    changes = [one.change_of(figure) for one in compared(release)]
    return tuple(UNKNOWN if one is None else f"{one:+,}" if one else "0" for one in changes)


def changes_in_words(release: FiguresRelease, figure: PublishedFigure) -> str:
    """Return the known changes of a number in brackets; empty if there are none."""
    known = [
        f"{change:+,} since {one.period}"
        for one in compared(release)
        if (change := one.change_of(figure)) is not None
    ]
    return f" ({', '.join(known)})" if known else ""


def changes_json(release: FiguresRelease, figure: PublishedFigure) -> dict[str, object]:
    """Return the number of each earlier quarter and the change since then."""
    return {
        one.period: {"shown": one.shown_of(figure), "change": one.change_of(figure)}
        for one in compared(release)
    }


def comparison_notes(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield what the changes mean, and why there are none."""
    for one in release.comparisons:
        if one.earlier is None:
            yield phrase(
                "No change since %(period)s is shown, because %(agency)s has not published this "
                "table for that quarter.",
                period=one.period,
                agency=release.agency,
            )
            continue
        yield phrase(
            "Changes since %(period)s are those from the table that was published on %(day)s.",
            period=one.period,
            day=day(one.made_ms),
        )
        if set(one.earlier.contributors) != set(release.published.contributors):
            yield phrase(
                "In %(period)s other agencies were counted. So a part of the change can come from "
                "an agency that was added or is missing.",
                period=one.period,
            )
    if compared(release):
        yield N_(
            "A change is the difference of two rounded numbers, so a small change can come from "
            "rounding. If one of the two numbers is hidden, the change is not known."
        )
