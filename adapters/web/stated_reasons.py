"""Reasons that a person has stated in one session, each for one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.web.bounded import Bounded

REASON_MS: Final = 60 * 60 * 1000
"""Time for which a stated reason counts (docs/spec/disclosure-log.md, "Reasons in codes")."""
MOST_CASES: Final = 200
"""Cases of one session; one more forgets the oldest reason."""


@dataclass(frozen=True, slots=True)
class StatedReason:
    """Reason of a person to look at a case.

    Attributes:
        code: code of the reason (`broker.audit.reason_codes`).
        words: the reason in words, if there are any.
    """

    code: str
    words: str | None = None


class StatedReasons:
    """Reasons of one session, by the name of the case in the agency's log."""

    def __init__(self) -> None:
        self._by_case: Bounded[tuple[StatedReason, int]] = Bounded(MOST_CASES)

    def state(self, case: str, reason: StatedReason, now: int) -> None:
        """Keep the reason for a case.

        Args:
            case: name of the case, base64.
            reason: the reason.
            now: ms since the epoch.
        """
        self._by_case.put(case, (reason, now))

    def find(self, case: str, now: int) -> StatedReason | None:
        """Return the reason that was stated for a case and still counts; None if there is none."""
        reason, stated_ms = self._by_case.get(case) or (None, 0)
        return reason if now - stated_ms < REASON_MS else None
