"""Exchange of listings with open directories: files of Open Referral UK 3.0."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from broker.agency.participant import load_participant
from broker.directory.open_referral_export import JSON, services_page
from broker.directory.open_referral_import import MAX_FEED_BYTES, imported, parse_feed
from broker.errors import WrongInputError
from broker.operations.directory.held_listings import ListingMissingError, listing_of
from broker.operations.directory.publishing import agreed_codes
from contracts.bounded_file import read_bounded


@dataclass(frozen=True, slots=True)
class ImportedServices:
    """Services of a feed as the text of a `directory.yaml`.

    Attributes:
        text: the file.
        services: number of services.
        incomplete: ids of services for which a person has to add needs or areas.
    """

    text: str
    services: int
    incomplete: tuple[str, ...]


def export_open_referral(directory: Path, now: int) -> dict[str, JSON]:
    """Return the public part of this agency's listing as a page of Open Referral UK.

    Raises:
        ListingMissingError: this agency has published no services.
        StoreError: `state_missing`, or the state cannot be read.
        ConcordantError: the folder cannot be loaded.
    """
    held = listing_of(directory, None, now)
    if held.listing.organisation is None:
        raise ListingMissingError(
            "This agency has published no services.",
            fix=f"Write directory.yaml, then: concordant directory publish --agency {directory}",
        )
    return services_page(held.agency, held.listing, agreed_codes(load_participant(directory, now)))


def import_open_referral(directory: Path, file: Path, now: int) -> ImportedServices:
    """Return the services of a feed as the text of a `directory.yaml`.

    Args:
        directory: the agency's folder, whose agreements have the codes.
        file: a page, a list, or one service, as JSON.
        now: ms.

    Raises:
        WrongInputError: `open_referral_invalid`, `open_referral_unreadable`.
        ConcordantError: the folder cannot be loaded.
    """
    codes = agreed_codes(load_participant(directory, now))
    raw = read_bounded(
        file,
        MAX_FEED_BYTES,
        WrongInputError,
        code="open_referral_unreadable",
        what="file of Open Referral UK",
    )
    content = imported(parse_feed(raw, str(file)), codes)
    services = content["services"]
    assert isinstance(services, dict)
    incomplete = tuple(name for name, one in services.items() if _is_incomplete(one))
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return ImportedServices(text, len(services), incomplete)


def _is_incomplete(service: JSON) -> bool:
    assert isinstance(service, dict)
    return not service["needs"] or not service["areas"]
