"""`make fuzz`: every parser under atheris for a stated time, two at a time.

    python -m tests.fuzz.run [PARSER ...]

FUZZ_SECONDS (20) is for each parser, FUZZ_JOBS (2) is how many run at once. Findings are written to
`.cache/fuzz/PARSER/` as `crash-*`, `oom-*` or `timeout-*`, and
`PYTHONPATH=.cache/tools/atheris python -m tests.fuzz.harness PARSER FILE` tries such a file again.
The corpus beside it grows from run to run. Ends with an error if anything was found. atheris is
installed once, by hash (`atheris.lock`), into `.cache/tools/atheris`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache"
TOOL = CACHE / "tools" / "atheris"
HARNESS = HERE / "harness.py"
INPUT_BYTES, MEMORY_MIB, ONE_INPUT_SECONDS = 65_536, 2_048, 10
FINDINGS = ("crash-", "oom-", "timeout-", "leak-", "slow-unit-")


@dataclass(frozen=True)
class Outcome:
    """Result of one parser."""

    parser: str
    runs: int
    coverage: int
    code: int
    found: tuple[Path, ...]
    output: str


def main() -> int:
    """Fuzz them; 0 if nothing was found."""
    from tests.fuzz import parser_catalogue
    from tests.fuzz.parser_exports import exports

    names = [parser.name for parser in (*parser_catalogue.PARSERS, *exports())]
    chosen = sys.argv[1:] or names
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        raise SystemExit(f"no such parser: {', '.join(unknown)}; there are {', '.join(names)}")
    seconds = int(os.environ.get("FUZZ_SECONDS", "20"))
    jobs = int(os.environ.get("FUZZ_JOBS", "2"))
    _install()
    begun = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda name: _fuzz(name, seconds), chosen))
    bad = [outcome for outcome in outcomes if outcome.code]
    for outcome in bad:
        sys.stdout.write(f"\n=== {outcome.parser}\n{outcome.output[-4000:]}\n")
        sys.stdout.writelines(f"{path}\n" for path in outcome.found)
    total = sum(outcome.runs for outcome in outcomes)
    sys.stdout.write(
        f"{len(chosen)} parsers, {seconds} s each, {total} inputs, {len(bad)} with findings; "
        f"{time.monotonic() - begun:.0f} s\n"
    )
    return 1 if bad else 0


def _fuzz(name: str, seconds: int) -> Outcome:
    folder = CACHE / "fuzz" / name
    corpus = folder / "corpus"
    environment = os.environ | {"PYTHONPATH": str(TOOL)}
    python = [sys.executable, str(HARNESS), name]
    subprocess.run([*python, "--seeds", str(corpus)], check=True, env=environment)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_BYTES}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-timeout={ONE_INPUT_SECONDS}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    )
    before = _found(folder)
    done = subprocess.run(
        [*python, *options, str(corpus)],
        capture_output=True,
        check=False,
        env=environment,
    )
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    runs = re.findall(r"stat::number_of_executed_units:\s+(\d+)", output)
    coverage = re.findall(r"cov: (\d+)", output)
    outcome = Outcome(
        name,
        int(runs[-1]) if runs else 0,
        int(coverage[-1]) if coverage else 0,
        # A run that says nothing of itself did not happen, whatever its exit code
        done.returncode or (0 if runs else 1),
        tuple(sorted(_found(folder) - before)),
        output,
    )
    verdict = "ok" if outcome.code == 0 else "FOUND"
    sys.stdout.write(
        f"{name:16} {outcome.runs:9} inputs  coverage {outcome.coverage:5}  {verdict}\n"
    )
    sys.stdout.flush()
    return outcome


def _found(folder: Path) -> set[Path]:
    return {path for path in folder.glob("*") if path.name.startswith(FINDINGS)}


def _install() -> None:
    """atheris, unless this Python or the folder of tools has it."""
    environment = os.environ | {"PYTHONPATH": str(TOOL)}
    probe = [sys.executable, "-c", "import atheris"]
    if subprocess.run(probe, capture_output=True, check=False, env=environment).returncode == 0:
        return
    sys.stdout.write(f"installing atheris into {TOOL}, once\n")
    sys.stdout.flush()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary"]
    subprocess.run(
        [*pip, ":all:", "--target", str(TOOL), "--requirement", str(HERE / "atheris.lock")],
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
