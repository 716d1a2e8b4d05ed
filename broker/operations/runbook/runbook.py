"""The whole runbook: every entry by name, and the entry of each alert.

``deploy/prometheus/alerts.yml`` has the alerts. A test requires an entry for each. docs/runbook.md
is made from the same entries, and the web application shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from broker.operations.runbook.adapter_entries import ENTRIES as _ADAPTER
from broker.operations.runbook.partner_entries import ENTRIES as _PARTNERS
from broker.operations.runbook.runbook_entry import RunbookEntry
from broker.operations.runbook.validity_entries import ENTRIES as _VALIDITY

RUNBOOK: Final[Mapping[str, RunbookEntry]] = {
    entry.name: entry for entry in (*_ADAPTER, *_PARTNERS, *_VALIDITY)
}
BY_ALERT: Final[Mapping[str, RunbookEntry]] = {
    alert: entry for entry in RUNBOOK.values() for alert in entry.alerts
}
_COMMAND: Final = re.compile(r"`([^`]+)`")


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Return a text in parts, each with whether it is a command or a name to type."""
    for number, part in enumerate(_COMMAND.split(text)):
        if part:
            yield part, number % 2 == 1
