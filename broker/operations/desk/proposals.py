"""Proposals for a new referral: who may receive it, with services that fit, capacity, and answers.

Only agencies to which the agreement allows a referral are proposed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from broker.directory.search import Offer, Query
from broker.figures.expected_answers import ExpectedAnswer
from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.new_referral import RecipientChoice, possible_recipients
from broker.operations.directory.answer_times import answer_times
from broker.operations.directory.searching import partner_offers
from contracts.durations import duration_ms
from contracts.model import Contract
from contracts.referral import referral_rules


@dataclass(frozen=True, slots=True)
class RecipientProposal:
    """An agency to which a referral may be made.

    Attributes:
        recipient: the agency.
        offers: its services that fit, the best first; empty if none is listed that fits.
        answer_ms: time within which the agreement asks it to answer; None if it asks for none.
        expected: time within which it answered half of our last referrals; None if there are few.
    """

    recipient: RecipientChoice
    offers: tuple[Offer, ...]
    answer_ms: int | None
    expected: ExpectedAnswer | None

    @property
    def fits(self) -> bool:
        """Return whether it lists a service that fits."""
        return bool(self.offers)


def proposals(agency: DeskAgency, query: Query) -> tuple[RecipientProposal, ...]:
    """Return every possible recipient: those with a service that fits first, the best fit first.

    Args:
        agency: this agency.
        query: what the person needs.

    Raises:
        RegistryError: two versions of one agreement apply at once.
        StoreError: the state cannot be read.
        KeyAccessError: the agency's secret is not available.
        SealBroken: a fact about a referral in the state was changed.
    """
    now = agency.clock()
    choices = possible_recipients(agency)
    found = partner_offers(agency.participant, agency.store, query, now)
    offers: dict[str, list[Offer]] = defaultdict(list)
    for one in found:
        offers[one.agency].append(one)
    order = {name: place for place, name in enumerate(offers)}
    deadlines = answer_deadlines(agency)
    expected = answer_times(agency.participant, agency.store, now)
    return tuple(
        RecipientProposal(
            one,
            tuple(offers.get(one.agency, ())),
            deadlines.get(one.agreement),
            expected.get(one.agency),
        )
        for one in sorted(choices, key=lambda one: order.get(one.agency, len(order)))
    )


def answer_deadlines(agency: DeskAgency) -> dict[str, int]:
    """Return agreement to the time within which it asks for an answer to a referral, ms."""
    found = {}
    for signed in agency.participant.contracts.trusted():
        time_ms = _answer_ms(signed.contract)
        if time_ms is not None:
            found[signed.contract.name] = time_ms
    return found


def _answer_ms(contract: Contract) -> int | None:
    rules = referral_rules(contract.vocabulary)
    terms = None if rules is None else contract.event_types.get(rules.made.type)
    if terms is None or terms.service_levels is None:
        return None
    return duration_ms(terms.service_levels.respond_within)
