"""Page: one release of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from adapters.web.figures.chosen import READERS, chosen_release, quarter_in_words
from adapters.web.figures.release_changes import changes_since_earlier
from adapters.web.figures.release_files import stem_of
from adapters.web.figures.release_plot import plot_of
from adapters.web.figures.release_table import is_small, table_of, tables_of
from adapters.web.pages import PageRoute
from adapters.web.visit import Visit
from broker.figures.tables import WITHOUT_CONSENT, label_of
from broker.operations.figure_publishers import publishers_at
from broker.releases.figures_release import FiguresRelease
from broker.releases.referral_text import times_in_words
from broker.releases.release_notes import notes_of
from broker.releases.release_sources import sources_in_words
from contracts.vocabulary.figures import SOURCE


def release(visit: Visit) -> Response:
    """Show a release: table, plot, sources, and what the numbers do not say."""
    number, found = chosen_release(visit)
    tables = tables_of(found)
    others = [SOURCE] if found.figures.recording is None else [SOURCE, found.figures.recording]
    return replace(visit, route="/figures").page(
        "figures/release.html",
        number=number,
        release=found,
        quarter=quarter_in_words(found.period),
        by=[label_of(one, found.figures) for one in found.published.by],
        tables=tables,
        plot=plot_of(tables.main),
        sources=sources_in_words(found),
        margins=[table_of(found, one) for one in others if one not in found.published.by],
        without_consent=found.published.by_place[WITHOUT_CONSENT],
        changes=changes_since_earlier(found, tables.main),
        times=list(times_in_words(found)) if found.published.of == "referrals" else [],
        notes=list(notes_of(found)),
        is_small=is_small,
        stem=stem_of(found),
        publishers=_publishers_elsewhere(visit, found),
    )


def _publishers_elsewhere(visit: Visit, found: FiguresRelease) -> Sequence[str] | None:
    """Return the names of the agencies that may publish now; None if this one may."""
    agency = visit.agency
    participant = agency.participant()
    publishers = publishers_at(participant, found.contract.name, agency.clock())
    if publishers is None or participant.agency in publishers:
        return None
    return [agency.name_of(one) for one in sorted(publishers)]


PAGES: Final[Sequence[PageRoute]] = (PageRoute("GET", "/figures/{number}", READERS, release),)
