"""Actor of an action that the disclosure log records.

No imports, because every command needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_REASON: Final = 200
"""Maximum length of a reason, in characters."""


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or process that performs a logged action.

    Attributes:
        operator: login name as the system gives it, or the name of a process.
        acting_for: the name given with `--operator`.
        reason: the purpose, in words.
        reason_code: code of the reason to look at personal data (`broker.audit.reason_codes`).
    """

    operator: str
    acting_for: str | None = None
    reason: str | None = None
    reason_code: str | None = None

    @property
    def person(self) -> str:
        """Return the name of the person who acts."""
        return self.acting_for or self.operator
