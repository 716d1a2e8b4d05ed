"""A second reader of `concordant/1`, written from docs/spec alone (tests/vectors/README.md).

    python -m tests.conformance.reader SETTING AGENCY NOW <records >answers

It imports nothing of the software that it checks. Start reading at `judging`, which has the steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance.conventions import parse_time
from tests.conformance.judging import Reading
from tests.conformance.view import load_view


def main(setting: str, agency: str, now: str) -> None:
    """Answer each line of the standard input on the standard output."""
    time = parse_time(now)
    reading = Reading(load_view(Path(setting), agency, time), time)
    for line in sys.stdin.buffer:
        answer = reading.answer(line.removesuffix(b"\n").removesuffix(b"\r"))
        sys.stdout.buffer.write(answer.encode("utf-8", "surrogatepass") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
