"""Figures of a quarter: counting, disclosure control, and the memory of what was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.errors import WrongInputError
from broker.figures.altered_rows import altered_rows_named
from broker.figures.combined import table_dimensions
from broker.figures.comparison import comparisons
from broker.figures.completeness import Shortfall
from broker.figures.counting import Period, Subject, parse_period
from broker.figures.counts_held import NotCounted
from broker.figures.disclosure import TooLargeError, UnprotectedError
from broker.figures.facts import case_figures
from broker.figures.quarter_parties import parties_of_quarter
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.remembered import RememberedReleases
from broker.figures.tables import Published, ValueGoneError, publish
from broker.figures.unions.shares import held_share
from broker.operations.figure_counts import read_quarter_counts
from broker.operations.figure_publishers import require_publisher
from broker.releases.figures_release import FiguresRelease
from broker.store.database import Store
from contracts.model import Contract
from contracts.names import require_known
from contracts.terms import StatisticalControl
from contracts.vocabulary.figures import Figures

MOST_DIMENSIONS = 3
"""Most dimensions of one table."""
_FIX = (
    "If there are several agreements, name one with --contract NAME. If no agreement lets you "
    "count, agree a version with a purpose of the kind statistics that your role pursues, a "
    "section statistics, and a vocabulary with figures."
)


def release_figures(
    agency: Path,
    period: str,
    by: Sequence[str],
    now: int,
    name: str | None = None,
    of: Subject = "cases",
    *,
    incomplete: bool = False,
) -> FiguresRelease:
    """Make a release of figures, and remember it; a table that is too early is a preview.

    Later releases of the quarter show nothing from which a number follows that an earlier one
    hides. So every release counts as published, also if its reader keeps it. A preview is not
    remembered (docs/spec/figures.md, "Too early").

    Args:
        agency: its folder.
        period: `YYYY-Qn`.
        by: names of dimensions.
        now: ms.
        name: name of the agreement; None if there is only one with a purpose of statistics.
        of: of what the figures are.
        incomplete: whether to publish although the quarter runs, an agency is not counted, or
            nothing is counted.

    Raises:
        NotPublishedError: `figures_published_elsewhere`.
        WrongInputError: `period_malformed`, `period_ahead`, `dimensions_wrong`,
            `statistics_missing`, `referrals_not_counted`, `figures_unprotected`,
            `figures_too_large`.
        UnknownNameError: `dimension_unknown`, `contract_unknown`.
        StoreError: `state_missing`, or the state cannot be used.
        RegistryError: no agreement is in force.
    """
    quarter = parse_period(period)
    if quarter.first_ms > now:
        raise WrongInputError(
            f"The quarter {quarter.name} has not begun.",
            code="period_ahead",
            where="--period",
            fix="Name a quarter that has begun.",
        )
    participant = load_participant(agency, now)
    contract, figures, control = _counted(participant, name, now)
    require_publisher(contract, participant.agency)
    figures = figures_of(contract, figures, of)
    _check_dimensions(by, figures)
    store = open_held_state(participant)
    try:
        with altered_rows_named():
            made = _published(
                store, participant, contract, figures, quarter, tuple(by), of, now, incomplete
            )
            secret = participant.keyring.secret()
            with store.reading() as tx:
                asked = (tx, secret, contract, quarter.name, participant.manifests)
                union = held_share(*asked) if of == "cases" else None
                compared = comparisons(tx, secret, contract.name, quarter.name, made.published)
    finally:
        store.close()
    return FiguresRelease(
        agency=participant.agency,
        contract=contract,
        parties=parties_of_quarter(participant.contracts, contract, quarter),
        figures=figures,
        control=control,
        period=quarter,
        made_ms=now,
        ended=quarter.end_ms <= now,
        published=made.published,
        not_counted=made.not_counted,
        too_early=made.too_early,
        repeated=made.repeated,
        union=union,
        comparisons=compared,
    )


def figures_of(contract: Contract, cases: Figures, of: Subject) -> Figures:
    """Return by what an agreement counts cases, or referrals.

    Args:
        contract: the agreement.
        cases: by what it counts cases.
        of: which of both.

    Raises:
        WrongInputError: `referrals_not_counted`.
    """
    if of == "cases":
        return cases
    counted = counted_referrals(contract)
    if counted is None:
        raise WrongInputError(
            f"The agreement {contract.name} does not let referrals be counted for statistics.",
            code="referrals_not_counted",
            where="--of",
            fix="Ask for cases, or agree that the status of a referral may be used for statistics.",
        )
    return counted[0]


def counted_agreements(
    participant: Participant, now: int
) -> Mapping[str, tuple[Contract, Figures, StatisticalControl]]:
    """Return the agreements in force with a statistics purpose that this agency pursues, by name.

    Args:
        participant: this agency.
        now: ms.

    Raises:
        RegistryError: no agreement is in force.
    """
    found: dict[str, tuple[Contract, Figures, StatisticalControl]] = {}
    for one in participant.contracts_in_force(now):
        contract = one.signed.contract
        figures, control = case_figures(contract), contract.statistics
        pursues = participant.agency in contract.statistics_parties
        if figures is not None and control is not None and pursues:
            found[contract.name] = contract, figures, control
    return found


def _counted(
    participant: Participant, name: str | None, now: int
) -> tuple[Contract, Figures, StatisticalControl]:
    """Return the agreement that a release is made under."""
    found = counted_agreements(participant, now)
    if name is not None:
        names = [one.signed.contract.name for one in participant.contracts_in_force(now)]
        require_known("agreement", name, names, code="contract_unknown")
    wanted = found if name is None else {name: found[name]} if name in found else {}
    if len(wanted) == 1:
        return next(iter(wanted.values()))
    if wanted:
        raise WrongInputError(
            f"Several agreements let this agency count for statistics: {', '.join(sorted(found))}.",
            code="statistics_missing",
            where="--contract",
            fix=_FIX,
        )
    raise WrongInputError(
        "No agreement in force lets this agency count cases for statistics.",
        code="statistics_missing",
        where="--contract",
        fix=_FIX,
    )


def _check_dimensions(by: Sequence[str], figures: Figures) -> None:
    for one in by:
        require_known("dimension", one, table_dimensions(figures), code="dimension_unknown")
    if not by or len(set(by)) != len(by) or len(by) > MOST_DIMENSIONS:
        raise WrongInputError(
            f"A table has 1 to {MOST_DIMENSIONS} dimensions, each once. There are: "
            f"{', '.join(sorted(table_dimensions(figures)))}.",
            code="dimensions_wrong",
            where="--by",
            fix="Name one to three different ones with a comma between: --by ONE,OTHER.",
        )


@dataclass(frozen=True, slots=True)
class _Made:
    published: Published
    not_counted: Mapping[str, NotCounted]
    repeated: bool = False
    too_early: tuple[Shortfall, ...] = ()


def _published(
    store: Store,
    participant: Participant,
    contract: Contract,
    figures: Figures,
    period: Period,
    by: tuple[str, ...],
    of: Subject,
    now: int,
    incomplete: bool,
) -> _Made:
    """Return a release of all counts that are held; a new one is remembered, unless too early.

    The state is not locked while the release is computed. If another release was made meanwhile,
    it is computed again.
    """
    control = contract.statistics
    assert control is not None
    secret = participant.keyring.secret()
    while True:
        with store.reading() as tx:
            all_earlier = RememberedReleases(tx, secret, contract.name, period.name).all()
            counts_now = read_quarter_counts(tx, participant, contract, period)
        earlier = [one for one in all_earlier if one.of == of]
        try:
            release = publish(counts_now.counted, contract, figures, control, by, earlier, of)
        except ValueGoneError as gone:
            raise WrongInputError(
                "This table was not made. An earlier table of the quarter has the value "
                f"{gone.value} of {gone.dimension}, which the vocabulary no longer has. So the two "
                "tables cannot be protected together.",
                code="figures_unprotected",
                where="--contract",
                fix="Agree a version whose vocabulary has this value again, or publish no more "
                "tables of the quarter.",
            ) from gone
        except TooLargeError as error:
            raise WrongInputError(
                "This table was not made. With the tables of this quarter that were made before it "
                "is too large: to find the numbers that must be hidden would take too long.",
                code="figures_too_large",
                where="--by",
                fix="Name fewer dimensions, or dimensions with fewer values.",
            ) from error
        except UnprotectedError as error:
            raise WrongInputError(
                "This table was not made. A small number could be worked out from it and the "
                "tables of this quarter that were made before, whatever it hides.",
                code="figures_unprotected",
                where="--by",
                fix="Name fewer dimensions, or those of an earlier table of the quarter.",
            ) from error
        release = replace(release, not_counted=counts_now.not_counted)
        if release in earlier:
            return _Made(release, counts_now.not_counted, repeated=True)
        too_early = counts_now.shortfalls(period, of, now)
        if too_early and not incomplete:
            return _Made(release, counts_now.not_counted, too_early=too_early)
        with store.transaction() as tx:
            remembered = RememberedReleases(tx, secret, contract.name, period.name)
            if len(remembered.all()) == len(all_earlier):
                remembered.add(release, now)
                return _Made(release, counts_now.not_counted)
