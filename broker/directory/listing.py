"""Listing: what one agency offers, as its partners read it (docs/spec/directory.md).

Every text is one or more lines without hidden characters, and every list is bounded, because
another agency writes the listing. Times are milliseconds since the epoch, and texts in JSON.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from broker.envelope.canonical import CanonicalError, format_json, parse_json
from broker.keys.instant import LAST_INSTANT_MS, format_instant, parse_instant
from contracts.hidden_characters import HIDDEN, blank
from contracts.strict_yaml import MisplacedError

MAX_SERVICES: Final = 64
MAX_CODES: Final = 64
MAX_VOCABULARIES: Final = 32

CapacityState: TypeAlias = Literal[
    "capacity", "no-capacity", "waitlist", "additional-assessment-required"
]
"""Codes of the FHIR SDOH Clinical Care guide."""
ServiceStatus: TypeAlias = Literal["active", "inactive", "defunct", "temporarily closed"]
"""Statuses of Open Referral UK."""
Weekday: TypeAlias = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
"""Days of RFC 5545."""


def _visible(text: str) -> str:
    if HIDDEN.search(text) or blank(text) or text != text.strip():
        raise ValueError("the text has hidden characters, is blank, or has space at its ends")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("the text has more than one line")
    return _visible(text)


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else value


def _distinct(items: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(items)) != len(items):
        raise ValueError("an item is written twice")
    return items


Line: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(_one_line)
]
Lines: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(_visible)
]
ServiceId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Code: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
AreaCode: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[EWSNK][0-9]{8}$")]
Language: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")
]
TimeOfDay: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
WebAddress: TypeAlias = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^https?://[!-~]+$"), AfterValidator(_one_line)
]
EmailAddress: TypeAlias = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^@\s<>,]+@[^@\s<>,]+$"),
    AfterValidator(_one_line),
]
Telephone: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ]{2,30}$")]
Hash: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Age: TypeAlias = Annotated[int, Field(ge=0, le=120)]
Moment: TypeAlias = Annotated[
    int,
    Field(ge=0, le=LAST_INSTANT_MS),
    BeforeValidator(_instant),
    PlainSerializer(format_instant, return_type=str, when_used="json"),
]
"""A time in milliseconds; in JSON a text of RFC 3339."""

Codes: TypeAlias = Annotated[
    tuple[Code, ...], Field(max_length=MAX_CODES, strict=False), AfterValidator(_distinct)
]
Areas: TypeAlias = Annotated[
    tuple[AreaCode, ...],
    Field(min_length=1, max_length=MAX_CODES, strict=False),
    AfterValidator(_distinct),
]
Languages: TypeAlias = Annotated[
    tuple[Language, ...], Field(max_length=MAX_CODES, strict=False), AfterValidator(_distinct)
]
ShortTexts: TypeAlias = Annotated[tuple[Line, ...], Field(max_length=32, strict=False)]


class ListingPart(BaseModel):
    """Base of the parts of a listing: frozen; a file with unknown members is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Organisation(ListingPart):
    """Public description of an agency."""

    name: Line
    description: Lines
    website: WebAddress | None = None
    email: EmailAddress | None = None
    telephone: Telephone | None = None


