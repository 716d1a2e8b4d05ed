"""Verification caches of a reader, kept between batches.

They hold sessions of wraps, parsed checkpoints, verified signatures and paths: they save work and
never change an answer. The budgets are the one exception: they limit how many new wraps of a sender
are tried (docs/spec/opening.md, step 5).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.envelope.opening import Sessions
from broker.judging.partition_state import PartitionState
from broker.judging.reader_context import WRAPS_PER_PARTY_AND_MINUTE
from broker.judging.state_limits import MAX_STATE_GAPS
from broker.judging.trials import Trials
from broker.tlog.checkpoint import Place
from broker.tlog.merkle import VerifiedPath
from broker.tlog.proof import CheckpointMemo
from contracts.durations import MINUTE_MS


@dataclass(frozen=True, slots=True)
class WrapBudget:
    """New wraps of one sender that a reader still tries in one minute of its clock."""

    minute: int
    left: int

    def after(self, tried: int) -> WrapBudget:
        """Return the budget after this number of tries."""
        return WrapBudget(self.minute, max(self.left - tried, 0))


@dataclass(slots=True)
class VerificationCache:
    """Caches of the caller, kept from one batch to the next."""

    sessions: Sessions = field(default_factory=Sessions)
    checkpoints: CheckpointMemo = field(default_factory=dict)
    signed: set[bytes] = field(default_factory=set)
    paths: dict[str, VerifiedPath] = field(default_factory=dict)
    budgets: dict[str, WrapBudget] = field(default_factory=dict)
    states: dict[Place, tuple[int, PartitionState]] = field(default_factory=dict)
    trials: Trials = field(default_factory=Trials)
    _gaps: dict[Place, int] = field(default_factory=dict)
    _all_gaps: int = 0

    def verify_again(self) -> None:
        """Forget which signatures and receipts were believed: a manifest or contract is new."""
        self.signed.clear()
        self.trials.prove_again()

    def keep_state(self, place: Place, version: int, state: PartitionState) -> None:
        """Cache a state as it is stored now; the total size of cached states is limited."""
        self._forget(place)
        gaps = sum(len(held.gaps) for held in state.generations.values())
        self.states[place] = (version, state)
        self._gaps[place] = gaps
        self._all_gaps += gaps
        while len(self.states) > 1 and self._all_gaps > MAX_STATE_GAPS:
            self._forget(next(iter(self.states)))

    def _forget(self, place: Place) -> None:
        self.states.pop(place, None)
        self._all_gaps -= self._gaps.pop(place, 0)

    def budget(self, agency: str, parties: int, now: int) -> WrapBudget:
        """Return a sender's budget for the minute of ``now`` (ms), by the number of parties."""
        minute = now // MINUTE_MS
        held = self.budgets.get(agency)
        if held is None or held.minute != minute:
            return WrapBudget(minute, WRAPS_PER_PARTY_AND_MINUTE * max(parties, 1))
        return held
