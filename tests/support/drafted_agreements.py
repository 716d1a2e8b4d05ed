"""Agencies with their entries, and an agreement drafted from some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.operations.agency_entry import write_entry
from broker.operations.contract_draft import draft_contract
from tests.support.founding import NOW, cheap_scrypt, found

TODAY = datetime.fromtimestamp(NOW // 1000, UTC).date()


def with_entries(root: Path, agencies: Mapping[str, str]) -> None:
    """Agencies in folders below `root`, each with its entry beside its folder.

    Args:
        root: the folder.
        agencies: agency id -> role.
    """
    with cheap_scrypt():
        for agency, role in agencies.items():
            found(root / agency, agency, role)
            write_entry(root / agency, root / f"{agency}.entry", NOW)


def drafted(out: Path, entries: Iterable[Path], **changed: Any) -> Path:
    """The London agreement between the agencies of some entries, for 300 days from today."""
    values: dict[str, Any] = {
        "terms": "london-hate-crime",
        "entries": list(entries),
        "deployment": "pan-camden",
        "starts": TODAY,
        "ends": TODAY + timedelta(days=300),
        "review_on": TODAY + timedelta(days=200),
        "out": out,
        "now": NOW,
    }
    draft_contract(**values | changed)
    return out
