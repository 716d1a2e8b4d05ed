"""Facts of a case, folded into the referrals that this agency sent and their values.

A pure function of a set, like the values of a case: neither the order of arrival nor a repeat
changes the result (docs/spec/figures.md, "Facts of referrals").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from broker.figures.case_values import Stated, after_corrections, consented
from broker.figures.referral_dimensions import (
    ACKNOWLEDGED,
    ACKNOWLEDGED_IN_TIME,
    ANSWERED,
    ANSWERED_IN_TIME,
    REASON,
    RECIPIENT,
    STATUS,
)
from broker.figures.referral_facts import Changed, Made, ReferralFact
from broker.figures.response_times import IN_TIME, LATE, NOT_YET, WITHDRAWN, bucket_of
from contracts.referral import ReferralRules
from contracts.vocabulary.figures import NOT_STATED, SOURCE, Figures

__all__ = ["SentReferral", "sent_referrals"]


@dataclass(frozen=True, slots=True)
class SentReferral:
    """A referral to one recipient.

    Attributes:
        referral: pseudonym of its id, hexadecimal.
        recipient: id of the agency that was asked.
        sent_ms: when the event that made it was accepted.
        values: dimension to its value; None if it is not counted for want of consent.
    """

    referral: str
    recipient: str
    sent_ms: int
    values: Mapping[str, tuple[str, ...]] | None


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of status that was not withdrawn."""

    version: int
    time_ms: int
    by_recipient: bool
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Case:
    """Facts of a case as the values of its referrals need them.

    Attributes:
        stated: the facts after corrections, in their order.
        facts: source and id of an event to its fact.
    """

    stated: Sequence[Stated]
    facts: Mapping[tuple[str, str], ReferralFact]


def sent_referrals(
    facts: Iterable[ReferralFact],
    figures: Figures,
    rules: ReferralRules,
    roles: Mapping[str, str],
    agency: str,
) -> list[SentReferral]:
    """Return the referrals of a case that this agency sent, one for each recipient.

    Args:
        facts: of one case, in any order; a second fact of the same event is passed over.
        figures: by what referrals are counted.
        rules: rules of their course.
        roles: agency id to role, of the parties of the agreement.
        agency: this agency.
    """
    once = {(fact.said.source, fact.said.event): fact for fact in facts}
    case = _Case(after_corrections(fact.said for fact in once.values()), once)
    counted = figures.answer is None or consented(case.stated)
    first: dict[tuple[str, str], tuple[Stated, Made]] = {}
    for said in case.stated:
        act = once[said.source, said.event].act
        if isinstance(act, Made):
            for recipient in act.recipients:
                first.setdefault((act.referral, recipient), (said, act))
    found: list[SentReferral] = []
    for (referral, recipient), (said, act) in first.items():
        sent_ms = once[said.source, said.event].said.time_ms
        values: dict[str, tuple[str, ...]] | None = None
        if counted:
            changes = sorted(_changes(case, referral, recipient), key=lambda one: one.version)
            values = dict.fromkeys(figures.dimensions, (NOT_STATED,))
            values |= _stated_values(case, said, figures)
            values |= _course(changes, rules, act, sent_ms)
            values[SOURCE] = (roles.get(agency, NOT_STATED),)
            values[RECIPIENT] = (roles.get(recipient, NOT_STATED),)
        found.append(SentReferral(referral, recipient, sent_ms, values))
    return found


def _stated_values(case: _Case, made: Stated, figures: Figures) -> dict[str, tuple[str, ...]]:
    """Return what the event that made a referral says, or its last correction."""
    values = dict(made.values)
    for one in case.stated:
        corrected = case.facts[one.source, one.event].said.corrected
        if (
            corrected is not None
            and one.source == corrected.source == made.source
            and corrected.event == made.event
        ):
            values |= one.values
    return {name: codes for name, codes in values.items() if name in figures.dimensions}


def _changes(case: _Case, referral: str, recipient: str) -> Iterator[_Change]:
    for one in case.stated:
        fact = case.facts[one.source, one.event]
        act = fact.act
        if (
            isinstance(act, Changed)
            and act.referral == referral
            and recipient in act.recipients
            and STATUS in one.values
        ):
            (status,), (reason,) = one.values[STATUS], one.values.get(REASON, (NOT_STATED,))
            by_recipient = one.source == recipient
            yield _Change(act.version, fact.said.time_ms, by_recipient, status, reason)


def _course(
    changes: Sequence[_Change], rules: ReferralRules, made: Made, sent_ms: int
) -> dict[str, tuple[str, ...]]:
    """Return the status, its reason and the response times.

    Args:
        changes: in the order of their versions.
        rules: rules of the course.
        made: the referral.
        sent_ms: when it was sent.
    """
    last = changes[-1] if changes else None
    acknowledged = _ended(changes, rules.unacknowledged)
    answered = _ended(changes, rules.unanswered)
    return {
        STATUS: (rules.first if last is None else last.status,),
        REASON: (NOT_STATED if last is None else last.reason,),
        ACKNOWLEDGED: (_time(acknowledged, sent_ms),),
        ACKNOWLEDGED_IN_TIME: (_punctuality(acknowledged, made.acknowledge_due),),
        ANSWERED: (_time(answered, sent_ms),),
        ANSWERED_IN_TIME: (_punctuality(answered, made.respond_due),),
    }


def _ended(changes: Sequence[_Change], running: frozenset[str]) -> _Change | None:
    """Return the change that ended a clock; None if it runs."""
    return next((one for one in changes if one.status not in running), None)


def _time(ended: _Change | None, sent_ms: int) -> str:
    if ended is None:
        return NOT_YET
    return bucket_of(ended.time_ms - sent_ms) if ended.by_recipient else WITHDRAWN


def _punctuality(ended: _Change | None, due: int | None) -> str:
    if due is None:
        return NOT_STATED
    if ended is None:
        return NOT_YET
    if not ended.by_recipient:
        return WITHDRAWN
    return IN_TIME if ended.time_ms <= due else LATE
