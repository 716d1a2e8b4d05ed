"""Dataclass decorator for hot-path objects: frozen under mypy, mutable at run time for speed.

``dataclass(frozen=True)`` assigns each attribute through ``object.__setattr__``, at five times the
cost of an assignment. For the objects of one record, that was a tenth of the time to read it
(docs/benchmarks.md). mypy treats ``value_class`` as ``dataclass`` itself and refuses every
assignment to an attribute, which keeps the values unchanged. With ``python -X dev`` they are frozen
at run time too. Use it for objects made per event, and ``dataclass`` for everything else.
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
        # frozen=True would also add this: a hash of the attributes, unless compared by identity.
        return dataclass(unsafe_hash=options.get("eq", True), **options)
