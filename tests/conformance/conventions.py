"""Notation that every other module needs (docs/spec/README.md, "Conventions")."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime, timedelta

from tests.conformance.refusals import MalformedError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
DAY_MS = 24 * 60 * 60 * 1000


def sha256(*parts: bytes) -> bytes:
    """H of the concatenation."""
    return hashlib.sha256(b"".join(parts)).digest()


def be(number: int, octets: int) -> bytes:
    """An unsigned big-endian integer."""
    return number.to_bytes(octets, "big")


def lp(*elements: bytes | str) -> bytes:
    """The length-prefixed list that every hashed or authenticated structure is."""
    parts = [be(len(elements), 8)]
    for element in elements:
        octets = element.encode() if isinstance(element, str) else element
        parts += [be(len(octets), 8), octets]
    return b"".join(parts)


def parse_lp(octets: bytes) -> list[bytes]:
    """Undo `lp`; every byte is accounted for."""
    position = 0

    def take(length: int) -> bytes:
        nonlocal position
        if length > len(octets) - position:
            raise MalformedError("shorter than it says")
        position += length
        return octets[position - length : position]

    count = int.from_bytes(take(8), "big")
    if count > len(octets):
        raise MalformedError("more elements than bytes")
    elements = [take(int.from_bytes(take(8), "big")) for _ in range(count)]
    if position != len(octets):
        raise MalformedError("longer than it says")
    return elements


def decode_base64(text: str) -> bytes:
    """RFC 4648, section 4, with padding, and only the one way to write it."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError("not base64") from error
    if base64.b64encode(octets).decode() != text:
        raise MalformedError("not the base64 of these bytes")
    return octets


def parse_time(text: object) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with three digits and `Z`."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        raise MalformedError("not a time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedError("not a time") from error
    if moment < EPOCH:
        raise MalformedError("before 1970")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def write_time(milliseconds: int) -> str:
    """The text of which `parse_time` gives these milliseconds."""
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"


_HIDDEN = (
    "0-8 b-1f 7f-9f ad 34f 61c 115f 1160 17b4 17b5 180b-180f 200b-200f 2028-202e 2060-206f 2800 "
    "3164 fe00-fe0f feff ffa0 fff0-ffff 334-338 488 489 20d0-20f0 600-605 6dd 70f 890 891 8e2 2d7f "
    "1107f 110bd 110cd 11a47 13430-13440 16fe4 1d159 e000-f8ff 1bca0-1bca3 1d173-1d17a "
    "e0000-10ffff 9 a"
)


def hides(text: str) -> bool:
    """Look for a hidden character of README.md, "Conventions", a tab or a line feed."""
    ranges = [part.split("-") for part in _HIDDEN.split()]
    return any(
        int(ends[0], 16) <= ord(letter) <= int(ends[-1], 16) for letter in text for ends in ranges
    )


def is_name(text: object) -> bool:
    """Return True for a valid name of an agency, a deployment or a topic."""
    return isinstance(text, str) and NAME.fullmatch(text) is not None
