"""Sources of a release: the kinds of agency, their shares, and the parties that are missing."""

from __future__ import annotations

from collections.abc import Iterator

from broker.releases.figures_release import FiguresRelease
from broker.releases.table_cells import HIDDEN
from broker.releases.union_share_text import union_in_words
from contracts.phrases import Phrase, joined, phrase, sentences
from contracts.vocabulary.figures import SOURCE


def sources_of(release: FiguresRelease) -> Iterator[dict[str, object]]:
    """Yield each kind of agency that contributes, with its share of the published total."""
    roles: dict[str, list[str]] = {}
    for agency in release.published.contributors:
        if agency in release.parties:
            roles.setdefault(release.parties[agency], []).append(agency)
    for role, agencies in sorted(roles.items()):
        cases = release.published.by_place[((SOURCE, role),)].shown
        yield {
            "source": role,
            "agencies": sorted(agencies),
            release.published.of: cases,
            "share_percent": _percent(cases, release.published.by_place[()].shown),
        }


def _percent(part: int | None, whole: int | None) -> int | None:
    return round(100 * part / whole) if part is not None and whole else None


def _share_in_words(percent: object) -> str:
    return HIDDEN if percent is None else f"{percent} %"


def parties_not_counted(release: FiguresRelease) -> list[str]:
    """Return the parties of the agreement whose counts are not in a release."""
    counted = release.published.contributors
    return [agency for agency in release.parties if agency not in counted]


def sources_in_words(release: FiguresRelease) -> Phrase:
    """Return the sources and their shares in a sentence. Without a case there are no shares."""
    empty = release.published.by_place[()].shown == 0
    shown = [
        label if empty else joined("", (label, " (", _share_in_words(one["share_percent"]), ")"))
        for one in sources_of(release)
        for label in (release.contract.roles[str(one["source"])].rstrip("."),)
    ]
    sources = phrase("Sources: %(sources)s.", sources=joined("; ", shown))
    if release.union is None:
        return sources
    return sentences(sources, union_in_words(release.union, HIDDEN))
