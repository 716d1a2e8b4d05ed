"""Sample listings of the seven agencies: directory files, and the capacity of some services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from broker.directory.listing_file import FILE_NAME
from broker.keys.durable import write_durably
from broker.operations.directory.publishing import StatedCapacity, publish_listing, state_capacity

CAPACITIES: Final[Mapping[str, Mapping[str, StatedCapacity]]] = {
    "council-camden": {"housing-options": StatedCapacity("waitlist")},
    "council-lewisham": {"housing-needs": StatedCapacity("capacity", places=2)},
    "haven-support": {
        "emotional-support": StatedCapacity("capacity", places=4),
        "advocacy": StatedCapacity("no-capacity"),
        "safe-home": StatedCapacity("additional-assessment-required"),
    },
    "lantern-centre": {"reporting": StatedCapacity("capacity")},
}
"""By agency and service: what its people state. The others state none, so it is not known."""


def place_listings(root: Path, agencies: Sequence[str]) -> None:
    """Write `directory.yaml` into the folder of each agency that has none.

    Args:
        root: holds one folder for each agency.
        agencies: ids of the fictitious agencies.
    """
    samples = files("adapters.demo.samples") / "listings"
    for agency in agencies:
        path = root / agency / FILE_NAME
        if not path.exists():
            write_durably(path, (samples / f"{agency}.yaml").read_bytes())


def publish_listings(root: Path, agencies: Sequence[str], now: int) -> None:
    """Publish the listing of each agency, with the capacity that its people state.

    Args:
        root: holds one folder for each agency.
        agencies: ids of the fictitious agencies, whose states exist.
        now: ms.

    Raises:
        StoreError: a state is missing or cannot be written.
    """
    for agency in agencies:
        publish_listing(root / agency, now)
        for service, stated in CAPACITIES.get(agency, {}).items():
            state_capacity(root / agency, service, stated, now)
