"""Releases of figures that this agency made: their list, and one of them again."""

from __future__ import annotations

from dataclasses import dataclass

from broker.agency.participant import Participant
from broker.figures.altered_rows import altered_rows_named
from broker.figures.combined import table_dimensions
from broker.figures.comparison import comparisons
from broker.figures.counting import Subject, parse_period
from broker.figures.facts import counts
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.remembered import RememberedReleases
from broker.figures.tables import Published, values_of
from broker.figures.unions.shares import held_share
from broker.operations.figures import FiguresRelease
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
        SealBroken: a release in the state was changed.
    """
    secret = participant.keyring.secret()
    with store.reading() as tx:
        rows = tx.figure_releases.page(most, skipped)
        found = tuple(_listed(row, RememberedReleases.opened(tx, secret, row)) for row in rows)
        return ReleaseList(found, tx.figure_releases.size())


def read_release(participant: Participant, store: Store, number: int) -> FiguresRelease | None:
    """Return a release as it was made, with the share of several as it is known now.

    Args:
        participant: this agency.
        store: its state.
        number: as the list has it.

    Returns:
        None if no release has this number, or no agreement here has its values.

    Raises:
        StoreError, KeyAccessError, SealBroken: as `list_releases`.
    """
    secret = participant.keyring.secret()
    with store.reading() as tx:
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
        union = held_share(tx, secret, contract, period.name) if cases else None
        compared = comparisons(tx, secret, row.agreement, row.period, published)
    return FiguresRelease(
        agency=participant.agency,
        contract=contract,
        figures=figures,
        control=control,
        period=period,
        made_ms=row.made_ms,
        ended=period.end_ms <= row.made_ms,
        published=published,
        not_counted={},
        repeated=False,
        union=union,
        comparisons=compared,
    )


def number_of(participant: Participant, store: Store, release: FiguresRelease) -> int | None:
    """Return the number of a release; None if the state does not have it."""
    secret = participant.keyring.secret()
    wanted = release.contract.name, release.period.name
    with store.reading() as tx:
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
    """Return the newest version of an agreement whose vocabulary has every value of a release."""
    for signed in reversed(participant.contracts.trusted()):
        contract = signed.contract
        figures, control = counts(contract), contract.statistics
        if contract.name != agreement or figures is None or control is None:
            continue
        if published.of == "referrals":
            referrals = counted_referrals(contract)
            if referrals is None:
                continue
            figures = referrals[0]
        if _has_every_value(published, contract, figures):
            return contract, figures, control
    return None


def _has_every_value(published: Published, contract: Contract, figures: Figures) -> bool:
    if not set(published.by) <= set(table_dimensions(figures)):
        return False
    known = {name: values_of(name, contract, figures) for name in published.by}
    return all(
        value in known[name]
        for figure in published.figures
        for name, value in figure.where
        if name in known
    )
