"""JSON documents of the agency's own system: bounded nesting before they are parsed."""

from __future__ import annotations

import re
from typing import Final

from adapters.exchange.errors import ExchangeError

MOST_DEPTH: Final = 32
"""Nesting of a JSON document; an event has fewer than ten levels."""
_BRACKETS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)
"""Texts and brackets. A text without an end matches up to the end of the body: if it failed there,
the next quote would read the rest again, and the whole would take quadratic time."""
_STEPS: Final = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


def require_shallow(body: bytes) -> None:
    """Refuse a JSON document that nests too deeply, before it is parsed.

    Raises:
        ExchangeError: `request_malformed`.
    """
    depth = 0
    for found in _BRACKETS.finditer(body):
        depth += _STEPS.get(found.group(), 0)
        if depth > MOST_DEPTH:
            raise ExchangeError(
                f"The body nests more than {MOST_DEPTH} levels deep.", code="request_malformed"
            )
