"""Codes of a referral in words, for lists."""

from __future__ import annotations

from contracts.referral import service_path
from contracts.vocabulary import Vocabulary


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
