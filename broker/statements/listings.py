"""Listing record: what an agency offers, sealed for its partners (docs/spec/directory.md).

One key encrypts the content, and that key is wrapped for each partner. Everyone can read which
agency publishes, for whom, and when. Only the partners can read the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.envelope.opening import OpeningKey
from broker.envelope.padding import pad, padded_length, unpad
from broker.envelope.primitives import (
    HASH_BYTES,
    TAG_BYTES,
    SealBroken,
    lp,
    lp_parts,
    open_once,
    random_bytes,
    seal_once,
)
from broker.envelope.sealing import ExchangeKey
from broker.errors import RefusedError
from broker.statements.sealed_note import pack_sealed, unpack_sealed
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner

HEADING: Final = "concordant.directory/v1"
MAX_CONTENT_BYTES: Final = 128 * 1024
"""Maximum size of the content, as JSON."""
MAX_PARTNERS: Final = 255
WRAP_BYTES: Final = 1120 + HASH_BYTES + TAG_BYTES
"""Size of a wrapped key: encapsulation, ciphertext, tag."""
MAX_LISTING_BYTES: Final = 512 * 1024
"""Maximum size of the record's value: note, padded content and 255 wrapped keys."""
_LATEST_MS: Final = 2**53 - 1
_LINES: Final = 4


@dataclass(frozen=True, slots=True)
class ListingPlace:
    """The parts of a listing that its note states.

    Attributes:
        deployment: the partnership's id.
        agency: the agency that publishes it.
        time_ms: when this record was made.
    """

    deployment: str
    agency: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class SealedListing:
    """A listing that is not verified and not opened.

    Attributes:
        place: parts that its note states.
        note: the signed note.
        body: the encrypted content.
        wraps: by partner, the id of its exchange key and the wrapped key.
    """

    place: ListingPlace
    note: Note
    body: bytes
    wraps: Mapping[str, tuple[bytes, bytes]]


def seal_listing(
    place: ListingPlace, content: bytes, keys: Sequence[ExchangeKey], signer: NoteSigner
) -> bytes:
    """Seal and sign a listing; returns the record's value.

    Args:
        place: whose listing, and when.
        content: at most `MAX_CONTENT_BYTES`.
        keys: a valid exchange key of each partner, 1 to 255.
        signer: the receipt key of the agency.
    """
    secret = random_bytes(HASH_BYTES)
    # a zero nonce: the key encrypts this one message
    body = seal_once(secret, pad(content), _content_aad(place))
    wraps = [
        lp(key.agency.encode(), key.kid, key.sealer.seal(secret, _wrap_info(place, key)))
        for key in sorted(keys, key=lambda key: key.agency)
    ]
    lines = (HEADING, place.deployment, place.agency, str(place.time_ms))
    return pack_sealed(lines, lp(body, *wraps), signer)


def parse_listing(value: bytes) -> SealedListing:
    """Parse a listing without verifying its signature.

    Raises:
        RefusedError: ``listing_malformed`` or ``note_malformed``.
    """
    if len(value) > MAX_LISTING_BYTES:
        raise listing_malformed("it is too large")
    try:
        note, lines, sealed = unpack_sealed(value, HEADING.__eq__, _LINES, None)
        time_ms = parse_decimal(lines[3].encode(), _LATEST_MS)
        body, wraps = _parts(sealed)
    except ValueError as error:
        raise listing_malformed(str(error)) from None
    return SealedListing(ListingPlace(lines[1], lines[2], time_ms), note, body, wraps)


def open_listing(listing: SealedListing, agency: str, keys: Iterable[OpeningKey]) -> bytes | None:
    """Return the content of a listing whose signature was verified.

    Args:
        listing: as parsed.
        agency: this agency.
        keys: its exchange keys.

    Returns:
        None if the listing is not for this agency.

    Raises:
        RefusedError: ``listing_unopenable``: it is, and no key opens it. ``listing_malformed``.
    """
    wrap = listing.wraps.get(agency)
    if wrap is None:
        return None
    kid, sealed = wrap
    opener = next((key.opener for key in keys if key.kid == kid), None)
    if opener is None:
        raise _unopenable()
    place = listing.place
    try:
        secret = opener.open(sealed, _info(place, agency, kid))
        content = unpad(open_once(secret, listing.body, _content_aad(place)))
    except (SealBroken, ValueError):
        raise _unopenable() from None
    if len(content) > MAX_CONTENT_BYTES:
        raise listing_malformed("its content is too large")
    return content


def listing_malformed(detail: str) -> RefusedError:
    """Return the error for a listing of another form."""
    return RefusedError(1, "listing_malformed", f"not a listing: {detail}")


def _parts(sealed: bytes) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
    """Return the encrypted content and the wrapped keys; raises ValueError."""
    parts = lp_parts(sealed, 1 + MAX_PARTNERS)
    if parts is None or len(parts) < 2:
        raise ValueError("its sealed part does not have the required form")
    largest = padded_length(MAX_CONTENT_BYTES) + TAG_BYTES
    if len(parts[0]) > largest:
        raise ValueError("its content is too large")
    wraps: dict[str, tuple[bytes, bytes]] = {}
    before = ""
    for part in parts[1:]:
        one = lp_parts(part, 3)
        if one is None or [len(field) for field in one[1:]] != [HASH_BYTES, WRAP_BYTES]:
            raise ValueError("a wrapped key does not have the required form")
        agency = one[0].decode("ascii")
        if agency <= before:
            raise ValueError("its partners are not in order")
        before = agency
        wraps[agency] = (one[1], one[2])
    return parts[0], wraps


def _content_aad(place: ListingPlace) -> bytes:
    return lp(b"concordant/1/listing", *_place(place))


def _wrap_info(place: ListingPlace, key: ExchangeKey) -> bytes:
    return _info(place, key.agency, key.kid)


def _info(place: ListingPlace, agency: str, kid: bytes) -> bytes:
    """Return the context of a wrapped key: it binds both agencies, the key and the time."""
    return lp(b"concordant/1/listing-key", *_place(place), agency.encode(), kid)


def _place(place: ListingPlace) -> tuple[bytes, bytes, bytes]:
    time = place.time_ms.to_bytes(8, "big")
    return place.deployment.encode(), place.agency.encode(), time


def _unopenable() -> RefusedError:
    return RefusedError(5, "listing_unopenable", "no exchange key of this agency opens it")
