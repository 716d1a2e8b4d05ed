"""Write docs/runbook.md from the runbook of the program: python docs/runbook.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from broker.operations.runbook.runbook import RUNBOOK
from broker.operations.runbook.runbook_entry import RunbookEntry

PAGE = Path(__file__).with_name("runbook.md")

HEAD = """\
# Runbook

Each trouble of an adapter, with the steps that end it. `concordant status` and the operator's page of
`concordant web` name the trouble in their first line. Each alert of
`deploy/prometheus/alerts.yml` links its entry here. DIR stands for the agency's folder. Made from
the program by `docs/runbook.py`; `concordant web` shows the same entries without a network.

[Reason codes](codes.md) explains each code, and
[Watching it](guides/connecting-an-agency.md#watching-it) each alarm.

| alert | trouble |
| --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = sorted(
        f"| `{alert}` | [{entry.title}](#{entry.name}) |\n"
        for entry in RUNBOOK.values()
        for alert in entry.alerts
    )
    entries = "\n".join("".join(_entry(entry)) for entry in RUNBOOK.values())
    return f"{HEAD}{''.join(rows)}\n{entries}"


def _entry(entry: RunbookEntry) -> Iterator[str]:
    yield f"({entry.name})=\n## {entry.title}\n\n"
    if entry.alerts:
        named = ", ".join(f"`{alert}`" for alert in entry.alerts)
        yield f"Alert{'s' if len(entry.alerts) > 1 else ''}: {named}.\n\n"
    yield f"{entry.means}\n\n{entry.works}\n\n"
    for number, step in enumerate(entry.steps, 1):
        yield f"{number}. {step}\n"


if __name__ == "__main__":
    PAGE.write_text(page())
