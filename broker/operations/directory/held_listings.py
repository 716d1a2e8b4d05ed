"""Listings that this agency holds: its own, and the newest of each partner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.directory.listing import Listing, parse_listing_content
from broker.errors import WrongInputError
from broker.registry.active_partners import active_partners
from broker.statements.authorship import is_still_believed
from broker.store.transaction import Transaction
from contracts.names import require_known


@dataclass(frozen=True, slots=True)
class HeldListing:
    """The newest listing of an agency.

    Attributes:
        agency: its id.
        legal_name: as its agreement states it.
        listing: its content.
        made_ms: when the agency made it, by its own clock.
        own: whether it is this agency's own.
    """

    agency: str
    legal_name: str
    listing: Listing
    made_ms: int
    own: bool


@dataclass(frozen=True, slots=True)
class HeldListings:
    """Listings of this agency and its partners.

    Attributes:
        held: by agency id.
        silent: partners without a listing, by agency id, with their legal names.
    """

    held: tuple[HeldListing, ...]
    silent: dict[str, str]


def held_listings(participant: Participant, tx: Transaction, now: int) -> HeldListings:
    """Return the listings of this agency and of the partners that take part now.

    A listing whose key was revoked later is left out: its maker publishes a new one.
    """
    own = participant.agency
    agencies = active_partners(participant.contracts, participant.manifests, now) | {own}
    rows = {row.agency: row for row in tx.listings.all()}
    names = _legal_names(participant)
    held = []
    for agency in sorted(agencies & rows.keys()):
        row = rows[agency]
        if row.note is not None and not is_still_believed(
            row.note, participant.manifests, agency, row.time_ms
        ):
            continue
        listing = parse_listing_content(row.content)
        held.append(HeldListing(agency, names[agency], listing, row.time_ms, agency == own))
    silent = agencies - {one.agency for one in held} - {own}
    return HeldListings(tuple(held), {agency: names[agency] for agency in sorted(silent)})


def all_listings(directory: Path, now: int) -> HeldListings:
    """Return the listings that an agency's folder holds.

    Raises:
        StoreError: `state_missing`, or the state cannot be read.
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            return held_listings(participant, tx, now)
    finally:
        store.close()


def listing_of(directory: Path, agency: str | None, now: int) -> HeldListing:
    """Return the listing of an agency; of this agency if none is named.

    Raises:
        UnknownNameError: `agency_unknown`: it is no partner.
        ListingMissingError: it has published nothing that has come here.
        ConcordantError: as `all_listings`.
    """
    found = all_listings(directory, now)
    if agency is None:
        held = [one for one in found.held if one.own]
    else:
        known = [*(one.agency for one in found.held), *found.silent]
        require_known("agency", agency, known, code="agency_unknown", exact=True)
        held = [one for one in found.held if one.agency == agency]
    if not held:
        raise _missing(directory, agency)
    return held[0]


class ListingMissingError(WrongInputError):
    """An agency has no listing."""

    code = "listing_missing"
    exit_code = 1


def _missing(directory: Path, agency: str | None) -> ListingMissingError:
    if agency is None:
        return ListingMissingError(
            "This agency has published no listing.",
            fix=f"Write directory.yaml, then: concordant directory publish --agency {directory}",
        )
    return ListingMissingError(
        f"No listing of {agency} has come.",
        fix=f"See when it was heard last: concordant status --agency {directory}",
    )


def _legal_names(participant: Participant) -> dict[str, str]:
    signed = participant.contracts.trusted()
    return {party.id: party.legal_name for one in signed for party in one.contract.parties}
