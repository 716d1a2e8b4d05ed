"""Exact counts that parties of a purpose of statistics see, in words.

Disclosure control protects figures that leave these parties. Among them counts are exact
(docs/spec/figures.md, "Exchange"), so each text of an agreement for people says so.
"""

from __future__ import annotations

from contracts.model import Contract
from contracts.parties import Party
from contracts.terms import Purpose

__all__ = ["exact_counts_for", "exact_counts_of_purpose"]


def exact_counts_of_purpose(purpose: Purpose) -> str | None:
    """Return who sees exact counts for a purpose; None if it is not one of statistics."""
    if purpose.kind != "statistics":
        return None
    return (
        "Exact counts: the parties that pursue this purpose see how many cases and referrals each "
        "agency counts, for each combination of values, for example one area, one motivation and "
        "one outcome. They see codes and no names. A number can be 1. A reader who knows that case "
        "can recognise it, and learn its other values. The impact assessment must say so. Small "
        "numbers are hidden only in tables that leave these parties."
    )


def exact_counts_for(contract: Contract, party: Party) -> str | None:
    """Return which other parties see a party's exact counts; None if none does.

    Args:
        contract: the agreement.
        party: one of its parties.
    """
    readers = sorted(contract.statistics_parties - {party.id})
    if contract.vocabulary.figures is None or party.id not in contract.contributors or not readers:
        return None
    return (
        "For statistics these parties see our exact counts of cases and referrals, for each "
        f"combination of values and also of a single case: {', '.join(readers)}."
    )
