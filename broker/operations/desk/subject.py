"""Leaves of a referral that lists show, found in its vocabulary.

A vocabulary says which leaves hold the id and the urgency of a referral. It does not say what is
asked for. The first code that every referral has, and that does not identify a person, is taken as
that: in the shipped vocabularies it is the service.
"""

from __future__ import annotations

from functools import lru_cache

from contracts.referral import referral_rules
from contracts.vocabulary import Vocabulary


@lru_cache(maxsize=32)
def service_path(vocabulary: Vocabulary) -> str | None:
    """Return the leaf path of what a referral asks for; None if no leaf says it."""
    rules = referral_rules(vocabulary)
    if rules is None:
        return None
    for path, leaf in vocabulary.type(rules.made.type).leaves.items():
        if leaf.required and leaf.form.code is not None and not leaf.form.identifies:
            return path
    return None


def service_label(vocabulary: Vocabulary, code: str) -> str:
    """Return what a referral asks for in words; the code itself if the list lacks it."""
    path = service_path(vocabulary)
    if path is None or vocabulary.referrals is None:
        return code
    return code_label(vocabulary, vocabulary.referrals.made.type, path, code)


def code_label(vocabulary: Vocabulary, event_type: str, path: str, code: str) -> str:
    """Return a code of a leaf in words; the code itself if its list lacks it."""
    listed = vocabulary.type(event_type).leaves[path].form.value.code
    if listed is None:
        return code
    return vocabulary.code_lists[listed].codes.get(code, code)
