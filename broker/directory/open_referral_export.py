"""Public part of a listing as a page of Open Referral UK 3.0.

The export names each public member. The part for the partnership alone, and the address of a
refuge, have no place in it. Ids are UUIDs that follow from the agency's and the service's ids, so
each export of one service has the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias
from uuid import UUID, uuid5

from broker.directory.areas import area_name
from broker.directory.listing import Listing, Location, Organisation, Service
from broker.directory.listing_file import ListedCodes

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON] | None"
_NAMESPACE: Final = UUID("5a9c0f0e-6d0b-5c7e-9a54-1d1f5f6c2f10")
INTERPRETERS: Final = "interpreters"
"""Code of the term that stands for `interpreters`."""
REFUGE: Final = "address-secret"
"""Code of the term that stands for `refuge`: a directory that adds the address does harm."""
LINK_TYPES: Final = frozenset({"need", "motivation", "access", "eligibility", "feature"})
"""Meanings of the terms of an exported service."""
_AREA_ADDRESS: Final = "http://statistics.data.gov.uk/id/statistical-geography/"


def services_page(agency: str, listing: Listing, codes: ListedCodes) -> dict[str, JSON]:
    """Return one page of services, as the interface of Open Referral UK gives it.

    Args:
        agency: the agency's id.
        listing: its own listing, with its organisation.
        codes: labels of the codes.
    """
    assert listing.organisation is not None
    ids = _Ids(agency)
    contents: list[JSON] = [
        _service(ids, name, one, listing.organisation, codes)
        for name, one in sorted(listing.services.items())
    ]
    count = len(contents)
    return {
        "total_items": count,
        "total_pages": 1,
        "page_number": 1,
        "size": count,
        "first_page": True,
        "last_page": True,
        "empty": not contents,
        "contents": contents,
    }


def services_without_address(page: Mapping[str, JSON]) -> list[str]:
    """Return the names of the exported services that have no `url`.

    The published profiles differ on whether a service must have one.

    Args:
        page: as `services_page` gives it.
    """
    contents = page["contents"]
    assert isinstance(contents, list)
    return [str(one["name"]) for one in contents if isinstance(one, dict) and "url" not in one]


class _Ids:
    """Ids of the parts of an agency's services."""

    def __init__(self, agency: str) -> None:
        self._agency = agency

    def of(self, *parts: str) -> str:
        """Return the UUID of a part."""
        return str(uuid5(_NAMESPACE, "/".join((self._agency, *parts))))


def _service(
    ids: _Ids, name: str, one: Service, organisation: Organisation, codes: ListedCodes
) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "id": ids.of(name),
        "name": one.name,
        "description": one.description,
        "status": one.status,
        "url": one.website or organisation.website,
        "email": one.email,
        "minimum_age": one.minimum_age,
        "maximum_age": one.maximum_age,
        "organization": present(
            {
                "id": ids.of("organisation"),
                "name": organisation.name,
                "description": organisation.description,
                "website": organisation.website,
                "email": organisation.email,
            }
        ),
        "schedules": [
            {
                "id": ids.of(name, "schedule", str(at)),
                "freq": "WEEKLY",
                "byday": ",".join(opening.days),
                "opens_at": opening.opens,
                "closes_at": opening.closes,
            }
            for at, opening in enumerate(one.opening)
        ],
        "service_areas": [
            {
                "id": ids.of(name, "area", code),
                "name": area_name(code),
                "extent": area_name(code),
                "extent_type": "text",
                "uri": f"{_AREA_ADDRESS}{code}",
            }
            for code in one.areas
        ],
        "languages": [
            {"id": ids.of(name, "language", code), "name": code, "code": code}
            for code in one.languages
        ],
        "attributes": list(_attributes(ids, name, one, codes)),
    }
    if one.telephone is not None:
        phone: JSON = {"id": ids.of(name, "phone"), "number": one.telephone}
        found["contacts"] = [{"id": ids.of(name, "contact"), "phones": [phone]}]
    if (place := one.shown_location) is not None:
        found["service_at_locations"] = [
            {"id": ids.of(name, "at"), "location": _location(ids, name, place)}
        ]
    return present(found)


def _location(ids: _Ids, name: str, place: Location) -> dict[str, JSON]:
    street, _, city = place.address.rpartition(", ")
    return {
        "id": ids.of(name, "location"),
        "location_type": "physical",
        "name": place.name,
        "addresses": [
            {
                "id": ids.of(name, "address"),
                "address_1": street or place.address,
                "city": city if street else "",
                "state_province": "",
                "postal_code": place.postcode,
                "country": "GB",
                "address_type": "physical",
            }
        ],
    }


def _attributes(ids: _Ids, name: str, one: Service, codes: ListedCodes) -> Iterator[JSON]:
    groups: tuple[tuple[str, Iterable[tuple[str, str]]], ...] = (
        ("need", ((code, codes.needs.get(code, code)) for code in one.needs)),
        ("motivation", ((code, codes.strands.get(code, code)) for code in one.strands)),
        ("access", ((text, text) for text in one.access)),
        ("eligibility", ((text, text) for text in (one.eligibility,) if text)),
        ("feature", _features(one)),
    )
    for link_type, terms in groups:
        for code, label in terms:
            yield {
                "id": ids.of(name, link_type, code),
                "link_type": link_type,
                "taxonomy_term": {
                    "id": ids.of("term", link_type, code),
                    "code": code,
                    "name": label,
                    "description": label,
                    "taxonomy": f"concordant {link_type}",
                    "term": label,
                },
            }


def _features(one: Service) -> Iterator[tuple[str, str]]:
    if one.interpreters:
        yield INTERPRETERS, "Works with interpreters"
    if one.refuge:
        yield REFUGE, "The address is secret"


def present(members: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value not in (None, [])}
