"""Search of the directory: services that fit a need, an area and a motivation, with reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.directory.areas import area_in_words, covering
from broker.directory.listing import Capacity, CapacityState, Listing, Service, known_capacity
from broker.directory.listing_file import KnownAgency, ListedCodes
from contracts.phrases import N_, phrase

ReasonCode: TypeAlias = Literal[
    "need", "area", "area_contains", "strand", "strand_any", "not_connected"
]
_ORDER: Final[Mapping[CapacityState | None, int]] = {
    "capacity": 0,
    "additional-assessment-required": 1,
    None: 2,
    "waitlist": 3,
    "no-capacity": 4,
}
"""Order of results by their capacity; None is a capacity that is not known."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search; None is any."""

    need: str | None = None
    area: str | None = None
    strand: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Reason for a result: a code and a sentence."""

    code: ReasonCode
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A service of a partner that fits.

    Attributes:
        agency: the partner's id.
        legal_name: its name in the agreement.
        service_id: id of the service in its listing.
        service: the service.
        reasons: why it fits.
        capacity: as stated; None if it is not known now.
    """

    agency: str
    legal_name: str
    service_id: str
    service: Service
    reasons: tuple[Reason, ...]
    capacity: Capacity | None


@dataclass(frozen=True, slots=True)
class KnownFit:
    """An agency that fits, and is not connected."""

    id: str
    agency: KnownAgency
    reasons: tuple[Reason, ...]

    @property
    def invitation(self) -> str:
        """Return how to invite it, as our file says; else the guide that says how."""
        return self.agency.invite or N_(
            "Ask your information governance officer to invite it. The guide "
            "docs/guides/joining-a-partnership.md says how."
        )


def find_offers(
    query: Query,
    listings: Iterable[tuple[str, str, Listing]],
    codes: ListedCodes,
    now: int,
) -> tuple[Offer, ...]:
    """Return the active services that fit, those with capacity first.

    Args:
        query: the search.
        listings: agency id, legal name and listing of each partner.
        codes: labels for the reasons.
        now: ms.
    """
    found = [
        Offer(agency, name, service_id, service, reasons, known_capacity(service, now))
        for agency, name, listing in listings
        for service_id, service in listing.services.items()
        if service.status == "active" and (reasons := _reasons(query, service, codes)) is not None
    ]
    return tuple(sorted(found, key=_place))


def find_known(
    query: Query, known: Mapping[str, KnownAgency], codes: ListedCodes
) -> tuple[KnownFit, ...]:
    """Return the agencies that fit and are not connected, by name."""
    apart = Reason(
        "not_connected", N_("It has not signed the agreement, so you cannot refer to it.")
    )
    found = [
        KnownFit(name, agency, (*reasons, apart))
        for name, agency in known.items()
        if (reasons := _reasons(query, agency, codes)) is not None
    ]
    return tuple(sorted(found, key=lambda fit: (fit.agency.name, fit.id)))


def _place(offer: Offer) -> tuple[int, int, str, str]:
    """Return the order: capacity, then services for this motivation or area alone, then name."""
    state = None if offer.capacity is None else offer.capacity.state
    exact = sum(reason.code in {"strand", "area"} for reason in offer.reasons)
    return _ORDER[state], -exact, offer.agency, offer.service_id


def _reasons(
    query: Query, one: Service | KnownAgency, codes: ListedCodes
) -> tuple[Reason, ...] | None:
    """Return why a service fits; None if it does not."""
    found = (_need(query, one, codes), _area(query, one), _strand(query, one, codes))
    if any(reason is None for reason in found):
        return None
    return tuple(_stated(found))


def _stated(found: Iterable[Reason | Literal[True] | None]) -> Iterator[Reason]:
    for reason in found:
        if isinstance(reason, Reason):
            yield reason


def _need(
    query: Query, one: Service | KnownAgency, codes: ListedCodes
) -> Reason | Literal[True] | None:
    if query.need is None:
        return True
    if query.need not in one.needs:
        return None
    return Reason("need", phrase("offers: %(need)s", need=codes.needs.get(query.need, query.need)))


def _area(query: Query, one: Service | KnownAgency) -> Reason | Literal[True] | None:
    if query.area is None:
        return True
    found = covering(query.area, one.areas)
    if found is None:
        return None
    if found == query.area:
        return Reason("area", phrase("works in %(area)s", area=area_in_words(found)))
    return Reason("area_contains", phrase("works in all of %(area)s", area=area_in_words(found)))


def _strand(
    query: Query, one: Service | KnownAgency, codes: ListedCodes
) -> Reason | Literal[True] | None:
    if query.strand is None:
        return True
    if not one.strands:
        return Reason("strand_any", N_("works with people of every motivation"))
    if query.strand not in one.strands:
        return None
    label = codes.strands.get(query.strand, query.strand)
    return Reason("strand", phrase("works on this motivation: %(motivation)s", motivation=label))
