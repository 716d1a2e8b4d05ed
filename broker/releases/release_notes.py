"""Notes of a release: completeness, limits and bias, for a reader without statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from broker.figures.counting import Subject
from broker.figures.counts_held import NotCounted
from broker.releases.figures_release import FiguresRelease
from broker.releases.quarter_changes import comparison_notes
from broker.releases.referral_text import limits_of_referrals
from broker.releases.release_sources import parties_not_counted
from broker.releases.table_cells import has_several, table_cells
from broker.releases.too_early import preview_notes
from broker.releases.union_share_text import union_notes
from broker.utc_text import day
from contracts.phrases import N_, Phrase, phrase
from contracts.vocabulary.figures import SOURCE


def notes_of(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield sentences about completeness, limits and bias, for a reader without statistics."""
    of = release.published.of
    yield from preview_notes(release)
    yield from _coverage(release)
    if release.union is not None:
        yield from union_notes(release.union)
    if not release.ended and not release.too_early:
        yield _NOT_ENDED[of]
    yield from _limits_of_cases(release) if of == "cases" else limits_of_referrals(release)
    if any(name != SOURCE and has_several(release, name) for name in release.published.by):
        yield N_(
            "A case with several values is in several rows, so rows can add up to more than all "
            "cases."
        )
    if release.figures.recording is not None:
        yield N_(
            "Reports that only third-party services recorded are cases too. They are no crimes, "
            "and no number of crimes has them."
        )
    if release.figures.answer is not None:
        yield _LEFT_OUT[of]
    yield from comparison_notes(release)
    if any(one.kept for one in release.published.figures):
        yield N_(
            "A number that is marked as kept repeats an earlier table, also if it is 0. The count "
            "has changed since, and the change is too small to show."
        )
    smallest = max(one.threshold for one in table_cells(release))
    yield (
        phrase(
            "Numbers are rounded to multiples of %(round_to)s. A hidden number is "
            "from 1 to %(most)s, or would give such a number away.",
            round_to=release.published.round_to,
            most=smallest - 1,
        )
    )


_OURS: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("These are the cases that %(names)s recorded first."),
    "referrals": N_("These are the referrals that %(names)s sent."),
}
_PART: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("So this is not the number of cases of the partnership."),
    "referrals": N_("So this is not the number of referrals of the partnership."),
}
_NOT_ENDED: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("The quarter has not ended, so it has further cases."),
    "referrals": N_("The quarter has not ended, so it has further referrals."),
}
_LEFT_OUT: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("Cases without consent to statistics are left out, where consent is asked."),
    "referrals": N_(
        "Referrals without consent to statistics are left out, where consent is asked."
    ),
}


def _limits_of_cases(release: FiguresRelease) -> Iterator[Phrase]:
    yield (
        phrase(
            "A case belongs to the quarter in which it came into the system. Its "
            "outcome is the one known on %(day)s.",
            day=day(release.made_ms),
        )
    )
    yield (
        N_(
            "Much of what happens is not reported. A higher number can mean more "
            "incidents, more trust, or more agencies that take reports."
        )
    )
    yield N_("Two cases of one person are two cases, because cases are not joined by person.")


_REASONS: Final[Mapping[NotCounted, str]] = {
    NotCounted.NOTHING: N_("sent no counts"),
    NotCounted.VOCABULARY: N_("counted by another vocabulary"),
    NotCounted.KEY: N_("signed with keys that were revoked later"),
    NotCounted.VALUES: N_("counted values that the vocabulary does not have"),
}


def _coverage(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield whose cases are counted, and why others are not."""
    counted = sorted(release.published.contributors)
    of = release.published.of
    yield phrase(_OURS[of], names=", ".join(counted))
    missing = parties_not_counted(release)
    if not missing:
        yield N_("All agencies of the agreement are counted.")
        return
    yield from not_counted_notes(release.not_counted)
    others = [one for one in missing if one not in release.not_counted]
    if others:
        yield phrase("Not counted: %(agencies)s.", agencies=", ".join(others))
    yield _PART[of]


def not_counted_notes(not_counted: Mapping[str, NotCounted]) -> Iterator[Phrase]:
    """Yield which parties are not counted, and why."""
    for reason, words in _REASONS.items():
        agencies = sorted(one for one, why in not_counted.items() if why is reason)
        if agencies:
            yield phrase(
                "Not counted, because they %(reason)s: %(agencies)s.",
                reason=words,
                agencies=", ".join(agencies),
            )
