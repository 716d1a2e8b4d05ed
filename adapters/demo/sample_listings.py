"""Sample listings of the seven agencies: directory files, and the capacity of some services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from adapters.demo.sealed_statements import signed_statement
from broker.agency.config import load_config
from broker.agency.config_secrets import agency_state
from broker.agency.participant import Participant, load_participant
from broker.directory.listing import format_listing
from broker.directory.listing_file import FILE_NAME
from broker.directory.readable import readable_versions
from broker.keys.durable import write_durably
from broker.operations.directory.publishing import (
    StatedCapacity,
    own_listing,
    publish_listing,
    state_capacity,
)
from broker.statements.listings import LISTING
from broker.statements.partner_statements import StatementPlace
from broker.store.database import open_store
from broker.store.rows import ListingRow
from broker.tlog.note import format_note

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
        root: holds one folder for each agency. A state that is missing is made.
        agencies: ids of the fictitious agencies.
        now: ms.

    Raises:
        StoreError: a state cannot be written.
    """
    for agency in agencies:
        folder = root / agency
        open_store(agency_state(load_config(folder), folder)).close()
        publish_listing(folder, now)
        for service, stated in CAPACITIES.get(agency, {}).items():
            state_capacity(folder, service, stated, now)


def exchange_listings(root: Path, agencies: Sequence[str], now: int) -> None:
    """Publish every listing, and put it, sealed and signed, into the state of every partner.

    It stands for the adapters, which send listings over Kafka.

    Args:
        root: holds one folder for each agency.
        agencies: ids of the fictitious agencies.
        now: ms.

    Raises:
        StoreError: a state cannot be written.
    """
    publish_listings(root, agencies, now)
    participants = {agency: load_participant(root / agency, now) for agency in agencies}
    rows = [_sealed(one, participants, now) for one in participants.values()]
    for agency, participant in participants.items():
        store = open_store(participant.state)
        try:
            with store.transaction() as tx:
                for row in rows:
                    if row.agency != agency:
                        tx.listings.save(row)
        finally:
            store.close()


def _sealed(own: Participant, participants: Mapping[str, Participant], now: int) -> ListingRow:
    """Return the listing of an agency as its partners hold it."""
    store = open_store(own.state)
    try:
        with store.reading() as tx:
            published = own_listing(tx, own.agency)
    finally:
        store.close()
    reads = readable_versions(own.contracts)
    content = format_listing(published.model_copy(update={"reads": reads}))
    place = StatementPlace(own.deployment, own.agency, now)
    readers = participants.keys() - {own.agency}
    note = signed_statement(LISTING, own, place, content, sorted(readers))
    return ListingRow(own.agency, now, format_note(note), content)
