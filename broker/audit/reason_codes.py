"""Codes of reasons to look at personal data (docs/spec/disclosure-log.md, "Reasons in codes").

An entry of the log holds the code in plain. Words beside it may name a person: they are encrypted.
No imports of the package, because every command needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OTHER: Final = "other"
"""Code of a reason that is not in the list; words say it."""
REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "case_work": "work on the case",
        "supervision": "supervision of a caseworker",
        "rights_request": "a request by the person whose data it is",
        "complaint": "a complaint",
        "audit": "an audit",
        OTHER: "another reason, which words state",
    }
)
"""Codes of reasons, each in words."""


def is_stated(code: str | None, words: str | None) -> bool:
    """Return whether a code, with words where it needs them, is a reason."""
    return code in REASONS and (code != OTHER or bool(words))


def split_reason(text: str) -> tuple[str | None, str | None]:
    """Return code and words of a reason that is written as `CODE`, `CODE: words` or words."""
    code, _, words = text.partition(":")
    if code.strip() not in REASONS:
        return None, text
    return code.strip(), words.strip() or None
