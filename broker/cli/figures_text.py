"""Figures of a release as JSON, table, CSV with its metadata, and notes in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from broker.cli.figures_comparison import (
    change_columns,
    changes_json,
    changes_of,
    comparison_notes,
)
from broker.cli.figures_union import union_in_words, union_json, union_notes
from broker.cli.output import Row, plain_table
from broker.cli.referral_figures_text import limits_of_referrals, times_in_words, times_json
from broker.cli.times import day
from broker.figures.combined import base_of
from broker.figures.counting import Subject
from broker.figures.counts_held import NotCounted
from broker.figures.tables import WITHOUT_CONSENT, PublishedFigure, label_of, values_of
from broker.operations.figures import FiguresRelease
from contracts.csv_text import csv_text
from contracts.phrases import N_, Phrase, joined, phrase, sentences
from contracts.vocabulary.figures import SOURCE

HIDDEN = N_("hidden")
"""Text of a hidden number in a table for people."""


def table_of(release: FiguresRelease) -> tuple[PublishedFigure, ...]:
    """Return the cells that fix a value of each dimension of the table, without its margins."""
    by = set(release.published.by)
    return tuple(one for one in release.published.figures if {n for n, _ in one.where} == by)


def labels_of(release: FiguresRelease, figure: PublishedFigure) -> tuple[str, ...]:
    """Return the values of a cell in words, in the order of the table's dimensions."""
    places = dict(figure.where)
    return tuple(
        values_of(name, release.contract, release.figures)[places[name]]
        for name in release.published.by
    )


def heading_of(release: FiguresRelease) -> str:
    """Return the title of the table."""
    by = " and ".join(label_of(name, release.figures).lower() for name in release.published.by)
    return f"{release.published.of.capitalize()} of {release.period.name} by {by}"


def columns_of(release: FiguresRelease) -> Row:
    """Return the headings of the table's columns."""
    return (
        *(label_of(name, release.figures) for name in release.published.by),
        release.published.of,
        *change_columns(release),
    )


def rows_of(release: FiguresRelease) -> Iterator[Row]:
    """Yield the rows of the table that have cases or are hidden, the total last."""
    for one in table_of(release):
        if one.shown != 0:
            yield (*labels_of(release, one), number_of(one), *changes_of(release, one))
    blank = [""] * (len(release.published.by) - 1)
    total = _at(release)
    yield (f"All {release.published.of}", *blank, number_of(total), *changes_of(release, total))
    unknown = [""] * len(change_columns(release))
    for name, number in factors_of(release).items():
        yield (
            f"All values of {label_of(name, release.figures).lower()}",
            *blank,
            HIDDEN if number is None else f"{number:,}",
            *unknown,
        )


def factors_of(release: FiguresRelease) -> Mapping[str, int | None]:
    """Return the values of each dimension of the table with several ones, over all cases."""
    return {
        name: release.published.factors(name)
        for name in release.published.by
        if base_of(name, release.figures) is None and _several(release, name)
    }


def text_of(release: FiguresRelease) -> str:
    """Return the table with its sources and notes."""
    heading = f"{heading_of(release)}, published by {release.agency}"
    table = plain_table(columns_of(release), list(rows_of(release)))
    times = times_in_words(release)
    notes = (f"- {one}" for one in notes_of(release))
    return "\n".join((heading, "", table, *times, sources_in_words(release), *notes))


def number_of(figure: PublishedFigure) -> str:
    """Return a number for people."""
    return HIDDEN if figure.shown is None else f"{figure.shown:,}"


def _at(release: FiguresRelease, *where: tuple[str, str]) -> PublishedFigure:
    return release.published.by_place[where]


def json_of(release: FiguresRelease) -> dict[str, object]:
    """Return the release as JSON (docs/spec/figures.md, "Releases")."""
    published = release.published
    table = {one.where for one in table_of(release)}
    totals = {(), WITHOUT_CONSENT}
    of = published.of
    members: dict[str, object] = {
        "period": release.period.name,
        "period_ended": release.ended,
        "agreement": release.contract.name,
        "published_by": release.agency,
        "made": day(release.made_ms),
        "counted": of,
        "by": list(published.by),
        "threshold": release.control.suppress_below,
        "breakdown_threshold": release.control.suppress_breakdown_below,
        "round_to": published.round_to,
        "sources": list(_sources(release)),
        "coverage": sources_in_words(release),
        "seen_by_several": union_json(release.union),
        "agencies_not_counted": _not_counted(release),
        "not_counted": {
            agency: reason.value for agency, reason in sorted(release.not_counted.items())
        },
        "counts": dict(published.contributors),
        "compared_with": [
            {"period": one.period, "released": one.earlier is not None}
            for one in release.comparisons
        ],
        "cells": [_cell(release, one) for one in published.figures if one.where in table],
        "margins": [
            _cell(release, one) for one in published.figures if one.where not in table | totals
        ],
        "totals": {
            of: _at(release).shown,
            "without_consent": _at(release, *WITHOUT_CONSENT).shown,
            **({"factors": factors} if (factors := factors_of(release)) else {}),
            **({"compared": changes} if (changes := changes_json(release, _at(release))) else {}),
        },
        "notes": list(notes_of(release)),
    }
    if of == "referrals":
        members["times"] = list(times_json(release))
    return members


