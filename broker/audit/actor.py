"""Who does something that the disclosure log records. Imports nothing: every command needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_REASON: Final = 200
"""Characters of a reason in words."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something that the log records.

    Attributes:
        operator: the login name as the system gives it, or the name of a process.
        acting_for: what the operator gave with `--operator`.
        reason: why, in words.
    """

    operator: str
    acting_for: str | None = None
    reason: str | None = None
