"""Listings in words and as JSON, for ``concordant directory``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from broker.cli.times import day, instant, moment
from broker.directory.coverage import Cell
from broker.directory.listing import Capacity, Service, known_capacity
from broker.directory.search import KnownFit, Offer, Reason
from broker.figures.expected_answers import ExpectedAnswer
from broker.figures.response_times import BUCKETS, NOT_YET
from broker.operations.directory.held_listings import HeldListing
from broker.operations.directory.publishing import Published
from broker.operations.directory.searching import Found
from contracts.durations import DAY_MS


def told_published(done: Published) -> str:
    """Return when the partners get it."""
    if done.adapter_runs:
        return "The adapter sends it to the partners within a minute."
    return "The adapter does not run. It sends the listing to the partners when it starts."


def capacity_in_words(capacity: Capacity | None) -> str:
    """Return the capacity of a service with its age, in one line."""
    if capacity is None:
        return "not known"
    places = "" if capacity.places is None else f", places: {capacity.places:,}"
    again = "" if capacity.again_on is None else f", again from {capacity.again_on}"
    said = f"stated {day(capacity.as_of)}, valid until {day(capacity.expires)}"
    return f"{capacity.state}{places}{again} ({said})"


def capacity_json(service: Service, now: int) -> dict[str, Any]:
    """Return the capacity for scripts; the state is `unknown` if the statement has expired."""
    stated = service.partners.capacity
    if stated is None:
        return {"state": "unknown"}
    found: dict[str, Any] = {
        "state": "unknown" if known_capacity(service, now) is None else stated.state,
        "as_of": instant(stated.as_of),
        "expires": instant(stated.expires),
    }
    if known_capacity(service, now) is not None:
        found["places"] = stated.places
        found["again_on"] = None if stated.again_on is None else stated.again_on.isoformat()
    return found


def listing_json(held: HeldListing, now: int) -> dict[str, Any]:
    """Return a listing for scripts."""
    shown = held.listing.model_dump(mode="json")
    for name, service in held.listing.services.items():
        shown["services"][name]["partners"]["capacity"] = capacity_json(service, now)
    return {
        "agency": held.agency,
        "legal_name": held.legal_name,
        "own": held.own,
        "made": instant(held.made_ms),
        **shown,
    }


def in_words(held: HeldListing, now: int) -> str:
    """Return a listing for people."""
    return "\n".join(_lines(held, now)) + "\n"


def _lines(held: HeldListing, now: int) -> Iterator[str]:
    listing = held.listing
    yield f"{held.legal_name} ({held.agency})"
    yield f"  published: {moment(held.made_ms)}"
    if listing.organisation is None:
        yield "  It has published no services."
    else:
        yield f"  {listing.organisation.description}"
    for name, service in sorted(listing.services.items()):
        yield ""
        yield from _service_lines(name, service, now)
    if listing.reads is not None:
        yield ""
        yield f"Software: {listing.reads.software}. Vocabularies that it reads: " + ", ".join(
            f"{one.name} ({one.hash[:8]})" for one in listing.reads.vocabularies
        )


def _service_lines(name: str, service: Service, now: int) -> Iterator[str]:
    yield f"{service.name} ({name})"
    rows = (
        ("status", service.status),
        ("needs", ", ".join(service.needs)),
        ("strands", ", ".join(service.strands) or "all"),
        ("areas", ", ".join(service.areas)),
        ("ages", _ages(service)),
        ("eligibility", service.eligibility),
        ("languages", ", ".join(service.languages)),
        ("interpreters", "yes" if service.interpreters else "no"),
        ("access", "; ".join(service.access)),
        ("open", "; ".join(f"{' '.join(o.days)} {o.opens}-{o.closes}" for o in service.opening)),
        ("telephone", service.telephone),
        ("email", service.email),
        ("website", service.website),
        ("address", "secret: a refuge" if service.refuge else _address(service)),
        ("intake (partners only)", service.partners.intake),
        ("safe contact (partners only)", service.partners.safe_contact),
        ("capacity (partners only)", capacity_in_words(known_capacity(service, now))),
    )
    for label, text in rows:
        if text:
            yield f"  {label}: " + text.replace("\n", "\n    ")


def _ages(service: Service) -> str:
    lowest, highest = service.minimum_age, service.maximum_age
    if lowest is None and highest is None:
        return ""
    return f"{lowest or 0} and over" if highest is None else f"{lowest or 0} to {highest}"


def _address(service: Service) -> str | None:
    place = service.location
    return None if place is None else f"{place.name}, {place.address}, {place.postcode}"


def found_json(found: Found, now: int) -> dict[str, Any]:
    """Return the result of a search for scripts."""
    asked = found.query
    return {
        "query": {"need": asked.need, "area": asked.area, "strand": asked.strand},
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
    }


def _known_json(fit: KnownFit) -> dict[str, Any]:
    return {
        "connected": False,
        "agency": fit.id,
        "reasons": _reasons_json(fit.reasons),
        "capacity": {"state": "unknown"},
        **fit.agency.model_dump(mode="json"),
    }


def _reasons_json(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    return [{"code": one.code, "text": one.text} for one in reasons]


def found_in_words(found: Found, now: int) -> str:
    """Return the result of a search for people."""
    lines: list[str] = []
    for offer in found.offers:
        lines += [
            f"{offer.service.name}: {offer.legal_name} ({offer.agency})",
            f"  why: {_why(offer.reasons)}",
            f"  capacity: {capacity_in_words(known_capacity(offer.service, now))}",
            *_answer_in_words(found.answers.get(offer.agency)),
            "",
        ]
    for fit in found.known:
        one = fit.agency
        contact = ", ".join(filter(None, (one.telephone, one.email, one.website)))
        lines += [
            f"Known, not connected: {one.name} ({fit.id})",
            f"  why: {_why(fit.reasons)}",
            f"  public contact: {contact or 'not known'}",
            f"  how to invite it: {one.invite or 'see docs/guides/joining-a-partnership.md'}",
            "",
        ]
    if not found.offers and not found.known:
        lines += ["No service fits. Search without the area, or without the motivation.", ""]
    if found.silent:
        lines.append(f"Partners that have published no services: {', '.join(found.silent)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _answer_in_words(answer: ExpectedAnswer | None) -> Iterator[str]:
    if answer is None:
        return
    of = f"of our last {answer.referrals:,} referrals to this agency"
    if answer.bucket == NOT_YET:
        yield f"  answers: fewer than half {of} have one"
    else:
        yield f"  answers: half {of} had one: {BUCKETS[answer.bucket].lower()}"


def _why(reasons: tuple[Reason, ...]) -> str:
    return "; ".join(one.text for one in reasons) or "it is active"


def coverage_rows(cells: Sequence[Cell]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return columns and rows of a table: one row for each need and motivation."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.kind, cell.code), []).append(cell)
    rows = []
    for (kind, code), found in groups.items():
        counts = Counter(min(2, len(cell.agencies)) for cell in found)
        waits = [one.longest_wait_days for one in found if one.longest_wait_days is not None]
        longest = str(max(waits)) if waits else ""
        rows.append((kind, code, *(str(counts[number]) for number in range(3)), longest))
    columns = ("kind", "code", "areas with none", "with one", "with more", "longest wait (days)")
    return columns, rows


def coverage_json(cells: Sequence[Cell]) -> dict[str, Any]:
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
