"""Dimensions by which referrals are counted (docs/spec/figures.md, "Counts of referrals").

They follow from the part of the vocabulary about referrals, so a vocabulary names none of them. Of
the dimensions of cases, referrals have those of an area, and no others: counts of referrals with
more characteristics of the case could be matched with its counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from broker.figures.facts import case_figures
from broker.figures.response_times import BUCKETS, PUNCTUALITY
from contracts.model import Contract
from contracts.phrases import N_
from contracts.referral import ReferralRules, referral_rules, service_path
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.figures import NOT_STATED, SOURCE, Dimension, Figures

__all__ = [
    "ACKNOWLEDGED", "ACKNOWLEDGED_IN_TIME", "ANSWERED", "ANSWERED_IN_TIME", "PRIORITY",
    "REASON", "RECIPIENT", "SERVICE", "STATUS", "counted_referrals",
]  # fmt: skip

ACKNOWLEDGED: Final = "acknowledged"
ACKNOWLEDGED_IN_TIME: Final = "acknowledged_in_time"
ANSWERED: Final = "answered"
ANSWERED_IN_TIME: Final = "answered_in_time"
PRIORITY: Final = "priority"
REASON: Final = "reason"
RECIPIENT: Final = "recipient"
SERVICE: Final = "service"
STATUS: Final = "status"


def counted_referrals(contract: Contract) -> tuple[Figures, ReferralRules] | None:
    """Return by what an agreement counts referrals, and the rules of their course.

    Returns:
        None if the agreement counts nothing, has no referrals, or does not let the status of a
        referral be used for statistics.
    """
    rules = referral_rules(contract.vocabulary)
    figures = None if case_figures(contract) is None else _figures(contract.vocabulary)
    if figures is None or rules is None or not _status_counts(contract, rules):
        return None
    sides = {
        SOURCE: Dimension(SOURCE, N_("Agency that sent the referral"), False, contract.roles, {}),
        RECIPIENT: Dimension(RECIPIENT, N_("Agency that was asked"), False, contract.roles, {}),
    }
    dimensions = MappingProxyType({**figures.dimensions, **sides})
    return replace(figures, dimensions=dimensions), rules


@lru_cache(maxsize=32)
def _figures(vocabulary: Vocabulary) -> Figures | None:
    """Return the dimensions that a vocabulary gives; None if it cannot count referrals."""
    figures, rules = vocabulary.figures, referral_rules(vocabulary)
    if figures is None or rules is None:
        return None
    dimensions = {
        **{one.name: one for one in _areas(figures, rules)},
        **{one.name: one for one in _of_leaves(vocabulary, rules)},
        **{one.name: one for one in _of_times()},
    }
    if STATUS not in dimensions:
        return None
    return replace(figures, dimensions=dimensions, recording=None, third_party="", areas={})


def _status_counts(contract: Contract, rules: ReferralRules) -> bool:
    terms = contract.event_types.get(rules.changed.type)
    status = None if terms is None else terms.fields.get(rules.changed.status)
    return status is not None and not contract.statistics_purposes.isdisjoint(status.purposes)


def _areas(figures: Figures, rules: ReferralRules) -> Iterator[Dimension]:
    """Yield the dimensions of cases whose codes are areas and that a new referral states."""
    for one in figures.dimensions.values():
        if figures.areas and one.codes == figures.areas and rules.made.type in one.leaves:
            kept = {rules.made.type} | ({figures.corrected.type} if figures.corrected else set())
            leaves = {name: path for name, path in one.leaves.items() if name in kept}
            yield replace(one, leaves=leaves)


def _of_leaves(vocabulary: Vocabulary, rules: ReferralRules) -> Iterator[Dimension]:
    """Yield the dimensions of which an event about a referral has a leaf."""
    made, changed = rules.made, rules.changed
    service = service_path(vocabulary)
    for name, label, event_type, path in (
        (SERVICE, N_("Service that was asked for"), made.type, service),
        (PRIORITY, N_("Priority"), made.type, made.urgency),
        (STATUS, N_("Status of the referral"), changed.type, changed.status),
        (REASON, N_("Reason for the status"), changed.type, changed.reason),
    ):
        codes = None if path is None else _codes(vocabulary, event_type, path)
        if path is not None and codes is not None:
            yield Dimension(name, label, False, codes, {event_type: path})


def _codes(vocabulary: Vocabulary, event_type: str, path: str) -> Mapping[str, str] | None:
    """Return the codes of a leaf; None if its list is open, or has a code of the engine."""
    code = vocabulary.type(event_type).leaves[path].form.code
    listed = None if code is None else vocabulary.form.code_lists[code]
    closed = listed is not None and listed.others is None and NOT_STATED not in listed.codes
    return listed.codes if listed is not None and closed else None


def _of_times() -> Iterator[Dimension]:
    for name, label, codes in (
        (ACKNOWLEDGED, N_("Time to acknowledge"), BUCKETS),
        (ACKNOWLEDGED_IN_TIME, N_("Acknowledged in time"), PUNCTUALITY),
        (ANSWERED, N_("Time to answer"), BUCKETS),
        (ANSWERED_IN_TIME, N_("Answered in time"), PUNCTUALITY),
    ):
        yield Dimension(name, label, False, codes, {})
