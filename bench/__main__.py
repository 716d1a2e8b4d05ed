"""``python -m bench [--quick] [PART ...]``: all benchmarks, or some of them.

Parts: envelope, batching, growth, sizes, agreements, exports, pages, idle, shared,
endtoend, desk, disclosure.
The part docs writes the tables of docs/benchmarks.md and the plot from the results in bench/out.
``--quick`` takes a tenth of the time, for a first try.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Final

PARTS: Final = {
    "envelope": "envelope",
    "batching": "batching",
    "growth": "growth",
    "sizes": "sizes",
    "agreements": "agreements",
    "exports": "export_memory",
    "pages": "pages",
    "idle": "idle",
    "shared": "shared_state",
    "endtoend": "endtoend",
    "desk": "desk",
    "disclosure": "disclosure",
    "figures": "figures",
    "docs": "docs",
}
"""Module of each part."""


def main() -> None:
    """Run the parts in turn."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and events")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", default=[])
    given = parser.parse_args()
    for part in given.parts or PARTS:
        importlib.import_module(f"bench.{PARTS[part]}").run(quick=given.quick)


if __name__ == "__main__":
    main()
