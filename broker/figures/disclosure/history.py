"""Earlier releases: what they showed, and which of their figures a release repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.figures.disclosure.model import Figure, Release
from broker.figures.disclosure.rounding import rounded, rounding_interval

__all__ = ["EarlierFigure", "earlier_figures", "repeated_figure"]


@dataclass(frozen=True, slots=True)
class EarlierFigure:
    """A figure of an earlier release.

    Attributes:
        figure: the figure.
        round_to: base of its release.
        latest: whether no later release has a figure of the same cell.
    """

    figure: Figure
    round_to: int
    latest: bool

    @property
    def interval(self) -> tuple[int, int]:
        """Smallest and largest count that the shown figure allows.

        Raises:
            ValueError: The figure is hidden.
        """
        if self.figure.shown is None:
            raise ValueError(f"The figure {self.figure.cell.key!r} is hidden.")
        return rounding_interval(self.figure.shown, self.round_to)


def earlier_figures(releases: Sequence[Release]) -> list[EarlierFigure]:
    """The figures of releases, oldest release first.

    A figure that a later release repeats is named once, with the latest release that has it: work
    grows with what was published, and not with how often.
    """
    newest: dict[str, int] = {}
    found: dict[tuple[object, ...], tuple[int, Figure, int]] = {}
    for position, release in enumerate(releases):
        for figure in release.figures:
            newest[figure.cell.key] = position
            counts = tuple(sorted(figure.by_contributor.items()))
            name = (figure.cell, figure.shown, figure.mark, release.round_to, counts)
            found.pop(name, None)
            found[name] = (position, figure, release.round_to)
    return [
        EarlierFigure(figure, round_to, newest[figure.cell.key] == position)
        for position, figure, round_to in found.values()
    ]


def repeated_figure(
    earlier: Sequence[EarlierFigure], now: Mapping[str, int], round_to: int
) -> EarlierFigure | None:
    """The earlier figure of a cell that a release must repeat; None if it may show a new one.

    A hidden figure stays hidden. A new figure must differ enough from every earlier one, also from
    those that were replaced since: a count that returns to nearly an earlier one repeats that one.

    Args:
        earlier: the figures of the cell, oldest first.
        now: the count of each contributor now.
        round_to: base to which a new figure would be rounded.
    """
    if earlier and earlier[-1].figure.shown is None:
        return earlier[-1]
    for one in reversed(earlier):
        if one.figure.shown is None:
            continue
        if one.figure.by_contributor == now or not _may_replace(one, now, round_to):
            return one
    return None


def _may_replace(earlier: EarlierFigure, now: Mapping[str, int], round_to: int) -> bool:
    """Decide whether a release may show the changed count of a cell that an earlier release showed.

    The change must not be small for the public, or for any contributor, who knows its own part of
    it. Published figures decide and not the exact change, so that the decision tells no more than
    they do. A contributor that made the whole change itself learns nothing of others.

    Args:
        earlier: the shown figure.
        now: the count of each contributor now.
        round_to: base to which the new figure would be rounded.
    """
    before, threshold = earlier.figure.by_contributor, earlier.figure.cell.threshold
    low, high = earlier.interval
    total = sum(now.values())
    new_low, new_high = rounding_interval(rounded(total, round_to), round_to)

    def large(mine: int) -> bool:
        return new_low - high - mine >= threshold or new_high - low - mine <= -threshold

    changes = [now.get(name, 0) - before.get(name, 0) for name in {*now, *before}]
    whole = total - earlier.figure.total
    return large(0) and all(large(mine) or mine == whole for mine in changes)
