"""File `directory.yaml`: what an agency's people write about its services.

It is strict YAML (`contracts.strict_yaml`), so each fault is named with its line. It also names
agencies that are known and not connected; they are not published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from broker.directory.listing import (
    MAX_SERVICES,
    Areas,
    Codes,
    EmailAddress,
    Line,
    Lines,
    ListingPart,
    Organisation,
    Service,
    ServiceId,
    ShortTexts,
    Telephone,
    WebAddress,
)
from broker.directory.postcodes import has_postcode
from contracts.strict_yaml import DocumentKind, Fault, read, refused_for, validated

FILE_NAME: Final = "directory.yaml"
MAX_FILE_BYTES: Final = 1 << 20
MAX_KNOWN: Final = 256
LISTING_FILE: Final = DocumentKind(
    noun="the directory file",
    largest=MAX_FILE_BYTES,
    code="listing_invalid",
    fix="Correct the line that is named, then give the command again.",
)


class KnownAgency(ListingPart):
    """An agency that is known and not connected.

    Attributes:
        source: where the agency is known from, such as an open directory.
        invite: whom to ask, and how, if it shall join.
    """

    name: Line
    needs: Annotated[Codes, Field(min_length=1)]
    strands: Codes = ()
    areas: Areas
    access: ShortTexts = ()
    website: WebAddress | None = None
    email: EmailAddress | None = None
    telephone: Telephone | None = None
    source: Line | None = None
    invite: Lines | None = None


class ListingFile(ListingPart):
    """Content of the file.

    Attributes:
        known: agencies that are known and not connected, by a short id.
    """

    organisation: Organisation
    services: Annotated[dict[ServiceId, Service], Field(min_length=1, max_length=MAX_SERVICES)]
    known: Annotated[dict[ServiceId, KnownAgency], Field(max_length=MAX_KNOWN)] = Field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class ListedCodes:
    """Codes that a listing may use, by the agreements of its agency.

    Attributes:
        needs: code to label of what a referral can ask for.
        strands: code to label of the motivations; empty if the agreements have none.
    """

    needs: Mapping[str, str]
    strands: Mapping[str, str]


def parse_listing_file(raw: bytes, where: str, codes: ListedCodes) -> ListingFile:
    """Parse the file.

    Args:
        raw: its bytes.
        where: its name, for messages.
        codes: codes that the agency's agreements have.

    Raises:
        ContractError: `listing_invalid`, with file, line and field of the first fault, and up to
            ten of them in the text.
    """
    tree, lines = read(LISTING_FILE, raw, where)
    form = validated(LISTING_FILE, ListingFile, tree, lines, where)
    faults = list(_faults(form, codes))
    if faults:
        raise refused_for(LISTING_FILE, faults, lines, where)
    return form


def _faults(form: ListingFile, codes: ListedCodes) -> Iterator[Fault]:
    for name, service in form.services.items():
        yield from _unknown(("services", name), service, codes)
        if service.refuge:
            yield from _postcodes(("services", name), service)
        if service.partners.capacity is not None:
            path = ("services", name, "partners", "capacity")
            yield path, "state the capacity with: concordant directory capacity"
    for name, known in form.known.items():
        yield from _unknown(("known", name), known, codes)


def _postcodes(path: tuple[str, str], refuge: Service) -> Iterator[Fault]:
    """Yield the texts of a refuge that have a postcode."""
    texts: dict[str, tuple[str | None, ...]] = {
        "name": (refuge.name,),
        "description": (refuge.description,),
        "eligibility": (refuge.eligibility,),
        "website": (refuge.website,),
        "email": (refuge.email,),
        "access": refuge.access,
        "partners": (refuge.partners.intake, refuge.partners.safe_contact),
    }
    for member, written in texts.items():
        if has_postcode(*written):
            yield (*path, member), "the text of a refuge has a postcode; its address is secret"


def _unknown(
    path: tuple[str, str], one: Service | KnownAgency, codes: ListedCodes
) -> Iterator[Fault]:
    for member, used, listed in (
        ("needs", one.needs, codes.needs),
        ("strands", one.strands, codes.strands),
    ):
        for at, code in enumerate(used):
            if code not in listed:
                one_of = ", ".join(sorted(listed)) or "none: the agreements have no such list"
                yield (*path, member, at), f"no such code; the codes are {one_of}"
