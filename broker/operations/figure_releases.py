"""Releases of figures that this agency made: their list, and one of them again."""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.figures.altered_rows import altered_rows_named
from broker.figures.comparison import comparisons
from broker.figures.counting import Subject, parse_period
from broker.figures.dimension_values import missing_value
from broker.figures.disclosure import BREAKDOWN_DIMENSIONS
from broker.figures.facts import case_figures
from broker.figures.quarter_parties import parties_of_quarter
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.remembered import RememberedReleases
from broker.figures.tables import Published
from broker.figures.unions.shares import held_share
from broker.releases.figures_release import FiguresRelease
from broker.store.database import Store
from broker.store.figure_releases import FigureReleaseRow
from contracts.model import Contract
from contracts.terms import StatisticalControl
from contracts.vocabulary.figures import Figures


@dataclass(frozen=True, slots=True)
class ListedRelease:
    """A release in the list.

    Attributes:
        number: in the order of publication.
        agreement: name of the agreement.
        period: `YYYY-Qn`.
        made_ms: when it was made.
        by: dimensions of its table.
        of: of what its numbers are.
        total: all cases or referrals; None if the number is hidden.
    """

    number: int
    agreement: str
    period: str
    made_ms: int
    by: tuple[str, ...]
    of: Subject
    total: int | None


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """A part of the list, and the number of all releases."""

    releases: tuple[ListedRelease, ...]
    total: int


def list_releases(
    participant: Participant, store: Store, *, most: int, skipped: int = 0
) -> ReleaseList:
    """Return releases of every agreement and quarter, newest first.

    Args:
        participant: this agency.
        store: its state.
        most: largest number of them.
        skipped: number of newer ones that are left out.

    Raises:
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
    """
    secret = participant.keyring.secret()
    with store.reading() as tx, altered_rows_named():
        rows = tx.figure_releases.page(most, skipped)
        found = tuple(_listed(row, RememberedReleases.opened(tx, secret, row)) for row in rows)
        return ReleaseList(found, tx.figure_releases.size())


def releases_of_quarter(
    participant: Participant, store: Store, agreement: str, period: str
) -> tuple[ListedRelease, ...]:
    """Return every release of an agreement and a quarter, newest first.

    Args:
        participant: this agency.
        store: its state.
        agreement: its name.
        period: `YYYY-Qn`.

    Raises:
        StoreError, KeyAccessError: as `list_releases`.
    """
    secret = participant.keyring.secret()
    with store.reading() as tx, altered_rows_named():
        rows = tx.figure_releases.of(agreement, period)
        found = [_listed(row, RememberedReleases.opened(tx, secret, row)) for row in rows]
    return tuple(reversed(found))


def read_release(participant: Participant, store: Store, number: int) -> FiguresRelease | None:
    """Return a release as it was made, with the share of several as it is known now.

    Its limits are those of its cells, and it is compared with releases that were made before it.

    Args:
        participant: this agency.
        store: its state.
        number: as the list has it.

    Returns:
        None if no release has this number, or no agreement here has its values.

    Raises:
        StoreError, KeyAccessError: as `list_releases`.
    """
    secret = participant.keyring.secret()
    with store.reading() as tx, altered_rows_named():
        row = tx.figure_releases.get(number)
        if row is None:
            return None
        published = RememberedReleases.opened(tx, secret, row)
    terms = _terms_of(participant, row.agreement, published)
    if terms is None:
        return None
    contract, figures, control = terms
    period = parse_period(row.period)
    with store.reading() as tx, altered_rows_named():
        cases = published.of == "cases"
        asked = (tx, secret, contract, period.name, participant.manifests)
        union = held_share(*asked) if cases else None
        compared = comparisons(tx, secret, row.agreement, row.period, published, row.number)
    return FiguresRelease(
        agency=participant.agency,
        contract=contract,
        parties=parties_of_quarter(participant.contracts, contract, period),
        figures=figures,
        control=_control_of(published, control, figures),
        period=period,
        made_ms=row.made_ms,
        ended=period.end_ms <= row.made_ms,
        published=published,
        not_counted=published.not_counted,
        repeated=False,
        union=union,
        comparisons=compared,
    )


def release_number(participant: Participant, store: Store, release: FiguresRelease) -> int | None:
    """Return the number of a release; None if the state does not have it.

    Raises:
        StoreError, KeyAccessError: as `list_releases`.
    """
    secret = participant.keyring.secret()
    wanted = release.contract.name, release.period.name
    with store.reading() as tx, altered_rows_named():
        for row in tx.figure_releases.page(tx.figure_releases.size(), 0):
            same = (row.agreement, row.period) == wanted
            if same and RememberedReleases.opened(tx, secret, row) == release.published:
                return row.number
    return None


def _listed(row: FigureReleaseRow, published: Published) -> ListedRelease:
    return ListedRelease(
        row.number,
        row.agreement,
        row.period,
        row.made_ms,
        published.by,
        published.of,
        published.by_place[()].shown,
    )


def _terms_of(
    participant: Participant, agreement: str, published: Published
) -> tuple[Contract, Figures, StatisticalControl] | None:
    """Return the newest version of an agreement whose vocabulary has every value of a release.

    A version that some party has not signed comes last.
    """
    newest_first = reversed(participant.contracts.trusted())
    for signed in sorted(newest_first, key=lambda one: bool(one.missing)):
        contract = signed.contract
        figures, control = case_figures(contract), contract.statistics
        if contract.name != agreement or figures is None or control is None:
            continue
        if published.of == "referrals":
            referrals = counted_referrals(contract)
            if referrals is None:
                continue
            figures = referrals[0]
        if missing_value(published.values, contract, figures) is None:
            return contract, figures, control
    return None


def _control_of(
    published: Published, control: StatisticalControl, figures: Figures
) -> StatisticalControl:
    """Return the disclosure control with the limits by which a release was made."""
    total = published.by_place[()].threshold
    limits = {"round_to": published.round_to, "suppress_below": total}
    for one in published.figures:
        if len(one.where) >= BREAKDOWN_DIMENSIONS:
            limits["suppress_breakdown_below"] = one.threshold
        elif figures.area_dimensions.isdisjoint(name for name, _ in one.where):
            continue
        elif control.suppress_area_below is not None or one.threshold != total:
            limits["suppress_area_below"] = one.threshold
    return control.model_copy(update=limits)
