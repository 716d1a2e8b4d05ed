"""The vocabulary of hate crime, with a function for each question that tests ask about a type."""

from __future__ import annotations

from collections.abc import Mapping, Set

from contracts.referral import referral_rules
from contracts.vocabulary import JSON, Restricted, unflatten
from contracts.vocabulary.known import named_vocabulary

__all__ = [
    "EVENT_TYPES", "HATE_CRIME", "REFERRALS", "allowed_instead", "codes", "flatten", "lacking",
    "leaves", "list_names", "optional_objects", "required_leaves", "restricted", "unflatten",
    "validate_event",
]  # fmt: skip

HATE_CRIME = named_vocabulary("hate-crime")
EVENT_TYPES = HATE_CRIME.event_types
_RULES = referral_rules(HATE_CRIME)
assert _RULES is not None
REFERRALS = _RULES
"""Rules of its referrals."""


def leaves(event_type: str) -> tuple[str, ...]:
    return tuple(HATE_CRIME.type(event_type).leaves)


def required_leaves(event_type: str) -> frozenset[str]:
    return HATE_CRIME.type(event_type).required


def optional_objects(event_type: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    return HATE_CRIME.type(event_type).optional_objects


def lacking(event_type: str, paths: Set[str]) -> frozenset[str]:
    return HATE_CRIME.type(event_type).lacking(paths)


def flatten(event_type: str, data: Mapping[str, JSON]) -> dict[str, JSON]:
    return HATE_CRIME.type(event_type).flatten(data)


def validate_event(event_type: str, data: Mapping[str, JSON]) -> None:
    HATE_CRIME.type(event_type).validate(data)


def restricted(event_type: str, paths: frozenset[str]) -> Restricted:
    return HATE_CRIME.type(event_type).restricted(paths)


def allowed_instead(
    event_type: str, data: Mapping[str, object]
) -> tuple[str, str, tuple[str, ...]] | None:
    return HATE_CRIME.type(event_type).allowed_instead(data)


def codes(name: str) -> Mapping[str, str]:
    """Code to label of a list, of the scopes of consent or of the data subjects."""
    if name == "consent_scope":
        return HATE_CRIME.scopes
    if name == "data_subject":
        return HATE_CRIME.form.data_subjects
    return HATE_CRIME.code_lists[name].codes


def list_names() -> tuple[str, ...]:
    return (*HATE_CRIME.code_lists, "consent_scope", "data_subject")
