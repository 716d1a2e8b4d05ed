"""What a reader remembers between batches so as not to work it out again.

Sessions that a wrap gave, checkpoints that were parsed, signatures and paths that were verified:
they save work and never change an answer. The budgets are the one exception: they bound how many
new wraps of a sender are tried (docs/spec/opening.md, step 5).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.envelope.opening import Sessions
from broker.judging.view import WRAPS_PER_PARTY_AND_MINUTE
from broker.tlog.merkle import VerifiedPath
from broker.tlog.proof import CheckpointMemo
from contracts.durations import MINUTE_MS


@dataclass(slots=True)
class Memories:
    """Kept by whoever judges, from one batch to the next."""

    sessions: Sessions = field(default_factory=Sessions)
    checkpoints: CheckpointMemo = field(default_factory=dict)
    signed: set[bytes] = field(default_factory=set)
    paths: dict[str, VerifiedPath] = field(default_factory=dict)
    budgets: dict[str, tuple[int, list[int]]] = field(default_factory=dict)

    def wrap_budget(self, agency: str, parties: int, now: int) -> list[int]:
        """The sender's budget in this minute of the reader's clock."""
        minute = now // MINUTE_MS
        held = self.budgets.get(agency)
        if held is None or held[0] != minute:
            held = (minute, [WRAPS_PER_PARTY_AND_MINUTE * max(parties, 1)])
            self.budgets[agency] = held
        return held[1]
