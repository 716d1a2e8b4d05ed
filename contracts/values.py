"""Values that every event makes a dozen of: frozen for the type checker, plain when they run.

``dataclass(frozen=True)`` assigns each attribute through ``object.__setattr__``, at five times the
cost of an assignment; for what one record passes through, that was a tenth of reading it
(docs/benchmarks.md). mypy sees ``value_class`` as ``dataclass`` itself and refuses every assignment
to an attribute, which is what keeps the values unchanged; with ``python -X dev`` they are frozen at
run time too. Use it for what is made per event, and ``dataclass`` for everything else.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

__all__ = ["value_class"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value_class
else:
    from dataclasses import dataclass

    def value_class(*, frozen, **options):
        """As ``dataclass``; ``frozen=True`` is for the type checker."""
        assert frozen, "a value is never changed"
        if sys.flags.dev_mode:
            return dataclass(frozen=True, **options)
        # What frozen=True would give too: a hash of the attributes, unless compared by identity.
        return dataclass(unsafe_hash=options.get("eq", True), **options)
