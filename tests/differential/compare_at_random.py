"""A campaign: random inputs to both readers, of every family in turn, for a stated time.

    python -m tests.differential.compare_at_random --seconds 600
        [--seed N] [--family NAME] [--runs N]

Prints how often each family reached each answer of the product, runs and disagreements; each of
these with the command that makes it again. A run is named by its family and its number alone.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from random import Random

from tests.differential.comparison import Comparison, Family

RUNS_AT_ONCE = 20


def campaign(
    seconds: float, seed: int, families: Sequence[Family], *, runs: int = 0, most: int = 0
) -> int:
    """Explore until the time is up.

    Args:
        seconds: how long.
        seed: number of the first run of each family.
        families: they take turns by their shares of the time.
        runs: of each family, at most; 0 for no limit.
        most: disagreements after which to stop; 0 for no limit.

    Returns:
        The number of disagreements.
    """
    began = time.monotonic()
    reached: Counter[str] = Counter()
    done = {family.name: 0 for family in families}
    spent = dict.fromkeys(done, 0.0)
    found: Counter[str] = Counter()
    while time.monotonic() - began < seconds and not (most and found.total() >= most):
        waiting = [family for family in families if not runs or done[family.name] < runs]
        if not waiting:
            break
        family = min(waiting, key=lambda one: spent[one.name] / one.share)
        turn = time.monotonic()
        for number in range(seed + done[family.name], seed + done[family.name] + RUNS_AT_ONCE):
            if runs and number >= seed + runs:
                break
            comparison = _compared(family, number)
            done[family.name] += 1
            reached.update(f"{family.name}: {what}" for what in comparison.reached)
            if not comparison.agrees:
                found[family.name] += 1
                _tell(family, number, comparison)
                if most and found.total() >= most:
                    break
        spent[family.name] += time.monotonic() - turn
    for what, count in sorted(reached.items()):
        print(f"{count:10}  {what}")
    for name, count in done.items():
        print(f"{count:10}  runs of {name}, {found[name]} disagreements")
    print(
        f"{sum(done.values())} runs, {reached.total()} answers, {found.total()} disagreements "
        f"in {time.monotonic() - began:.0f} s"
    )
    return found.total()


def _compared(family: Family, number: int) -> Comparison:
    """One run; what either reader raises beside its refusals is a disagreement too."""
    try:
        return family.compare(Random(number))
    except Exception:  # noqa: BLE001  # whatever it is, the campaign goes on
        return Comparison("raised", "", traceback.format_exc(limit=-4), ("raised",))


def _tell(family: Family, number: int, comparison: Comparison) -> None:
    name = f"'{family.name}'" if " " in family.name else family.name
    print(f"--- a disagreement: --family {name} --seed {number} --runs 1")
    print(comparison)


def main() -> None:
    from tests.differential.families import FAMILIES

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", choices=[family.name for family in FAMILIES])
    parser.add_argument("--runs", type=int, default=0, help="of each family, at most")
    asked = parser.parse_args()
    chosen = [one for one in FAMILIES if asked.family in (None, one.name)]
    sys.exit(1 if campaign(asked.seconds, asked.seed, chosen, runs=asked.runs) else 0)


if __name__ == "__main__":
    main()
