"""Write docs/codes.md from the registry of reason codes: python docs/codes.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from broker.codes.meanings import CODES
from contracts.lint_rules import RULES

PAGE = Path(__file__).with_name("codes.md")


def page() -> str:
    """The whole page."""
    rows = "".join(f"| `{code}` | {one.means} | {one.to_do} |\n" for code, one in CODES.items())
    rules = "".join(f"| `{rule}` | {means} |\n" for rule, means in sorted(RULES.items()))
    return (
        "# Reason codes\n\n"
        "Every code that Concordant prints, logs or counts, in alphabetical order; those of\n"
        "`contract lint` are in [a table of their own](#codes-of-contract-lint). Words in\n"
        "capitals stand for what the message names. Made by `docs/codes.py`.\n\n"
        f"| code | meaning | what to do |\n| --- | --- | --- |\n{rows}\n"
        "## Codes of `contract lint`\n\n"
        "Findings about the text of an agreement. An error stops a signature until the text is\n"
        "corrected. A warning has to be read: correct the text, or accept the warning with\n"
        "`concordant contract sign --accept CODE`.\n\n"
        f"| code | meaning |\n| --- | --- |\n{rules}"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
