"""`make mutants`: mutmut over the packages whose checks carry the protocol, and the figures.

    python -m tests.mutation.run [PATTERN ...]

PATTERN selects mutants, `broker.tlog.note*` for example; without one, all are tried. MUTANTS_JOBS
(2) is how many run at once. `[tool.mutmut]` of pyproject.toml lists the mutated modules and their
tests. mutmut works in `mutants/`, which is made anew.

A mutant that survives or takes too long is tried once more, in a process of its own, by all tests
of its package. There are three reasons. mutmut forks after the tests were imported, so it does not
see code that runs on import. It chooses the tests that called the function when it watched, so it
misses a call that a cache answered. And a busy machine is slow.

The run ends with an error below 95 %, or if a survivor is missing from the tables of
docs/mutants.md. mutmut is installed once, by hash (`mutmut.lock`), into `.cache/tools/mutmut`,
unless this Python has it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.mutation.verdicts import Mutant

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "mutants"
ENTRANCE = str(FOLDER / "deploy" / "entrance")
"""`concordant` of the mutated copy: it looks for our packages beside itself."""
TABLES = ROOT / "docs" / "mutants.md"
TOOL = ROOT / ".cache" / "tools" / "mutmut"
GOAL_PERCENT = 95
ONE_RUN_SECONDS = 60


def main() -> int:
    """Run them; 0 if enough were killed and every survivor is explained."""
    _install()
    if find_spec("mutmut") is None:  # it is beside this Python, not in it: begin again with both
        arguments = [sys.executable, "-m", "tests.mutation.run", *sys.argv[1:]]
        os.execve(sys.executable, arguments, _environment())
    from tests.mutation import verdicts

    shutil.rmtree(FOLDER, ignore_errors=True)
    begun = time.monotonic()
    jobs = int(os.environ.get("MUTANTS_JOBS", "2"))
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs), *sys.argv[1:]]
    subprocess.run(command, check=True, cwd=ROOT, env=_environment(ENTRANCE))
    tried = [mutant for mutant in verdicts.read(FOLDER) if mutant.status != "not checked"]
    with ThreadPoolExecutor(jobs) as pool:
        tried = list(pool.map(_once_more, tried))
    sys.stdout.write(_figures(tried))
    tables = TABLES.read_text() if TABLES.exists() else ""
    unexplained = [m for m in tried if not m.killed and m.row not in tables]
    sys.stdout.writelines(f"{m.row} {m.status}, {m.number} |\n" for m in unexplained)
    share = _share(tried)
    sys.stdout.write(
        f"{len(tried)} mutants, {share:.1f} % killed, {len(unexplained)} survivors without a "
        f"reason in {TABLES.relative_to(ROOT)}; {time.monotonic() - begun:.0f} s\n"
    )
    return 1 if unexplained or share < GOAL_PERCENT else 0


def _once_more(mutant: Mutant) -> Mutant:
    """After all tests of its package, in a new process that has the mutant from the import on."""
    if mutant.status == "killed":
        return mutant
    tests = f"tests/unit/{mutant.package.replace('.', '/')}"
    if not (FOLDER / tests).exists():
        tests = f"tests/unit/{mutant.package.partition('.')[0]}"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    try:
        done = subprocess.run(
            [*command, tests],
            check=False,
            cwd=FOLDER,
            env=_environment(str(FOLDER), ENTRANCE) | {"MUTANT_UNDER_TEST": mutant.number},
            timeout=ONE_RUN_SECONDS,
            capture_output=True,
        )
    except subprocess.TimeoutExpired:
        return replace(mutant, status="timeout")
    return replace(mutant, status="survived" if done.returncode == 0 else "killed")


def _figures(tried: Sequence[Mutant]) -> str:
    """The table of docs/mutants.md: one row a package, and the sum."""
    packages = sorted({mutant.package for mutant in tried})
    rows = [(f"`{name}`", [m for m in tried if m.package == name]) for name in packages]
    lines = [
        "| | mutants | killed | by time | survived | % | not of a sentence | % |\n",
        "|---|--:|--:|--:|--:|--:|--:|--:|\n",
    ]
    for name, mutants in (*rows, ("all", tried)):
        status = [mutant.status for mutant in mutants]
        plain = [mutant for mutant in mutants if not mutant.of_text]
        survived = sum(not mutant.killed for mutant in mutants)
        lines.append(
            f"| {name} | {len(mutants)} | {status.count('killed')} | {status.count('timeout')} "
            f"| {survived} | {_share(mutants):.1f} | {len(plain)} | {_share(plain):.1f} |\n"
        )
    return "".join(lines)


def _share(mutants: Sequence[Mutant]) -> float:
    """Percent killed."""
    return 100 * sum(mutant.killed for mutant in mutants) / max(1, len(mutants))


def _environment(*first: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join((*first, str(TOOL)))}


def _install() -> None:
    """mutmut, unless this Python or the folder of tools has it."""
    probe = [sys.executable, "-c", "import mutmut"]
    if subprocess.run(probe, capture_output=True, check=False, env=_environment()).returncode == 0:
        return
    sys.stdout.write(f"installing mutmut into {TOOL}, once\n")
    sys.stdout.flush()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    lock = ["--requirement", str(HERE / "mutmut.lock")]
    subprocess.run([*pip, "--target", str(TOOL), *lock], check=True)


if __name__ == "__main__":
    sys.exit(main())
