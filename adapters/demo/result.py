"""Result of a run of the demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.demo.auditing import VerifiedLog
from adapters.demo.comparing import Comparison
from adapters.demo.figures import Figures
from adapters.demo.screen import Screen
from broker.store.rows import ReferralRow


@dataclass(slots=True)
class Result:
    """Result of a run.

    Attributes:
        root: the folder that stays.
        case_id: shared id of the story's case.
        expectations: (what must hold, whether it did).
        comparison, figures, refusals: findings, if the demo reached them.
        logs: the verified logs and the recipients of the address.
        referrals: referrals of the story's case, as the unit has them.
    """

    root: Path
    cases: int
    case_id: str = ""
    expectations: list[tuple[str, bool]] = field(default_factory=list)
    comparison: Comparison | None = None
    figures: Figures | None = None
    refusals: list[dict[str, str]] = field(default_factory=list)
    logs: tuple[VerifiedLog, ...] = ()
    referrals: tuple[ReferralRow, ...] = ()
    overdue: tuple[ReferralRow, ...] = ()
    critical_ms: Mapping[str, int] = field(default_factory=dict)
    flaws: Mapping[str, int] = field(default_factory=dict)
    kafka_mib: int = 0

    @property
    def met(self) -> bool:
        """Return whether every expectation held."""
        return all(held for _, held in self.expectations)

    def expect(self, screen: Screen, what: str, held: bool) -> None:
        """Record an expectation, and show whether it holds."""
        self.expectations.append((what, held))
        screen.say(what, "✓" if held else "✗")