def _cell(release: FiguresRelease, figure: PublishedFigure) -> dict[str, object]:
    cell: dict[str, object] = {"by": dict(figure.where), release.published.of: figure.shown}
    if figure.mark is not None:
        cell["suppressed"] = figure.mark.value
    if figure.kept:
        cell["kept"] = True
    changes = changes_json(release, figure)
    if changes:
        cell["compared"] = changes
    return cell


def _sources(release: FiguresRelease) -> Iterator[dict[str, object]]:
    """Yield each kind of agency that contributes, with its share of the published total."""
    roles: dict[str, list[str]] = {}
    for agency in release.published.contributors:
        party = release.contract.party(agency)
        if party is not None:
            roles.setdefault(party.role, []).append(agency)
    for role, agencies in sorted(roles.items()):
        cases = _at(release, (SOURCE, role)).shown
        yield {
            "source": role,
            "agencies": sorted(agencies),
            release.published.of: cases,
            "share_percent": _percent(cases, _at(release).shown),
        }


def _percent(part: int | None, whole: int | None) -> int | None:
    return round(100 * part / whole) if part is not None and whole else None


def _not_counted(release: FiguresRelease) -> list[str]:
    counted = release.published.contributors
    return [agency for agency in release.contract.contributors if agency not in counted]


def sources_in_words(release: FiguresRelease) -> Phrase:
    """Return the sources and their shares in a sentence."""
    shown = [
        joined(
            ": ",
            (
                release.contract.roles[str(one["source"])].rstrip("."),
                HIDDEN if one["share_percent"] is None else f"{one['share_percent']} %",
            ),
        )
        for one in _sources(release)
    ]
    sources = phrase("Sources: %(sources)s.", sources=joined("; ", shown))
    if release.union is None:
        return sources
    return sentences(sources, union_in_words(release.union, HIDDEN))


def notes_of(release: FiguresRelease) -> Iterator[Phrase]:
    """Yield sentences about completeness, limits and bias, for a reader without statistics."""
    of = release.published.of
    yield from _coverage(release)
    if release.union is not None:
        yield from union_notes(release.union)
    if not release.ended:
        yield _NOT_ENDED[of]
    yield from _limits_of_cases(release) if of == "cases" else limits_of_referrals(release)
    if any(name != SOURCE and _several(release, name) for name in release.published.by):
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
    smallest = max(one.threshold for one in table_of(release))
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
    yield N_("Two cases of one victim are two cases, because cases are not joined by person.")


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
    missing = _not_counted(release)
    if not missing:
        yield N_("All agencies of the agreement are counted.")
        return
    for reason, words in _REASONS.items():
        agencies = [one for one in missing if release.not_counted.get(one) is reason]
        if agencies:
            yield phrase(
                "Not counted, because they %(reason)s: %(agencies)s.",
                reason=words,
                agencies=", ".join(agencies),
            )
    others = [one for one in missing if one not in release.not_counted]
    if others:
        yield phrase("Not counted: %(agencies)s.", agencies=", ".join(others))
    yield _PART[of]


def _several(release: FiguresRelease, name: str) -> bool:
    dimension = release.figures.dimensions.get(base_of(name, release.figures) or name)
    return dimension is not None and dimension.several


def csv_of(release: FiguresRelease) -> str:
    """Return every cell of the table as CSV: the codes, the labels, the number, the reason."""
    by = release.published.by
    columns = (*by, *(f"{name}_label" for name in by), release.published.of, "suppressed")
    return csv_text(columns, _csv_rows(release))


def _csv_rows(release: FiguresRelease) -> Iterator[Sequence[str]]:
    for one in table_of(release):
        places = dict(one.where)
        yield (
            *(places[name] for name in release.published.by),
            *labels_of(release, one),
            "" if one.shown is None else str(one.shown),
            "" if one.mark is None else one.mark.value,
        )


def csv_metadata(release: FiguresRelease, name: str) -> Mapping[str, object]:
    """Return the CSV on the Web metadata of a file with ``csv_of`` (W3C, tabular metadata)."""
    by = release.published.by
    columns: list[dict[str, object]] = [
        {"name": one, "titles": one, "dc:description": label_of(one, release.figures)} for one in by
    ]
    columns += [{"name": f"{one}_label", "titles": f"{one}_label"} for one in by]
    of = release.published.of
    columns.append({"name": of, "titles": of, "datatype": {"base": "integer", "minimum": 0}})
    columns.append({"name": "suppressed", "titles": "suppressed"})
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "url": name,
        "dc:title": heading_of(release),
        "dc:publisher": release.agency,
        "dc:created": day(release.made_ms),
        "rdfs:comment": [sources_in_words(release), *notes_of(release)],
        "tableSchema": {"columns": columns, "primaryKey": list(by)},
    }
