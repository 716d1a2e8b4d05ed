"""A campaign over the hostile Kafka's machine: as many runs as fit into a stated time.

    python -m tests.hostile.explore --seconds 300 [--seed N] [--steps 60] [--shrink]

Prints runs, steps, records judged, the distinct (alteration, outcome) pairs reached and how often,
and the findings: runs in which the world did not allow what happened, with the steps to them.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.hostile.hostile_world import TALLY
from tests.hostile.test_hostile_kafka import HostileHost

RUNS_AT_ONCE = 25


def campaign(seconds: float, first_seed: int, steps: int, *, shrink: bool) -> int:
    """Explore until the time is up. Returns the number of findings."""
    chosen = settings(
        max_examples=RUNS_AT_ONCE,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    findings = 0
    number = first_seed
    while time.monotonic() - began < seconds:
        try:
            run_state_machine_as_test(seed(number)(HostileHost), settings=chosen)
        except Exception:  # noqa: BLE001  # whatever it is, it is a finding, and the campaign goes on
            findings += 1
            print(f"--- finding {findings}, seed {number}")
            traceback.print_exc(limit=-3, file=sys.stdout)
        number += 1
    for (how, outcome), count in sorted(TALLY.outcomes.items()):
        print(f"{count:9}  {how}: {outcome}")
    print(
        f"{TALLY.runs} runs ({TALLY.healed} healed), {TALLY.steps} steps, {TALLY.records} records, "
        f"{len(TALLY.outcomes)} distinct (alteration, outcome), {findings} findings "
        f"in {time.monotonic() - began:.0f} s"
    )
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--shrink", action="store_true", help="minimise findings; takes minutes")
    asked = parser.parse_args()
    found = campaign(asked.seconds, asked.seed, asked.steps, shrink=asked.shrink)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
