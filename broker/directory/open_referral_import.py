"""Services of Open Referral UK 3.0 as the content of a `directory.yaml`.

Only members that a listing has a place for are read. All texts are bounded, because the feed comes
from outside; the person who publishes the file has it checked as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    ValidationError,
)

from broker.directory.listing import Location, Opening
from broker.directory.listing_file import ListedCodes
from broker.directory.open_referral_export import (
    INTERPRETERS,
    JSON,
    LINK_TYPES,
    REFUGE,
    present,
)
from broker.errors import WrongInputError
from broker.strict_json import StrictJsonError, parse_strict_json

MAX_FEED_BYTES: Final = 16 << 20
_AREA: Final = re.compile(r"\b[EWSNK][0-9]{8}\b")
_TEXT: Final = 20_000


_Age: TypeAlias = Annotated[float, Field(ge=0, le=200)]
_Text: TypeAlias = Annotated[str, StringConstraints(max_length=_TEXT)]
_Item = TypeVar("_Item")
_Each: TypeAlias = Annotated[tuple[_Item, ...], FailFast()]
"""Items up to the first fault: pydantic would keep a fault of each (denial of service)."""


class _Form(BaseModel):
    """Base of what is read of a feed; other members of the profile are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: _Text


class _Term(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    code: _Text | None = None
    name: _Text | None = None
    term: _Text | None = None


class _Attribute(_Form):
    link_type: _Text | None = None
    taxonomy_term: _Term | None = None


class _Schedule(_Form):
    freq: _Text | None = None
    byday: _Text | None = None
    opens_at: _Text | None = None
    closes_at: _Text | None = None


class _ServiceArea(_Form):
    extent: _Text | None = None
    uri: _Text | None = None


class _Language(_Form):
    code: _Text | None = None


class _Phone(_Form):
    number: _Text


class _Contact(_Form):
    phones: _Each[_Phone] = ()


class _Address(_Form):
    address_1: _Text | None = None
    city: _Text | None = None
    postal_code: _Text | None = None


class _Location(_Form):
    name: _Text | None = None
    addresses: _Each[_Address] = ()


class _AtLocation(_Form):
    location: _Location | None = None


class _Organization(_Form):
    name: _Text
    description: _Text
    website: _Text | None = None
    email: _Text | None = None


class OpenReferralService(_Form):
    """A service of a feed, as far as a listing has a place for it."""

    name: _Text
    status: Literal["active", "inactive", "defunct", "temporarily closed"]
    description: _Text | None = None
    url: _Text | None = None
    email: _Text | None = None
    minimum_age: _Age | None = None
    maximum_age: _Age | None = None
    organization: _Organization | None = None
    schedules: _Each[_Schedule] = ()
    service_areas: _Each[_ServiceArea] = ()
    languages: _Each[_Language] = ()
    contacts: _Each[_Contact] = ()
    attributes: _Each[_Attribute] = ()
    service_at_locations: _Each[_AtLocation] = ()


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    contents: Annotated[_Each[OpenReferralService], Field(max_length=10_000)]


def parse_feed(raw: bytes, where: str) -> tuple[OpenReferralService, ...]:
    """Parse a page of services, a list of services, or one service.

    Args:
        raw: the bytes of the file.
        where: its name, for messages.

    Raises:
        WrongInputError: `open_referral_invalid`.
    """
    if len(raw) > MAX_FEED_BYTES:
        raise _invalid(where, f"it is larger than {MAX_FEED_BYTES >> 20} MiB")
    try:
        value = parse_strict_json(raw)
        if isinstance(value, dict) and "contents" not in value:
            value = [value]
        page = {"contents": value} if isinstance(value, list) else value
        return _Page.model_validate(page).contents
    except StrictJsonError as error:
        raise _invalid(where, str(error)) from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in found["loc"])
        raise _invalid(where, f"{place}: {found['msg'].lower()}") from None


def imported(services: Iterable[OpenReferralService], codes: ListedCodes) -> dict[str, JSON]:
    """Return the content of a `directory.yaml` with these services.

    A member that a listing cannot have is left out. A person adds the needs and areas that the feed
    does not state in our codes.
    """
    found: dict[str, JSON] = {}
    organisation: dict[str, JSON] = {}
    for one in services:
        if one.organization is not None and not organisation:
            organisation = _organisation(one.organization)
        found[_service_id(one.name, found)] = _imported_service(one, codes)
    return {"organisation": organisation, "services": found}


