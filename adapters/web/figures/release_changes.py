"""Changes of a release since the tables of earlier quarters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.web.figures.chosen import quarter_in_words
from adapters.web.figures.release_table import ReleaseTable
from broker.figures.counting import parse_period
from broker.figures.tables import PublishedFigure
from broker.releases.figures_release import FiguresRelease
from broker.releases.quarter_changes import changes_of, compared
from contracts.phrases import Phrase


@dataclass(frozen=True, slots=True)
class EarlierTable:
    """The last table of an earlier quarter by the same dimensions.

    Attributes:
        quarter: its quarter in words.
        number: in the list of releases.
        made_ms: when it was published.
    """

    quarter: Phrase
    number: int
    made_ms: int


@dataclass(frozen=True, slots=True)
class ChangedLine:
    """One row.

    Attributes:
        label: its value in words; empty for the total.
        figure: its number.
        changes: for each earlier table, the change since then.
    """

    label: str
    figure: PublishedFigure
    changes: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReleaseChanges:
    """Numbers of a release with their changes.

    Attributes:
        earlier: the earlier tables; empty if there are none.
        lines: the totals of the table's rows, and the total of the table.
    """

    earlier: Sequence[EarlierTable]
    lines: Sequence[ChangedLine]


def changes_since_earlier(release: FiguresRelease, table: ReleaseTable) -> ReleaseChanges:
    """Return what changed since the quarter before, and since the year before.

    Args:
        release: the release.
        table: its main table.
    """
    totals = [*((line.label, line.total) for line in table.lines), ("", table.total)]
    return ReleaseChanges(
        [
            EarlierTable(quarter_in_words(parse_period(one.period)), one.number, one.made_ms)
            for one in compared(release)
        ],
        [ChangedLine(label, total, changes_of(release, total)) for label, total in totals],
    )
