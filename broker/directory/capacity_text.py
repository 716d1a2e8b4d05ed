"""Capacity of a service, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from broker.directory.listing import Capacity, CapacityState, Service, known_capacity
from broker.keys.instant import format_instant
from broker.utc_text import day

_STATES: Final[Mapping[CapacityState, str]] = {
    "capacity": "yes",
    "no-capacity": "no",
    "waitlist": "waiting list",
    "additional-assessment-required": "decided after an assessment",
}
"""Answer to the question whether there is capacity."""


def capacity_in_words(capacity: Capacity | None) -> str:
    """Return the capacity of a service with its age, in one line."""
    if capacity is None:
        return "not known"
    places = "" if capacity.places is None else f", places: {capacity.places:,}"
    again = "" if capacity.again_on is None else f", again from {capacity.again_on}"
    said = f"stated {day(capacity.as_of)}, valid until {day(capacity.expires)}"
    return f"{_STATES[capacity.state]}{places}{again} ({said})"


def capacity_json(service: Service, now: int) -> dict[str, Any]:
    """Return the capacity for scripts; the state is `unknown` if the statement has expired."""
    stated = service.partners.capacity
    if stated is None:
        return {"state": "unknown"}
    found: dict[str, Any] = {
        "state": "unknown" if known_capacity(service, now) is None else stated.state,
        "as_of": format_instant(stated.as_of),
        "expires": format_instant(stated.expires),
    }
    if known_capacity(service, now) is not None:
        found["places"] = stated.places
        found["again_on"] = None if stated.again_on is None else stated.again_on.isoformat()
    return found
