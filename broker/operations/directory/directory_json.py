"""Listings, results of a search and gaps of the directory as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.directory.areas import area_name
from broker.directory.capacity_text import capacity_json
from broker.directory.coverage import CoverageCell
from broker.directory.listing import Service
from broker.directory.search import KnownFit, Offer, Reason
from broker.figures.expected_answers import ExpectedAnswer
from broker.keys.instant import format_instant
from broker.operations.directory.held_listings import HeldListing
from broker.operations.directory.searching import SearchResult
from contracts.durations import DAY_MS


def listing_json(held: HeldListing, now: int) -> dict[str, Any]:
    """Return a listing for scripts."""
    shown = held.listing.model_dump(mode="json")
    for name, service in held.listing.services.items():
        shown["services"][name]["partners"]["capacity"] = capacity_json(service, now)
        shown["services"][name]["location"] = _location_json(service)
    return {
        "agency": held.agency,
        "legal_name": held.legal_name,
        "own": held.own,
        "made": format_instant(held.made_ms),
        **shown,
    }


def found_json(found: SearchResult, now: int) -> dict[str, Any]:
    """Return the result of a search for scripts."""
    asked = found.query
    return {
        "query": {"need": asked.need, "area": asked.area, "strand": asked.strand},
        "area_name": None if asked.area is None else area_name(asked.area),
        "results": [
            *(_offer_json(one, found.answers.get(one.agency), now) for one in found.offers),
            *(_known_json(one) for one in found.known),
        ],
        "silent": [{"agency": agency, "legal_name": name} for agency, name in found.silent.items()],
    }


def _offer_json(offer: Offer, answer: ExpectedAnswer | None, now: int) -> dict[str, Any]:
    stated = offer.service.partners.capacity
    capacity = capacity_json(offer.service, now)
    if stated is not None:
        capacity["age_days"] = max(0, now - stated.as_of) // DAY_MS
    shown = offer.service.model_dump(mode="json", exclude={"partners"})
    return {
        "connected": True,
        "agency": offer.agency,
        "legal_name": offer.legal_name,
        "service": offer.service_id,
        "reasons": _reasons_json(offer.reasons),
        "capacity": capacity,
        "expected_answer": None
        if answer is None
        else {"within": answer.bucket, "referrals": answer.referrals},
        "intake": offer.service.partners.intake,
        "safe_contact": offer.service.partners.safe_contact,
        **shown,
        "location": _location_json(offer.service),
    }


def _location_json(service: Service) -> dict[str, Any] | None:
    place = service.shown_location
    return None if place is None else place.model_dump(mode="json")


def _known_json(fit: KnownFit) -> dict[str, Any]:
    return {
        "connected": False,
        "agency": fit.id,
        "reasons": _reasons_json(fit.reasons),
        "capacity": {"state": "unknown"},
        **fit.agency.model_dump(mode="json"),
        "invite": fit.invitation,
    }


def _reasons_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.text} for one in reasons]


def coverage_json(cells: Sequence[CoverageCell]) -> dict[str, Any]:
    """Return the cells for scripts."""
    return {
        "cells": [
            {
                "kind": cell.kind,
                "code": cell.code,
                "label": cell.label,
                "area": cell.area.code,
                "area_name": cell.area.name,
                "services": cell.services,
                "agencies": list(cell.agencies),
                "with_capacity": cell.with_capacity,
                "longest_wait_days": cell.longest_wait_days,
            }
            for cell in cells
        ]
    }
