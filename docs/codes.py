"""Write docs/codes.md from the registry of reason codes: python docs/codes.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from broker.codes.meanings import CODES

PAGE = Path(__file__).with_name("codes.md")


def page() -> str:
    """The whole page."""
    rows = "".join(f"| `{code}` | {one.means} | {one.to_do} |\n" for code, one in CODES.items())
    return (
        "# Reason codes\n\n"
        "Every code that Concordant prints, logs or counts, in alphabetical order. Words in\n"
        "capitals stand for what the message names. Made by `docs/codes.py`.\n\n"
        f"| code | meaning | what to do |\n| --- | --- | --- |\n{rows}"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
