"""Publication of this agency's listing: from its file, and its capacity from a person.

Both write the state. The running adapter publishes what is there (`broker.control.own_listing`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.agency.running import adapter_runs, open_held_state
from broker.directory.code_lists import listed_codes
from broker.directory.listing import (
    Capacity,
    CapacityState,
    Listing,
    Service,
    format_listing,
    parse_listing_content,
)
from broker.directory.listing_file import (
    FILE_NAME,
    MAX_FILE_BYTES,
    ListedCodes,
    ListingFile,
    parse_listing_file,
)
from broker.errors import WrongInputError
from broker.store.rows import ListingRow
from broker.store.transaction import Transaction
from contracts.bounded_file import read_bounded
from contracts.durations import DAY_MS
from contracts.errors import ContractError
from contracts.names import require_known
from contracts.vocabulary import Vocabulary

MAX_WRITTEN_BYTES: Final = 96 * 1024
"""Maximum size of what people write; the rest of a listing is for what the software can read."""
LONGEST_DAYS: Final = 92
"""Longest time for which a statement of capacity is valid."""
DEFAULT_DAYS: Final = 7
MOST_PLACES: Final = 100_000


@dataclass(frozen=True, slots=True)
class PublishedListing:
    """Result of a publication.

    Attributes:
        listing: what was published.
        adapter_runs: whether the adapter runs, which sends it within a minute.
    """

    listing: Listing
    adapter_runs: bool


@dataclass(frozen=True, slots=True)
class StatedCapacity:
    """Capacity of a service, as a person states it."""

    state: CapacityState
    places: int | None = None
    days: int = DEFAULT_DAYS
    again_on: date | None = None


def publish_listing(directory: Path, now: int) -> PublishedListing:
    """Publish what `directory.yaml` says.

    The capacity of a service stays, if a service of the same id had one.

    Args:
        directory: the agency's folder.
        now: ms.

    Raises:
        ContractError: `listing_unreadable`, `listing_invalid`.
        StoreError: `state_missing`, or the state cannot be written.
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    form = load_listing_file(participant)

    def changed(before: Listing) -> Listing:
        services = {
            name: _with_capacity(service, before.services.get(name))
            for name, service in form.services.items()
        }
        return Listing(organisation=form.organisation, services=services)

    return _published(participant, changed, now)


def state_capacity(
    directory: Path, service: str, stated: StatedCapacity, now: int
) -> PublishedListing:
    """Publish the capacity of a service.

    Args:
        directory: the agency's folder.
        service: its id in `directory.yaml`.
        stated: the capacity.
        now: ms.

    Raises:
        UnknownNameError: `service_unknown`: no published service has this id.
        StoreError: `state_missing`, or the state cannot be written.
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    capacity = Capacity(
        state=stated.state,
        places=stated.places,
        as_of=now,
        expires=now + stated.days * DAY_MS,
        again_on=stated.again_on,
    )

    def changed(before: Listing) -> Listing:
        require_known("service", service, before.services, code="service_unknown", exact=True)
        partners = before.services[service].partners.model_copy(update={"capacity": capacity})
        one = before.services[service].model_copy(update={"partners": partners})
        return before.model_copy(update={"services": {**before.services, service: one}})

    return _published(participant, changed, now)


def load_listing_file(participant: Participant) -> ListingFile:
    """Read `directory.yaml` of an agency.

    Raises:
        ContractError: `listing_unreadable`, `listing_invalid`.
    """
    path = participant.path(FILE_NAME)
    raw = read_bounded(
        path,
        MAX_FILE_BYTES,
        ContractError,
        code="listing_unreadable",
        what="directory file",
        fix="Write it as docs/guides/directory.md shows, and check its owner and permissions.",
    )
    return parse_listing_file(raw, str(path), agreed_codes(participant))


def agreed_codes(participant: Participant) -> ListedCodes:
    """Return the codes that the agreements of an agency have."""
    signed = participant.contracts.trusted()
    vocabularies: dict[str, Vocabulary] = {
        one.contract.vocabulary.hash: one.contract.vocabulary for one in signed
    }
    return listed_codes(vocabularies.values())


def own_listing(tx: Transaction, agency: str) -> Listing:
    """Return what this agency published last; an empty listing if nothing yet."""
    row = tx.listings.get(agency)
    return Listing() if row is None else parse_listing_content(row.content)


def _published(
    participant: Participant, changed: Callable[[Listing], Listing], now: int
) -> PublishedListing:
    store = open_held_state(participant)
    try:
        with store.transaction() as tx:
            listing = changed(own_listing(tx, participant.agency))
            content = format_listing(listing)
            if len(content) > MAX_WRITTEN_BYTES:
                raise WrongInputError(
                    f"The listing has {len(content):,} bytes; at most {MAX_WRITTEN_BYTES:,} fit "
                    "into a record.",
                    code="listing_too_large",
                    where=str(participant.path(FILE_NAME)),
                    fix="Shorten the descriptions, or leave services out, then publish again.",
                )
            tx.listings.save(ListingRow(participant.agency, now, None, content))
    finally:
        store.close()
    return PublishedListing(listing, adapter_runs(participant.root))


def _with_capacity(service: Service, before: Service | None) -> Service:
    if before is None or before.partners.capacity is None:
        return service
    partners = service.partners.model_copy(update={"capacity": before.partners.capacity})
    return service.model_copy(update={"partners": partners})
