"""Pings and pongs, read by the text alone (docs/spec/pings.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.conformance.conventions import be, lp, parse_lp, sha256
from tests.conformance.envelope import ExchangeKey, open_wrap
from tests.conformance.notes import read_note
from tests.conformance.refusals import MalformedError

HEADINGS = {"concordant.ping/v1": "ping", "concordant.pong/v1": "pong"}
SEALED_BYTES = 1200
LARGEST = 2224
LATEST = 2**53 - 1
ID = re.compile(r"[0-9a-f]{32}")
NUMBER = re.compile(r"0|[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping or pong: the stated parts, its note's text and lines, and the sealed part."""

    kind: str
    deployment: str
    agency: str
    to: str
    id: str
    time: int
    text: str
    sealed: bytes


def read(octets: bytes) -> Ping:
    """Read the value of a record, without its signature.

    Raises:
        MalformedError: another form.
    """
    if len(octets) > LARGEST:
        raise MalformedError("too large")
    parts = parse_lp(octets)
    if len(parts) != 2 or len(parts[1]) != SEALED_BYTES:
        raise MalformedError("not two parts of the fixed sizes")
    note, sealed = read_note(parts[0]), parts[1]
    lines = note.text.split("\n")
    if len(lines) != 8 or lines[7] or lines[0] not in HEADINGS:
        raise MalformedError("not seven lines")
    heading, deployment, agency, to, id_, time, digest = lines[:7]
    if not ID.fullmatch(id_) or not NUMBER.fullmatch(time) or int(time) > LATEST:
        raise MalformedError("an id or a time of another form")
    if digest != sha256(sealed).hex():
        raise MalformedError("another sealed part")
    return Ping(HEADINGS[heading], deployment, agency, to, id_, int(time), note.text, sealed)


def opened(ping: Ping, key: ExchangeKey, kid: bytes) -> tuple[bytes, tuple[int, ...]] | None:
    """The random bytes and, of a pong, three times; None if the key does not open it.

    Raises:
        MalformedError: the plaintext has another form.
    """
    info = lp(
        f"concordant/1/{ping.kind}",
        ping.deployment,
        ping.agency,
        ping.to,
        kid,
        bytes.fromhex(ping.id),
        be(ping.time, 8),
    )
    plain = open_wrap(ping.sealed, key, info)
    if plain is None:
        return None
    times = [plain[at : at + 8] for at in (32, 40, 48)] if ping.kind == "pong" else []
    if len(plain) != 64 or any(plain[32 + 8 * len(times) :]):
        raise MalformedError("another plaintext")
    numbers = tuple(int.from_bytes(one, "big") for one in times)
    if any(number > LATEST for number in numbers):
        raise MalformedError("a time beyond the last one")
    return plain[:32], numbers