class Opening(ListingPart):
    """Opening hours on some days of each week, UK time."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7, strict=False)]
    opens: TimeOfDay
    closes: TimeOfDay

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.opens >= self.closes:
            raise MisplacedError("it closes before it opens", "closes")
        return self


class Location(ListingPart):
    """Public address of a service."""

    name: Line
    address: Line
    postcode: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}$")]


class Capacity(ListingPart):
    """Capacity of a service, as its agency last stated it.

    Attributes:
        places: number of free places, if it counts them.
        as_of: when it was stated.
        expires: when the statement is no longer valid; then the capacity is not known.
        again_on: day from which the agency expects capacity again.
    """

    state: CapacityState
    places: Annotated[int, Field(ge=0, le=100_000)] | None = None
    as_of: Moment
    expires: Moment
    again_on: Annotated[date, Field(strict=False)] | None = None


class ForPartners(ListingPart):
    """Part of a service for the partnership alone.

    Attributes:
        intake: way in which a referral reaches the service.
        safe_contact: safe way to contact the service about a person.
    """

    intake: Lines | None = None
    safe_contact: Lines | None = None
    capacity: Capacity | None = None


class Service(ListingPart):
    """A service of an agency.

    Attributes:
        needs: codes of what a referral can ask for.
        strands: codes of the motivations on which it works; all if empty.
        areas: ONS codes of the areas where it works.
        eligibility: further conditions, in words.
        languages: languages that it speaks (BCP 47).
        interpreters: whether it works with interpreters in other languages.
        access: ways in which people reach it, such as "Step-free".
        refuge: whether its address is secret. Then it has no location.
        partners: part for the partnership alone.
    """

    name: Line
    description: Lines
    status: ServiceStatus = "active"
    needs: Annotated[Codes, Field(min_length=1)]
    strands: Codes = ()
    areas: Areas
    minimum_age: Age | None = None
    maximum_age: Age | None = None
    eligibility: Lines | None = None
    languages: Languages = ()
    interpreters: bool = False
    access: ShortTexts = ()
    opening: Annotated[tuple[Opening, ...], Field(max_length=14, strict=False)] = ()
    website: WebAddress | None = None
    email: EmailAddress | None = None
    telephone: Telephone | None = None
    location: Location | None = None
    refuge: bool = False
    partners: ForPartners = ForPartners()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.refuge and self.location is not None:
            raise MisplacedError("the address of a refuge is in no listing", "location")
        lowest, highest = self.minimum_age, self.maximum_age
        if lowest is not None and highest is not None and lowest > highest:
            raise MisplacedError("it is below the minimum age", "maximum_age")
        return self

    @property
    def shown_location(self) -> Location | None:
        """Return the address that may be shown; None if the service is a refuge."""
        return None if self.refuge else self.location


class ReadableVocabulary(ListingPart):
    """A vocabulary that a party holds.

    Attributes:
        name: as its file states it.
        hash: SHA-256 of its file, hexadecimal.
        types: event types in it.
        lists: code list to the day from which it holds.
    """

    name: ServiceId
    hash: Hash
    types: Annotated[tuple[Line, ...], Field(max_length=128, strict=False)]
    lists: Annotated[dict[Code, Line], Field(max_length=512)]


class Readable(ListingPart):
    """Statement of a party's software: versions that it can read.

    Attributes:
        software: version of its software.
        formats: formats of agreements and vocabularies.
        vocabularies: vocabularies that it holds.
    """

    software: Line
    formats: Annotated[tuple[Line, ...], Field(max_length=32, strict=False)]
    vocabularies: Annotated[
        tuple[ReadableVocabulary, ...], Field(max_length=MAX_VOCABULARIES, strict=False)
    ]


class Listing(ListingPart):
    """Everything that an agency tells its partners about what it offers.

    Attributes:
        organisation: public description of the agency; None if its people published no services.
        services: id to service.
        reads: versions that its software can read.
    """

    organisation: Organisation | None = None
    services: Annotated[dict[ServiceId, Service], Field(max_length=MAX_SERVICES)] = Field(
        default_factory=dict
    )
    reads: Readable | None = None


def format_listing(listing: Listing) -> bytes:
    """Return the canonical JSON of a listing."""
    return format_json(listing.model_dump(mode="json", exclude_none=True, exclude_defaults=True))


def parse_listing_content(content: bytes) -> Listing:
    """Parse the content of a listing record.

    Members that this version does not know are left out: the partner's software may be newer.

    Raises:
        ValueError: it has another form; the text names the field and no value.
    """
    try:
        return Listing.model_validate(parse_json(content), extra="ignore")
    except CanonicalError as error:
        raise ValueError(str(error)) from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in found["loc"][:6])
        raise ValueError(f"the field {field[:100]} has another form") from None


def known_capacity(service: Service, now: int) -> Capacity | None:
    """Return the capacity of a service; None if none was stated, or the statement has expired.

    Args:
        service: the service.
        now: ms.
    """
    capacity = service.partners.capacity
    return capacity if capacity is not None and now < capacity.expires else None
