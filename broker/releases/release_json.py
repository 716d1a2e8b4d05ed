"""Release of figures as JSON (docs/spec/figures.md, "Releases")."""

from __future__ import annotations

from broker.figures.tables import WITHOUT_CONSENT, PublishedFigure
from broker.releases.figures_release import FiguresRelease
from broker.releases.quarter_changes import changes_json
from broker.releases.referral_text import times_json
from broker.releases.release_notes import notes_of
from broker.releases.release_sources import parties_not_counted, sources_in_words, sources_of
from broker.releases.table_cells import factors_of, table_cells
from broker.releases.union_share_text import union_json
from broker.utc_text import day


def json_of(release: FiguresRelease) -> dict[str, object]:
    """Return the release as JSON (docs/spec/figures.md, "Releases")."""
    published = release.published
    table = {one.where for one in table_cells(release)}
    totals = {(), WITHOUT_CONSENT}
    of, whole = published.of, published.by_place[()]
    limit = release.control.suppress_below
    members: dict[str, object] = {
        "period": release.period.name,
        "period_ended": release.ended,
        "agreement": release.contract.name,
        "published_by": release.agency,
        "publishers": sorted(release.contract.figures_publishers),
        "made": day(release.made_ms),
        "counted": of,
        "by": list(published.by),
        "threshold": limit,
        "breakdown_threshold": release.control.suppress_breakdown_below,
        "area_threshold": max(release.control.suppress_area_below or 0, limit),
        "round_to": published.round_to,
        "sources": list(sources_of(release)),
        "coverage": sources_in_words(release),
        "seen_by_several": union_json(release.union),
        "agencies_not_counted": parties_not_counted(release),
        "not_counted": {
            agency: reason.value for agency, reason in sorted(release.not_counted.items())
        },
        "counts": dict(published.contributors),
        "compared_with": [
            {
                "period": one.period,
                "released": one.earlier is not None,
                **({} if one.earlier is None else {"made": day(one.made_ms)}),
            }
            for one in release.comparisons
        ],
        "cells": [_cell(release, one) for one in published.figures if one.where in table],
        "margins": [
            _cell(release, one) for one in published.figures if one.where not in table | totals
        ],
        "totals": {
            of: whole.shown,
            "without_consent": published.by_place[WITHOUT_CONSENT].shown,
            **({"factors": factors} if (factors := factors_of(release)) else {}),
            **({"compared": changes} if (changes := changes_json(release, whole)) else {}),
        },
        "notes": list(notes_of(release)),
    }
    if release.too_early:
        members["preview"] = list(release.too_early)
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
