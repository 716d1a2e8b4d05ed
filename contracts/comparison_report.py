"""Report of a comparison: what discloses more comes first, then what a person must judge.

The same report serves `contract diff` and the pages; `contracts/markup.py` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from contracts.comparison import TermChange
from contracts.comparison_effects import Effect
from contracts.comparison_summary import ChangeSummary, SummaryLine
from contracts.markup import Block, Bullets, Document, Heading, Paragraph

__all__ = ["comparison_document", "disclosure_first"]

_HEADINGS: dict[Effect, tuple[str, str]] = {
    "widens": (
        "Widens",
        "At least one party learns more, for longer, for another purpose, or with less consent.",
    ),
    "both": ("Widens and narrows", "Counts as widening."),
    "unknown": (
        "To be judged by a person",
        "Software cannot judge these words. Until a person has, they count as widening.",
    ),
    "narrows": (
        "Narrows",
        "At least one party learns less, for a shorter time, or with more consent.",
    ),
    "neutral": ("Neither", "No party learns more or less from these changes."),
}
_ORDER: tuple[Effect, ...] = tuple(_HEADINGS)


def disclosure_first(changes: Sequence[TermChange]) -> tuple[TermChange, ...]:
    """Return the changes in the order widens, both, unknown, narrows, neutral.

    Within each, who sends and who reads which field stands before all other terms.
    """
    return tuple(
        sorted(changes, key=lambda one: (_ORDER.index(one.effect), not _of_flow(one.path)))
    )


_FLOW = re.compile(r"event_types\..*(\.fields\.|\.publishers|\.recipients)|consent_by_role")


def _of_flow(path: str) -> bool:
    return _FLOW.match(path) is not None


def comparison_document(
    before: str, after: str, summary: ChangeSummary, party: str | None = None
) -> Document:
    """Return the report of the changes from one version to another.

    Args:
        before: name and number of the older version, and its file's hash.
        after: those of the newer one.
        summary: what changed, from `contracts.comparison_summary.summarise`.
        party: the agency whose changes these are; None for all.
    """
    of = "" if party is None else f" for {party}"
    return Document(f"What changes{of}", tuple(_blocks(before, after, summary, party)))


def _blocks(before: str, after: str, summary: ChangeSummary, party: str | None) -> Iterator[Block]:
    yield Bullets.of(f"From: {before}", f"To: {after}")
    if summary.version is not None:
        yield Paragraph(summary.version.text)
    lines = summary.lines
    widening = sum(line.widening for line in lines)
    if not lines:
        concerned = "" if party is None else f" that concerns {party}"
        yield Paragraph(f"Nothing{concerned} changes.")
        return
    yield Paragraph(
        f"Changes: {len(lines)}. Changes that widen, or that a person must judge: {widening}."
        " A new version binds only when every party has signed it."
    )
    for effect, (heading, meaning) in _HEADINGS.items():
        found = [line for line in lines if line.effect == effect]
        if found:
            yield Heading(f"{heading} ({len(found)})")
            yield Paragraph(meaning)
            yield Bullets(tuple((line.text, _details(line)) for line in found))


def _details(line: SummaryLine) -> tuple[str, ...]:
    places = ", ".join(change.path for change in line.changes)
    place = places if line.clause is None else f"clause {line.clause}, {places}"
    parties = sorted({party for change in line.changes for party in change.parties})
    return (f"At: {place}", f"Concerns: {', '.join(parties) or 'no party is named yet'}")
