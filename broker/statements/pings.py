"""Ping and pong: a sealed test of the way to one agency and back (docs/spec/pings.md).

A ping holds random bytes and nothing about a case. The asked agency answers with a pong, which
repeats the bytes and adds three times. Both have a fixed size. Nothing answers a pong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeAlias

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import TAG_BYTES, lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.statements.sealed_note import open_sealed, pack_sealed, unpack_sealed
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner

PingKind: TypeAlias = Literal["ping", "pong"]
HEADINGS: Final[dict[PingKind, str]] = {
    "ping": "concordant.ping/v1",
    "pong": "concordant.pong/v1",
}
CHALLENGE_BYTES: Final = 32
PLAIN_BYTES: Final = 64
SEALED_BYTES: Final = 1120 + PLAIN_BYTES + TAG_BYTES
"""Size of the sealed part: encapsulation, ciphertext, tag."""
MAX_PING_BYTES: Final = SEALED_BYTES + 1024
"""Maximum size of the record's value: the sealed part and its note."""
_LATEST_MS: Final = 2**53 - 1
_LINES: Final = 6
_KINDS: Final = {text: kind for kind, text in HEADINGS.items()}
_ID: Final = re.compile(r"[0-9a-f]{32}")
_TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class PingPlace:
    """The parts of a ping or pong that everyone can read.

    Attributes:
        kind: `ping` or `pong`.
        deployment: the partnership's id.
        agency: the agency that made it.
        to: the agency for which it is sealed.
        id: 32 random hexadecimal digits; a pong has those of its ping.
        time_ms: when it was made.
    """

    kind: PingKind
    deployment: str
    agency: str
    to: str
    id: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class SealedPing:
    """A ping or pong that is not verified and not opened."""

    place: PingPlace
    note: Note
    sealed: bytes


@dataclass(frozen=True, slots=True)
class PongTimes:
    """Times of a pong, by the clock of the agency that answers, in ms.

    Attributes:
        fetched: it got the ping from Kafka.
        verified: it verified and opened the ping.
        answered: it made the pong.
    """

    fetched: int
    verified: int
    answered: int


def seal_ping(place: PingPlace, challenge: bytes, key: WrapRecipient, signer: NoteSigner) -> bytes:
    """Seal and sign a ping; returns the record's value.

    Args:
        place: between whom, and when.
        challenge: 32 random bytes.
        key: a valid exchange key of the agency that is asked.
        signer: the receipt key of the agency that asks.
    """
    return _seal(place, challenge.ljust(PLAIN_BYTES, b"\0"), key, signer)


def seal_pong(
    place: PingPlace, challenge: bytes, times: PongTimes, key: WrapRecipient, signer: NoteSigner
) -> bytes:
    """Seal and sign the pong to a ping; arguments as ``seal_ping``, returns the record's value."""
    packed = b"".join(
        time.to_bytes(8, "big") for time in (times.fetched, times.verified, times.answered)
    )
    return _seal(place, (challenge + packed).ljust(PLAIN_BYTES, b"\0"), key, signer)


def parse_ping(value: bytes) -> SealedPing:
    """Parse a ping or pong without verifying its signature.

    Raises:
        RefusedError: ``ping_malformed`` or ``note_malformed``.
    """
    if len(value) > MAX_PING_BYTES:
        raise _malformed("it is too large")
    try:
        note, lines, sealed = unpack_sealed(value, _KINDS.__contains__, _LINES, SEALED_BYTES)
    except ValueError as error:
        raise _malformed(str(error)) from None
    heading, deployment, agency, to, id_, time = lines
    try:
        time_ms = parse_decimal(time.encode(), _LATEST_MS)
        if not _ID.fullmatch(id_):
            raise ValueError
    except ValueError:
        raise _malformed("its note is not in the canonical form") from None
    kind = _KINDS[heading]
    return SealedPing(PingPlace(kind, deployment, agency, to, id_, time_ms), note, sealed)


def open_ping(ping: SealedPing, keys: Iterable[OpeningKey]) -> tuple[bytes, PongTimes | None]:
    """Open a ping or pong whose signature was verified.

    Args:
        ping: for this agency.
        keys: exchange keys of this agency that may open it.

    Returns:
        The random bytes, and the times of a pong.

    Raises:
        RefusedError: ``ping_unopenable``: no key opens it. ``ping_malformed``.
    """
    plain = open_sealed(ping.sealed, keys, partial(_info, ping.place))
    if plain is None:
        raise RefusedError(5, "ping_unopenable", "no exchange key of this agency opens it")
    return _parts(ping.place.kind, plain)


def _seal(place: PingPlace, plain: bytes, key: WrapRecipient, signer: NoteSigner) -> bytes:
    sealed = key.sealer.seal(plain, _info(place, key.kid))
    lines = (
        HEADINGS[place.kind],
        place.deployment,
        place.agency,
        place.to,
        place.id,
        str(place.time_ms),
    )
    return pack_sealed(lines, sealed, signer)


def _info(place: PingPlace, kid: bytes) -> bytes:
    """Return the context of the seal: it binds both agencies, the key, the id and the time."""
    return lp(
        f"concordant/1/{place.kind}".encode(),
        place.deployment.encode(),
        place.agency.encode(),
        place.to.encode(),
        kid,
        bytes.fromhex(place.id),
        place.time_ms.to_bytes(8, "big"),
    )


def _parts(kind: PingKind, plain: bytes) -> tuple[bytes, PongTimes | None]:
    challenge = plain[:CHALLENGE_BYTES]
    end = CHALLENGE_BYTES + (8 * _TIMES if kind == "pong" else 0)
    if len(plain) != PLAIN_BYTES or any(plain[end:]):
        raise _malformed("its content does not have the fixed form")
    if kind == "ping":
        return challenge, None
    found = [int.from_bytes(plain[at : at + 8], "big") for at in range(CHALLENGE_BYTES, end, 8)]
    if max(found) > _LATEST_MS:
        raise _malformed("a time in it is too large")
    return challenge, PongTimes(*found)


def _malformed(detail: str) -> RefusedError:
    return RefusedError(1, "ping_malformed", f"not a ping or pong: {detail}")
