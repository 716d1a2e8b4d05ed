"""A release of figures, as it may be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.figures.comparison import Comparison
from broker.figures.completeness import Shortfall
from broker.figures.counting import Period
from broker.figures.counts_held import NotCounted
from broker.figures.tables import Published
from broker.figures.unions.shares import UnionShare
from contracts.model import Contract
from contracts.terms import StatisticalControl
from contracts.vocabulary.figures import Figures


@dataclass(frozen=True, slots=True)
class FiguresRelease:
    """Figures of a quarter, as they may be published.

    Attributes:
        agency: the agency that publishes.
        contract: the agreement.
        parties: those whose counts belong to the quarter, with their role (`parties_of_quarter`).
        figures: by what it counts cases, or referrals.
        control: its disclosure control.
        period: the quarter.
        made_ms: when the release was made.
        ended: whether the quarter has ended.
        published: the cells.
        not_counted: parties whose counts are not in it, with the reason.
        repeated: whether it equals an earlier release.
        union: share of cases that several kinds of agency have seen; None if there is none, or the
            figures are of referrals.
        too_early: for a preview, which is not remembered, why it is not published; empty for a
            release.
        comparisons: last releases of the same table, for the quarter before and the same quarter of
            the year before.
    """

    agency: str
    contract: Contract
    parties: Mapping[str, str]
    figures: Figures
    control: StatisticalControl
    period: Period
    made_ms: int
    ended: bool
    published: Published
    not_counted: Mapping[str, NotCounted]
    repeated: bool
    union: UnionShare | None
    too_early: tuple[Shortfall, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
