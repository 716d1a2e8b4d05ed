"""Tables that are too early to publish: previews in words, and their refusal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from broker.errors import NotPublishedError
from broker.figures.completeness import Shortfall
from broker.figures.counting import Period, Subject
from broker.releases.figures_release import FiguresRelease
from contracts.phrases import N_, Phrase, phrase

_RUNNING: Final = N_("The quarter %(period)s has not ended.")
_MISSING: Final = N_("Not all agencies of the agreement are counted.")
_EMPTY: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("No case is counted."),
    "referrals": N_("No referral is counted."),
}


def lacks_in_words(lacks: tuple[Shortfall, ...], period: Period, of: Subject) -> Iterator[Phrase]:
    """Yield for what a table is too early, a sentence each.

    Args:
        lacks: what the quarter lacks.
        period: the quarter.
        of: of what the table is.
    """
    for one in lacks:
        match one:
            case Shortfall.RUNNING:
                yield phrase(_RUNNING, period=period.name)
            case Shortfall.MISSING:
                yield _MISSING
            case Shortfall.EMPTY:
                yield _EMPTY[of]


def preview_notes(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield what a preview is and why it is one; nothing for a release."""
    if release.too_early:
        yield N_("This is a preview. It is not published and not signed. Do not pass it on.")
        yield from lacks_in_words(release.too_early, release.period, release.published.of)


def require_published(release: FiguresRelease) -> None:
    """Refuse a form that is made to be passed on, if the release is a preview.

    Raises:
        NotPublishedError: `figures_incomplete`.
    """
    if not release.too_early:
        return
    lacks = " ".join(lacks_in_words(release.too_early, release.period, release.published.of))
    missing = f" Missing: {', '.join(release.not_counted)}." if release.not_counted else ""
    raise NotPublishedError(
        f"This table is too early to publish. {lacks}{missing}",
        code="figures_incomplete",
        where="--period",
        fix="Wait until the table is complete. Without --csv, --html and --svg you get a preview. "
        "To publish it as it is now, and for good, add --incomplete.",
    )
