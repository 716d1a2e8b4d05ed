"""Files by which other processes see that an agency's adapter runs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from broker.store.exclusion import is_held

ADAPTER_LOCK: Final = "state/adapter.lock"
"""Held by a running adapter."""
PORT_FILE: Final = "state/http-port"
"""Where a running adapter answers /livez, /readyz and /metrics."""


def adapter_runs(agency: Path) -> bool:
    """Whether an adapter runs on this agency's folder."""
    return is_held(agency / ADAPTER_LOCK)


def health_port(agency: Path) -> int | None:
    """The port of the adapter that ran last; None if that is not known."""
    try:
        return int((agency / PORT_FILE).read_text())
    except (OSError, ValueError):
        return None
