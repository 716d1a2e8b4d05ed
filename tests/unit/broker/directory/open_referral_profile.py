"""Requirements of Open Referral UK 3.0 for a service, as a JSON Schema.

Types, formats, enumerations and required members of the published schema `service.json` of the
profile and of all its parts that a listing has, without its texts. Its stored copies carry no
licence, so the file itself is not here. `extent_type` is an open list there; its values are those
of the standard that the profile extends.
"""

from __future__ import annotations

from typing import TypeAlias

Schema: TypeAlias = dict[str, object]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_UUID: Schema = {"type": "string", "format": "uuid"}
_URI: Schema = {"type": "string", "format": "uri", "pattern": "^https?://[^/]"}
_EMAIL: Schema = {"type": "string", "format": "email"}


def _part(required: tuple[str, ...] = (), **members: Schema) -> Schema:
    """Return the schema of a part; each part must have an id."""
    return {
        "type": "object",
        "properties": {"id": _UUID, **members},
        "required": ["id", *required],
    }


def _many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


_TERM = _part(
    ("taxonomy",),
    parent_id=_UUID,
    taxonomy=_TEXT,
    taxonomy_id=_UUID,
    term_uri=_URI,
    term=_TEXT,
)
_ATTRIBUTE = _part(link_id=_UUID, taxonomy_term_id=_UUID, link_type=_TEXT, taxonomy_term=_TERM)
_ADDRESS = _part(
    ("address_1", "city", "state_province", "postal_code", "country", "address_type"),
    location_id=_UUID,
    attention=_TEXT,
    address_1=_TEXT,
    city=_TEXT,
    region=_TEXT,
    state_province=_TEXT,
    postal_code=_TEXT,
    country=_TEXT,
    address_type=_one_of("physical", "postal", "virtual"),
    attributes=_many(_ATTRIBUTE),
)
_LOCATION = _part(
    name=_TEXT,
    description=_TEXT,
    latitude=_NUMBER,
    longitude=_NUMBER,
    location_type=_one_of("physical", "postal", "virtual"),
    addresses=_many(_ADDRESS),
    attributes=_many(_ATTRIBUTE),
)
_ORGANISATION = _part(
    ("name", "description"),
    name=_TEXT,
    description=_TEXT,
    email=_EMAIL,
    website=_URI,
    attributes=_many(_ATTRIBUTE),
)
_SCHEDULE = _part(
    service_id=_UUID,
    freq=_one_of("WEEKLY", "MONTHLY"),
    interval=_NUMBER,
    byday=_TEXT,
    bymonthday=_TEXT,
    description=_TEXT,
    opens_at=_TEXT,
    closes_at=_TEXT,
)
_AREA = _part(
    service_id=_UUID,
    name=_TEXT,
    extent=_TEXT,
    extent_type=_one_of("geojson", "topojson", "kml", "text"),
    uri=_TEXT,
)
_PHONE = _part(("number",), number=_TEXT)
_CONTACT = _part(service_id=_UUID, name=_TEXT, title=_TEXT, phones=_many(_PHONE))

SERVICE = _part(
    ("name", "status"),
    organization_id=_UUID,
    name=_TEXT,
    description=_TEXT,
    url=_URI,
    email=_EMAIL,
    status=_one_of("active", "inactive", "defunct", "temporarily closed"),
    minimum_age=_NUMBER,
    maximum_age=_NUMBER,
    schedules=_many(_SCHEDULE),
    service_areas=_many(_AREA),
    service_at_locations=_many(_part(service_id=_UUID, location_id=_UUID, location=_LOCATION)),
    languages=_many(_part(service_id=_UUID, phone_id=_UUID, name=_TEXT, code=_TEXT)),
    organization=_ORGANISATION,
    contacts=_many(_CONTACT),
    attributes=_many(_ATTRIBUTE),
)
"""Schema of one service of a feed."""
