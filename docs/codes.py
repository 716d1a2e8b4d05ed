"""Write docs/codes.md from the registry of reason codes: python docs/codes.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from broker.codes.meanings import CODES
from contracts.lint_rules import LintRule, lint_rules

PAGE = Path(__file__).with_name("codes.md")


def page() -> str:
    """The whole page."""
    rows = "".join(f"| `{code}` | {one.means} | {one.to_do} |\n" for code, one in CODES.items())
    every = [rule for _, rule in sorted(lint_rules().items())]
    rules = "".join(_row(rule) for rule in every if rule.about != "vocabulary")
    of_vocabularies = "".join(_row(rule) for rule in every if rule.about == "vocabulary")
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
        "The table is made from `contracts/data/lint_rules.<date>.json`. A rule applies from the\n"
        "day in the fourth column. An agency's lawyer confirms what the last column names. An\n"
        "organisation can add rules of its own: [Own lint rules](guides/lint-rules.md).\n\n"
        "| code | severity | meaning | from | what to do | source | lawyer to confirm |\n"
        f"| --- | --- | --- | --- | --- | --- | --- |\n{rules}\n"
        "## Codes of `vocabulary lint`\n\n"
        "Findings about a vocabulary, from the same list.\n\n"
        "| code | severity | meaning | from | what to do | source | lawyer to confirm |\n"
        f"| --- | --- | --- | --- | --- | --- | --- |\n{of_vocabularies}"
    )


def _row(rule: LintRule) -> str:
    days = str(rule.first_day or "") + (f" until {rule.until}" if rule.until else "")
    sources = "; ".join(
        f"[{source.cite}]({source.url})" if source.url else cited
        for source, cited in zip(rule.sources, rule.cited, strict=True)
    )
    severity = " or ".join(sorted(rule.severities))
    return (
        f"| `{rule.rule}` | {severity} | {rule.means} | {days} | {rule.fix} | {sources} | "
        f"{rule.confirm or ''} |\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
