"""``python -m bench [--quick] [PART ...]``: all benchmarks, or some of them.

Parts: envelope, batching, growth, exports, endtoend; docs writes docs/benchmarks.md and its plot
from the results in bench/out. ``--quick`` takes a tenth of the time and is for trying out.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Final

PARTS: Final = ("envelope", "batching", "growth", "exports", "endtoend", "docs")


def main() -> None:
    """Run the parts in turn."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and events")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", default=[])
    given = parser.parse_args()
    for part in given.parts or PARTS:
        importlib.import_module(f"bench.{part}").run(quick=given.quick)


if __name__ == "__main__":
    main()
