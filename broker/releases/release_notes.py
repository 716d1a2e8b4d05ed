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
from contracts.phrases import N_, Phrase, phrase, sentences
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
    if of == "cases" and release.figures.recording is not None:
        yield N_(
            "Reports that only third-party services recorded are cases too. They are in no number "
            "of crimes or incidents."
        )
    if release.figures.answer is not None:
        yield _LEFT_OUT[of]
    yield from comparison_notes(release)
    if any(one.empty for one in table_cells(release)):
        yield _LEFT_OUT_ROWS[of]
    if any(one.kept for one in release.published.figures):
        yield N_(
            "A number that is marked as kept repeats an earlier table. Cases have been added or "
            "removed since. If they changed this number, the change is too small to show. This is "
            "also true of rows that are left out because their number is 0."
        )
    yield from _disclosure_control(release)


_OURS: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("These are the cases that %(names)s recorded first."),
    "referrals": N_("These are the referrals that %(names)s sent."),
}
_PART: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("Their cases are missing, so the numbers are too low."),
    "referrals": N_("Their referrals are missing, so the numbers are too low."),
}
_NOT_ENDED: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("The quarter had not ended when this table was made. Later cases are missing."),
    "referrals": N_(
        "The quarter had not ended when this table was made. Later referrals are missing."
    ),
}
_HIDDEN_IF: Final[Mapping[Subject, Phrase]] = {
    "cases": N_(
        "A number is hidden if it is small, if one agency has all except a few of these cases, or "
        "if such a number could be worked out from it. So a hidden number can be 0, small or large."
    ),
    "referrals": N_(
        "A number is hidden if it is small, if one agency has all except a few of these referrals, "
        "or if such a number could be worked out from it. So a hidden number can be 0, small or "
        "large."
    ),
}
_LEFT_OUT_ROWS: Final[Mapping[Subject, Phrase]] = {
    "cases": N_("Tables and plots leave out rows without a case."),
    "referrals": N_("Tables and plots leave out rows without a referral."),
}
_LEFT_OUT: Final[Mapping[Subject, Phrase]] = {
    "cases": N_(
        "Where a form asks for consent to statistics, a case without it is left out. People who do "
        "not agree may differ from those who do."
    ),
    "referrals": N_(
        "Where a form asks for consent to statistics, a referral without it is left out. People "
        "who do not agree may differ from those who do."
    ),
}


def _limits_of_cases(release: FiguresRelease) -> Iterator[Phrase]:
    yield (
        phrase(
            "A case belongs to the quarter in which the first agency recorded it. The incident may "
            "be older. Its outcome is the one known on %(day)s.",
            day=day(release.made_ms),
        )
    )
    yield (
        N_(
            "Most incidents are not reported. A higher number can mean more incidents, more trust "
            "in those who take reports, or more places to report."
        )
    )
    yield N_("A case is not a person. Two cases of one person are two cases.")
    yield N_(
        "The numbers are not divided by the number of people who live in an area. An area with "
        "more people has more cases."
    )


def _disclosure_control(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield how numbers are rounded, and why some are hidden."""
    yield phrase(
        "Numbers are rounded to multiples of %(round_to)s.", round_to=release.published.round_to
    )
    cells = max(one.threshold for one in table_cells(release)) - 1
    totals = release.published.by_place[()].threshold - 1
    small = (
        phrase("A number is small from 1 to %(most)s.", most=cells)
        if cells == totals
        else phrase(
            "A number in the table is small from 1 to %(cells)s, and a total from 1 to %(totals)s.",
            cells=cells,
            totals=totals,
        )
    )
    yield sentences(small, _HIDDEN_IF[release.published.of])
    yield N_(
        "Hiding does not protect against agencies that put together what they know, or against a "
        "person who knows a case."
    )
    yield from _publishers(release)


def _publishers(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield who else may publish tables of the quarter, because these are not protected."""
    control = release.contract.statistics
    if control is not None and control.published_by is not None:
        yield phrase(
            "Only %(agency)s may publish tables of these figures. Tables of other agencies are not "
            "protected together with this one.",
            agency=control.published_by,
        )
        return
    others = sorted(release.contract.figures_publishers - {release.agency})
    if others:
        yield phrase(
            "Other agencies may publish tables of this quarter too: %(names)s. Their tables are "
            "not protected together with this one.",
            names=", ".join(others),
        )


_REASONS: Final[Mapping[NotCounted, str]] = {
    NotCounted.NOTHING: N_("sent no counts"),
    NotCounted.VOCABULARY: N_("counted under another version of the agreement"),
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
