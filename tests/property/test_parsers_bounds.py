"""What was written to cost time or memory costs little of either.

The inputs and the limit on memory are in tests/fuzz/parser_hostile.py, which runs as a process of
its own: libraries in C and Rust take memory that no Python tool counts, and only the system stops.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HOSTILE = Path(__file__).parents[1] / "fuzz" / "parser_hostile.py"
CPU_SECONDS = 5.0
"""For one input of at most a few megabytes. The slowest takes 0.6 s here; what is quadratic takes
minutes, so a loaded machine does not blur the difference."""


def test_no_input_costs_more_than_its_size_explains() -> None:
    done = subprocess.run(
        [sys.executable, str(HOSTILE)], capture_output=True, text=True, timeout=240, check=False
    )
    *lines, last = done.stdout.splitlines() or [""]
    tried = [json.loads(line) for line in lines]
    assert last == "done", f"after {tried[-1] if tried else 'nothing'}: {done.stderr[-2000:]}"
    assert len(tried) > 300
    assert [line for line in tried if line["cpu"] > CPU_SECONDS] == []
