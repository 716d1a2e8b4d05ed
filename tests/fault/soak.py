"""Seven agencies under load for a stated time, with faults: nothing is lost and memory stays flat.

    python -m tests.fault.soak [--seconds 3600] [--seed N] [--keep DIR]

Four agencies export without end, two of them answer. Kafka and three adapters are stopped, killed
and held up again and again; four adapters are never touched, so that their memory can be followed.
Each round ends when everything has arrived. Ends with figures, and with exit code 1 if anything is
broken or if the memory of an untouched adapter grows.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.demo.processes import resident_memory
from adapters.trial_agencies import london_agencies
from tests.fault.campaign import SETTLED_S, Campaign, tell
from tests.fault.fault_stage import READER, SENDERS, FaultStage, await_condition

ROUND_S = 60.0
"""Exports go on for so long, with one fault, before the round is settled and measured."""
FAULTS = ("kill_sender", "kill_reader", "kill_kafka", "stop_kafka", "flap_kafka", "stand_still")
GROWTH_MB = 12.0
"""Memory that an adapter may gain from the first third of the rounds to the last."""
ROUNDS_TO_COMPARE = 9
"""With fewer rounds the memory is shown and not judged: an adapter still fills its caches."""


class Soak:
    """Rounds of load and faults, and what was measured in each.

    Attributes:
        memory: MB of each untouched adapter at the end of each round.
        settling: seconds until everything had arrived, of each round.
    """

    def __init__(self, stage: FaultStage, seed: int) -> None:
        self.stage = stage
        self.campaign = Campaign(stage, seed)
        self.untouched = tuple(a for a in stage.agencies if a not in (*SENDERS, READER))
        self.memory: dict[str, list[float]] = {agency: [] for agency in self.untouched}
        self.settling: list[float] = []

    def run(self, seconds: float) -> list[str]:
        """Play rounds for so long; return what is broken, which ends the run."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := self._round(FAULTS[len(self.settling) % len(FAULTS)]):
                return found
        return [*self.campaign.invariants.broken(), *self._ended(), *grown(self.memory)]

    def _round(self, kind: str) -> list[str]:
        campaign = self.campaign
        end = time.monotonic() + ROUND_S
        campaign.play(campaign.rng.uniform(0, ROUND_S / 2))
        about = getattr(campaign.faults, kind)()
        campaign.play(max(0.0, end - time.monotonic()))
        begun = time.monotonic()
        if not await_condition(campaign.invariants.settled, campaign.wait, SETTLED_S):
            return [f"{kind}: not settled: {campaign.invariants.unsettled()}"]
        self.settling.append(time.monotonic() - begun)
        campaign.survived[kind] += 1
        for agency, seen in self.memory.items():
            seen.append(self._memory_mb(agency))
        tell(
            f"{len(self.settling):4} {kind.replace('_', ' '):12} {about:40.40} "
            f"settled after {self.settling[-1]:5.1f} s, {len(campaign.traffic.events):6} events, "
            f"memory {max(seen[-1] for seen in self.memory.values()):.0f} MB"
        )
        return []

    def _memory_mb(self, agency: str) -> float:
        pid = self.stage.adapters[agency].pid
        found = 0 if pid is None else resident_memory(pid)
        assert found, f"{agency} does not run"
        return found / 1e6

    def _ended(self) -> list[str]:
        """Name the untouched adapters that ended by themselves."""
        return [f"{a} ended by itself" for a in self.untouched if self.stage.adapters[a].ended]

    def latencies_s(self) -> list[float]:
        """Return the time from an export to the file in an inbox, of each event, in order."""
        exported = self.campaign.traffic.events
        arrived = [
            file.stat().st_mtime - exported[file.name.split(".")[0]]
            for agency in self.untouched
            for file in (self.stage.folder(agency) / "inbox").iterdir()
            if file.name.split(".")[0] in exported
        ]
        return sorted(arrived)

    def figures(self, seconds: float) -> list[str]:
        """Return the last lines."""
        lines = [self.campaign.figures()]
        events = len(self.campaign.traffic.events)
        lines.append(
            f"{len(self.settling)} rounds, {events / seconds:.1f} events a second accepted"
        )
        if self.settling:
            usual, most = statistics.median(self.settling), max(self.settling)
            lines.append(f"all there after a round: median {usual:.1f} s, most {most:.1f} s")
        latencies = self.latencies_s()
        if latencies:
            p50, p99 = (latencies[int(len(latencies) * part)] for part in (0.5, 0.99))
            lines.append(f"export to inbox with faults: p50 {p50:.2f} s, p99 {p99:.2f} s")
        for agency, seen in self.memory.items():
            before, after = thirds(seen)
            lines.append(
                f"memory of {agency}: first third {before:.0f} MB, last third {after:.0f} MB"
            )
        return lines


def grown(memory: Mapping[str, Sequence[float]]) -> list[str]:
    """Name the adapters whose memory grew, if there are enough rounds to tell."""
    found = []
    for agency, seen in memory.items():
        before, after = thirds(seen)
        if len(seen) >= ROUNDS_TO_COMPARE and after - before > GROWTH_MB:
            found.append(f"{agency}: memory grew from {before:.0f} to {after:.0f} MB")
    return found


def thirds(seen: Sequence[float]) -> tuple[float, float]:
    """Return the median of the first and of the last third; zeros for nothing."""
    if not seen:
        return 0.0, 0.0
    part = max(1, len(seen) // 3)
    return statistics.median(seen[:part]), statistics.median(seen[-part:])


def main() -> int:
    """Play; 0 if everything held."""
    reading = argparse.ArgumentParser(description="Seven agencies under load, with faults.")
    reading.add_argument("--seconds", type=float, default=3600)
    reading.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    reading.add_argument("--keep", type=Path, default=None, help="Absent or empty; stays.")
    asked = reading.parse_args()
    scratch = None if asked.keep else Path(tempfile.mkdtemp(prefix="soak-"))
    root = asked.keep if scratch is None else scratch / "p"
    agencies = tuple(sorted((plan.id for plan in london_agencies()), key=_touched_first))
    tell(f"seed {asked.seed}, {asked.seconds:.0f} seconds, {len(agencies)} agencies, in {root}")
    with FaultStage(root, agencies) as stage:
        stage.prepare(disks=False)
        soak = Soak(stage, asked.seed)
        soak.campaign.warm_up()
        begun = time.monotonic()
        try:
            found = soak.run(asked.seconds)
        except KeyboardInterrupt:
            found = ["stopped by hand: what was on its way is among the lost"]
        for line in found[:40]:
            tell(f"BROKEN {line}")
        for line in soak.figures(time.monotonic() - begun):
            tell(line)
        tell("logs verify" if not found else "BROKEN")
    if scratch is not None and not found:
        shutil.rmtree(scratch)
    return 1 if found else 0


def _touched_first(agency: str) -> tuple[int, str]:
    """Sort those first that send most and are killed."""
    order = (*SENDERS, READER)
    return (order.index(agency) if agency in order else len(order), agency)


if __name__ == "__main__":
    sys.exit(main())
