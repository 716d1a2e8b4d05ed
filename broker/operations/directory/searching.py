"""Search of the directory of an agency: partners' services, and agencies that it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.directory.areas import areas_by_name
from broker.directory.listing_file import FILE_NAME, KnownAgency, ListedCodes
from broker.directory.search import KnownFit, Offer, Query, find_known, find_offers
from broker.figures.expected_answers import ExpectedAnswer
from broker.operations.directory.answer_times import answer_times
from broker.operations.directory.held_listings import HeldListing, held_listings
from broker.operations.directory.publishing import agreed_codes, load_listing_file
from broker.store.database import Store
from contracts.names import require_known

_ONS_CODE: Final = re.compile(r"[EWSNK][0-9]{8}")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of a search.

    Attributes:
        query: the search.
        offers: services of partners that fit, the best first.
        known: agencies that fit and are not connected.
        silent: partners that have published no services, by id, with their legal names.
        answers: expected times to an answer by agency id; not of agencies that were asked rarely.
    """

    query: Query
    offers: tuple[Offer, ...]
    known: tuple[KnownFit, ...]
    silent: dict[str, str]
    answers: Mapping[str, ExpectedAnswer]


def search_directory(directory: Path, query: Query, now: int) -> SearchResult:
    """Find services for a need, an area and a motivation.

    This agency's own services are left out: a referral goes to a partner.

    Args:
        directory: the agency's folder.
        query: the search. Its area is the name of an area, in small or capital letters, or a code.
        now: ms.

    Raises:
        UnknownNameError: `code_unknown`: the agreements have no such code; `area_invalid`: it is
            neither the name of an area nor an ONS code.
        ContractError: `listing_invalid`: the agency's own file is wrong.
        StoreError: `state_missing`, or the state cannot be read.
        KeyAccessError: the agency's secret is not available.
        ConcordantError: the folder cannot be loaded.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        return find_services(participant, store, _with_area_code(query), now)
    finally:
        store.close()


def find_services(participant: Participant, store: Store, query: Query, now: int) -> SearchResult:
    """Find services as `search_directory` does, for an agency that is loaded.

    Args:
        participant: this agency.
        store: its state.
        query: the search.
        now: ms.

    Raises:
        UnknownNameError, ContractError, StoreError, KeyAccessError: as `search_directory`.
    """
    codes = agreed_codes(participant)
    _require_codes(query, codes)
    known = known_agencies(participant)
    partners, silent = _partners(participant, store, now)
    listings = [(one.agency, one.legal_name, one.listing) for one in partners]
    silent |= {one.agency: one.legal_name for one in partners if one.listing.organisation is None}
    return SearchResult(
        query,
        find_offers(query, listings, codes, now),
        find_known(query, known, codes),
        dict(sorted(silent.items())),
        answer_times(participant, store, now),
    )


def partner_offers(
    participant: Participant, store: Store, query: Query, now: int
) -> tuple[Offer, ...]:
    """Return the services of partners that fit, the best first. The agency's own file is not read.

    Args:
        participant: this agency.
        store: its state.
        query: the search.
        now: ms.

    Raises:
        StoreError: the state cannot be read.
    """
    partners, _ = _partners(participant, store, now)
    listings = [(one.agency, one.legal_name, one.listing) for one in partners]
    return find_offers(query, listings, agreed_codes(participant), now)


def _partners(
    participant: Participant, store: Store, now: int
) -> tuple[list[HeldListing], dict[str, str]]:
    """Return the listings of partners, and the names of those without one by id."""
    with store.reading() as tx:
        found = held_listings(participant, tx, now)
    return [one for one in found.held if not one.own], found.silent


def known_agencies(participant: Participant) -> dict[str, KnownAgency]:
    """Return the agencies that the agency's own file lists; none if there is no file.

    Raises:
        ContractError: `listing_invalid`.
    """
    if not participant.path(FILE_NAME).exists():
        return {}
    return load_listing_file(participant).known


def _require_codes(query: Query, codes: ListedCodes) -> None:
    if query.need is not None:
        require_known("need", query.need, codes.needs, code="code_unknown", exact=True)
    if query.strand is not None:
        require_known("strand", query.strand, codes.strands, code="code_unknown", exact=True)


def _with_area_code(query: Query) -> Query:
    """Return the search with the code of its area instead of a name."""
    if query.area is None or _ONS_CODE.fullmatch(query.area):
        return query
    codes = {name.casefold(): code for name, code in areas_by_name().items()}
    code = codes.get(query.area.strip().casefold())
    if code is None:
        require_known("area", query.area, areas_by_name(), code="area_invalid", exact=True)
    return replace(query, area=code)