def _organisation(one: _Organization) -> dict[str, JSON]:
    return present(
        {
            "name": one.name,
            "description": one.description,
            "website": one.website,
            "email": one.email,
        }
    )


def _imported_service(one: OpenReferralService, codes: ListedCodes) -> dict[str, JSON]:
    features = set(_features(one))
    organisation = None if one.organization is None else one.organization.website
    found: dict[str, JSON] = {
        "name": one.name,
        "description": one.description or one.name,
        "status": one.status,
        "needs": _codes(one, codes.needs, "need"),
        "strands": _codes(one, codes.strands, "motivation"),
        "areas": _areas(one),
        "minimum_age": None if one.minimum_age is None else int(one.minimum_age),
        "maximum_age": None if one.maximum_age is None else int(one.maximum_age),
        "eligibility": "\n".join(_texts(one, "eligibility")) or None,
        "languages": list(dict.fromkeys(each.code for each in one.languages if each.code)),
        "access": list(_texts(one, "access")),
        "opening": [*_openings(one)],
        "website": None if one.url == organisation else one.url,
        "email": one.email,
        "telephone": next((p.number for each in one.contacts for p in each.phones), None),
        "location": None if REFUGE in features else next(_locations(one), None),
        "interpreters": True if INTERPRETERS in features else None,
        "refuge": True if REFUGE in features else None,
    }
    required = {name: found[name] for name in ("needs", "areas")}
    return {**present(found), **required}


def _codes(one: OpenReferralService, listed: Mapping[str, str], link_type: str) -> list[JSON]:
    """Return our codes among the terms of a service, by code or label.

    A term that our own export gave another meaning is passed over.
    """
    labels = {label.lower(): code for code, label in listed.items()}
    terms = [
        each.taxonomy_term
        for each in one.attributes
        if each.link_type == link_type or each.link_type not in LINK_TYPES
    ]
    found: dict[str, None] = {}
    for term in terms:
        for text in (term.code, term.name, term.term) if term else ():
            code = text if text in listed else labels.get((text or "").lower())
            if code is not None:
                found[code] = None
    return list(found)


def _areas(one: OpenReferralService) -> list[JSON]:
    texts = (f"{area.extent} {area.uri}" for area in one.service_areas)
    return list(dict.fromkeys(code for text in texts for code in _AREA.findall(text)))


def _texts(one: OpenReferralService, link_type: str) -> Iterator[str]:
    for each in one.attributes:
        term = each.taxonomy_term
        text = (term.name or term.term) if term is not None else None
        if each.link_type == link_type and text:
            yield text


def _features(one: OpenReferralService) -> Iterator[str]:
    for each in one.attributes:
        if each.link_type == "feature" and each.taxonomy_term and each.taxonomy_term.code:
            yield each.taxonomy_term.code


def _openings(one: OpenReferralService) -> Iterator[JSON]:
    for each in one.schedules:
        days = [day.strip() for day in (each.byday or "").split(",")]
        opens, closes = (each.opens_at or "")[:5], (each.closes_at or "")[:5]
        try:
            opening = Opening.model_validate({"days": days, "opens": opens, "closes": closes})
        except ValidationError:
            continue  # a monthly schedule, for example, has no place in a listing
        shown: dict[str, JSON] = opening.model_dump(mode="json")
        yield shown


def _locations(one: OpenReferralService) -> Iterator[JSON]:
    for at in one.service_at_locations:
        for each in at.location.addresses if at.location else ():
            lines = ", ".join(filter(None, (each.address_1, each.city)))
            name = (at.location.name if at.location else None) or one.name
            values = {"name": name, "address": lines, "postcode": each.postal_code}
            try:
                place = Location.model_validate(values)
            except ValidationError:
                continue
            shown: dict[str, JSON] = place.model_dump(mode="json")
            yield shown


def _service_id(name: str, taken: Mapping[str, JSON]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:56] or "service"
    base = base if base[0].isalpha() else f"s-{base}"
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, 10_001))
    return next(each for each in names if each not in taken)


def _invalid(where: str, detail: str) -> WrongInputError:
    return WrongInputError(
        f"This is not a file of Open Referral UK: {detail}.",
        code="open_referral_invalid",
        where=where,
        fix="Give a page of services, a list of services or one service of profile 3.0, as JSON.",
    )
