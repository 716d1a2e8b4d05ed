"""Counts for figures between agencies in memory: five agencies of the London agreement."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from adapters.trial_agencies import london_agencies
from broker.figures.counting import CountsOf, ReferralCounts, count, dimension_names, quarter_of
from broker.figures.counts_content import packed
from broker.figures.referral_dimensions import counted_referrals
from broker.statements.counts_statement import COUNTS
from broker.statements.partner_statements import StatementPlace, seal_statement
from contracts.loading import shipped_terms
from contracts.vocabulary.figures import NOT_STATED, SOURCE, Figures
from tests.support.founded_partnership import NOW, FoundedPartnership, found_with

POLICE, COUNCIL, CPS = "csu-camden", "council-camden", "cps-london"
CHARITY, CENTRE = "haven-support", "lantern-centre"
PERIOD = quarter_of(NOW).name


def founded_town(*pursued_by: str) -> FoundedPartnership:
    """A new partnership of these agencies; these roles pursue statistics, or all of them."""
    plans = {plan.id: plan for plan in london_agencies()}
    kind = "    kind: statistics\n"
    roles = f"    pursued_by: [{', '.join(pursued_by)}]\n" if pursued_by else ""
    terms = shipped_terms("london-hate-crime").replace(kind, kind + roles)
    return found_with([plans[one] for one in (POLICE, COUNCIL, CPS, CHARITY, CENTRE)], terms)


def figures_of(world: FoundedPartnership) -> Figures:
    """Dimensions and rules of the agreement."""
    figures = world.contract.vocabulary.figures
    assert figures is not None
    return figures


def counts_of(
    world: FoundedPartnership,
    agency: str = CHARITY,
    cases: Sequence[tuple[str, ...]] = (("race",),),
    *,
    period: str = PERIOD,
    vocabulary: str = "",
    without: int = 0,
    **values: str,
) -> CountsOf:
    """Counts of an agency.

    Args:
        world: whose agreement.
        agency: which counted.
        cases: strands of each case.
        period: the quarter.
        vocabulary: another hash than that of the agreement.
        without: cases without consent.
        values: dimension to its value in each case; the others are not stated.
    """
    names = dimension_names(figures_of(world))
    role = world.contract.role_of[agency]
    given = dict.fromkeys(names, (NOT_STATED,)) | {SOURCE: (role,)}
    given |= {name: (value,) for name, value in values.items()}
    atoms, missing = count([*[{**given, "strand": one} for one in cases], *[None] * without], names)
    contract = world.contract
    counted = counted_referrals(contract)
    assert counted is not None
    return CountsOf(
        contract.deployment,
        contract.name,
        agency,
        period,
        vocabulary or contract.vocabulary.hash,
        names,
        atoms,
        missing,
        ReferralCounts(dimension_names(counted[0]), {}, 0),
    )


def sealed_counts(
    world: FoundedPartnership,
    counts: CountsOf | bytes,
    *,
    at: int = NOW,
    to: Sequence[str] = (POLICE, COUNCIL),
    agency: str = CHARITY,
    signer: str = "",
    subject: tuple[str, str] | None = None,
    deployment: str = "",
) -> bytes:
    """A record with counts.

    Args:
        world: whose keys.
        counts: what it says; bytes are compressed as they are.
        at: its time.
        to: its recipients.
        agency: the agency that its note names.
        signer: the agency that signs it.
        subject: agreement and period of its note; those of the partnership and the counts.
        deployment: another one.
    """
    content = zlib.compress(counts) if isinstance(counts, bytes) else packed(counts)
    assert content is not None
    period = PERIOD if isinstance(counts, bytes) else counts.period
    place = StatementPlace(
        deployment or world.deployment, agency, at, subject or (world.contract.name, period)
    )
    keys = [world.exchange_key(one) for one in to]
    return seal_statement(
        COUNTS, place, content, keys, world.author(signer or agency, receipts=True)
    )
