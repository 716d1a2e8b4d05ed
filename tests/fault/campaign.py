"""Faults at random, against real adapters and a real Kafka, for a stated time.

    python -m tests.fault.campaign [--seconds 600] [--seed N] [--keep DIR] [--only KIND ...]
                                   [--state postgresql] [--adapters 2]

Three agencies export to each other without end. A fault is chosen and played; then exports pause
until everything has come about, and all invariants are checked on what is on disk. Ends with one
line of figures and exit code 1 if anything is broken; then the folder is kept. The seed decides
which faults come and when; the machine decides what they hit.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fault.fault_invariants import Invariants  # after the path is set
from tests.fault.fault_kinds import OF_SERVERS, WEIGHTS, Faults
from tests.fault.fault_stage import FaultStage, await_condition
from tests.fault.fault_states import FileStates, ServerStates
from tests.fault.fault_traffic import Traffic

SETTLED_S = 300.0
"""More than a clock is ahead in `clock_minutes`: until that time has come, heartbeats are older."""
READY_S = 90.0
EXPORT_EVERY_S = 0.4
WARM_UP_CASES = 250
COPY_EVERY = 4
"""A copy of each database is made after so many faults: what is restored is up to that old."""


class Campaign:
    """Plays faults and checks."""

    def __init__(self, stage: FaultStage, seed: int) -> None:
        self.stage = stage
        self.rng = random.Random(seed)
        self.traffic = Traffic(stage, seed)
        self.invariants = Invariants(stage, self.traffic)
        self.faults = Faults(stage, self.rng, self.play, self.await_ready)
        self.survived: Counter[str] = Counter()
        self._next_export = 0.0

    def play(self, seconds: float) -> None:
        """Exports go on, and whatever ended is started again."""
        deadline = time.monotonic() + seconds
        while True:
            self.stage.tend()
            if time.monotonic() >= self._next_export:
                self._next_export = time.monotonic() + EXPORT_EVERY_S
                self.traffic.retry()
                first, *others = self.stage.senders  # the first exports most
                self.traffic.drop(self.rng.choice((first, first, *others)))
                self.traffic.answer()
            if time.monotonic() >= deadline:
                return
            time.sleep(0.05)

    def wait(self) -> None:
        """Nothing new is exported; whatever ended is started again."""
        self.stage.tend()
        self.traffic.retry()

    def await_ready(self, agency: str) -> None:
        """Wait until an adapter is up."""
        adapter = self.stage.adapters[agency]
        if not await_condition(adapter.ready, self.wait, READY_S):
            raise AssertionError(f"{agency} is not ready after {READY_S:.0f} s")

    def await_all(self) -> None:
        """Wait until all of them are."""
        for agency in self.stage.agencies:
            self.await_ready(agency)

    def warm_up(self) -> None:
        """Every stream has begun, and every reader has its start in it."""
        self.await_all()
        for agency in self.stage.senders:
            self.traffic.warm_up(agency, WARM_UP_CASES)
        if not await_condition(self.invariants.settled, self.wait, SETTLED_S):
            raise AssertionError(f"no beginning: {self.invariants.unsettled()}")

    def one(self, kind: str) -> list[str]:
        """One fault and what came of it: everything that is broken."""
        self.play(self.rng.uniform(0.3, 1.2))
        begun = time.monotonic()
        try:
            about = getattr(self.faults, kind)()
        except AssertionError as error:
            return [str(error)]
        if not await_condition(self.invariants.settled, self.wait, SETTLED_S):
            return [f"not settled: {self.invariants.unsettled()}", *self.invariants.broken()]
        found = self.invariants.broken()
        if not found:
            self.survived[kind] += 1
            number = sum(self.survived.values())
            took = time.monotonic() - begun
            tell(f"{number:4} {kind.replace('_', ' '):26} {about:46} {took:5.1f} s")
            if number % COPY_EVERY == 0:
                agency = self.stage.agencies[number // COPY_EVERY % len(self.stage.agencies)]
                self.stage.copy_state(agency)
        return found

    def run(self, seconds: float, kinds: list[str]) -> list[str]:
        """Faults for so long; stops at the first that is not survived."""
        deadline = time.monotonic() + seconds
        first = list(kinds)
        self.rng.shuffle(first)
        while time.monotonic() < deadline:
            weights = [(WEIGHTS | OF_SERVERS)[kind] for kind in kinds]
            kind = first.pop() if first else self.rng.choices(kinds, weights)[0]
            if found := self.one(kind):
                return [f"{kind}: {what}" for what in found]
        return []

    def figures(self) -> str:
        """The last line."""
        lost, twice = len(self.invariants.missing()), self.invariants.twice
        ended = sum(adapter.ended for adapter in self.stage.adapters.values())
        return (
            f"{sum(self.survived.values())} faults of {len(self.survived)} kinds survived "
            f"({ended} deaths of adapters), {len(self.traffic.events)} events accepted, "
            f"{self.invariants.arrived} of {len(self.traffic.owed)} arrived, {lost} lost, "
            f"{twice} twice, {self.stage.undone} log entries undone by restores"
        )


def tell(text: str) -> None:
    """Say it at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Play; 0 if everything held."""
    reading = argparse.ArgumentParser(description="Faults at random, for a stated time.")
    reading.add_argument("--seconds", type=float, default=600)
    reading.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    reading.add_argument("--keep", type=Path, default=None, help="Absent or empty; stays.")
    reading.add_argument("--only", nargs="+", choices=sorted(WEIGHTS | OF_SERVERS))
    reading.add_argument("--state", choices=("sqlite", "postgresql"), default="sqlite")
    reading.add_argument("--adapters", type=int, default=2, help="Of an agency, with a server.")
    asked = reading.parse_args()
    on_server = asked.state == "postgresql"
    kinds = asked.only or sorted(WEIGHTS | OF_SERVERS if on_server else WEIGHTS)
    states = ServerStates(asked.adapters) if on_server else FileStates()
    scratch = None if asked.keep else Path(tempfile.mkdtemp(prefix="faults-"))
    root = asked.keep if scratch is None else scratch / "p"
    tell(f"seed {asked.seed}, {asked.seconds:.0f} seconds, in {root}")
    begun = time.monotonic()
    with FaultStage(root, states=states) as stage:
        stage.prepare(disks=True)
        full = "a small file system for each agency" if stage.mounted else "RLIMIT_FSIZE"
        tell(f"a full disk is: {full}")
        campaign = Campaign(stage, asked.seed)
        campaign.warm_up()
        try:
            found = campaign.run(asked.seconds, kinds)
        except KeyboardInterrupt:
            found = ["stopped by hand: what was on its way is among the lost"]
        for line in found[:40]:
            tell(f"BROKEN {line}")
        for kind, number in sorted(campaign.survived.items()):
            tell(f"  {number:4} {kind.replace('_', ' ')}")
        if campaign.invariants.kept_first:
            tell(f"  {campaign.invariants.kept_first} delivered before a restore: the first kept")
        logs = "logs verify" if not found else "BROKEN"
        tell(f"{campaign.figures()}, {logs} ({(time.monotonic() - begun) / 60:.0f} minutes)")
    if scratch is not None and not found:
        shutil.rmtree(scratch)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
