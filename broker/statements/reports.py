"""Report: a sealed statement to one sender of what became of its events (docs/spec/reports.md).

An agency seals one report at each interval for each party that may send to it, also if it has
nothing to say. Every report has the same size. So neither the presence, the time nor the size of a
report tells Kafka's host who is addressed by events. Nothing answers a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, Literal, TypeAlias
from uuid import UUID

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import TAG_BYTES, lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.statements.report_codes import REPORT_CODES
from broker.statements.sealed_note import open_sealed, pack_sealed, unpack_sealed
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner

REPORT_HEADING: Final = "concordant.report/v1"
PLAIN_BYTES: Final = 8192
"""Size of every report before it is sealed."""
ENTRY_BYTES: Final = 18
MAX_ENTRIES: Final = 455
"""Maximum number of entries of a report; further ones wait for the next report."""
SEALED_BYTES: Final = 1120 + PLAIN_BYTES + TAG_BYTES
"""Size of the sealed part: encapsulation, ciphertext, tag."""
MAX_REPORT_BYTES: Final = SEALED_BYTES + 1024
"""Maximum size of the record's value: the sealed part and its note."""
_LATEST_MS: Final = 2**53 - 1
_LINES: Final = 5
_COUNT_BYTES: Final = 2

ReportedState: TypeAlias = Literal["delivered", "put_aside", "refused"]
STATES: Final[tuple[ReportedState, ...]] = ("delivered", "put_aside", "refused")
"""States in the order of their numbers, which begin at 1."""


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """Result of one event.

    Attributes:
        id: the event's id, or the id in the clear of a record that was not opened.
        state: `delivered` to the recipient's system, `put_aside` or `refused`.
        code: a code of `REPORT_CODES`; empty exactly if it was delivered.
    """

    id: str
    state: ReportedState
    code: str = ""


@dataclass(frozen=True, slots=True)
class ReportPlace:
    """The parts of a report that everyone can read.

    Attributes:
        deployment: the partnership's id.
        agency: the agency that reports.
        to: the agency for which it is sealed.
        time_ms: when it was made.
    """

    deployment: str
    agency: str
    to: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class SealedReport:
    """A report that is not verified and not opened."""

    place: ReportPlace
    note: Note
    sealed: bytes


def seal_report(
    place: ReportPlace, entries: Sequence[ReportEntry], key: WrapRecipient, signer: NoteSigner
) -> bytes:
    """Seal a report for one agency and sign it.

    Args:
        place: between whom, and when.
        entries: at most `MAX_ENTRIES`, each event once, in any order.
        key: a valid exchange key of the agency that is told.
        signer: the receipt key of the agency that reports.

    Returns:
        The record's value.
    """
    sealed = key.sealer.seal(_plain(entries), _info(place, key.kid))
    lines = (REPORT_HEADING, place.deployment, place.agency, place.to, str(place.time_ms))
    return pack_sealed(lines, sealed, signer)


def parse_report(value: bytes) -> SealedReport:
    """Parse a report without verifying its signature.

    Raises:
        RefusedError: ``report_malformed`` or ``note_malformed``.
    """
    if len(value) > MAX_REPORT_BYTES:
        raise _malformed("it is too large")
    try:
        note, lines, sealed = unpack_sealed(value, REPORT_HEADING.__eq__, _LINES, SEALED_BYTES)
        if len(note.signatures) != 1:
            raise ValueError("its note does not have one signature")
        _, deployment, agency, to, time = lines
        time_ms = parse_decimal(time.encode(), _LATEST_MS)
    except ValueError as error:
        raise _malformed(str(error)) from None
    return SealedReport(ReportPlace(deployment, agency, to, time_ms), note, sealed)


def open_report(report: SealedReport, keys: Iterable[OpeningKey]) -> tuple[ReportEntry, ...]:
    """Open a report whose signature was verified.

    Args:
        report: a report for this agency.
        keys: exchange keys of this agency that may open it.

    Raises:
        RefusedError: ``report_unopenable``: no key opens it. ``report_malformed``.
    """
    plain = open_sealed(report.sealed, keys, partial(_info, report.place))
    if plain is None:
        raise RefusedError(5, "report_unopenable", "no exchange key of this agency opens it")
    return _entries(plain)


def _info(place: ReportPlace, kid: bytes) -> bytes:
    """Return the context of the seal: it binds both agencies, the time and the key."""
    return lp(
        b"concordant/1/report",
        place.deployment.encode(),
        place.agency.encode(),
        place.to.encode(),
        kid,
        place.time_ms.to_bytes(8, "big"),
    )


def _plain(entries: Sequence[ReportEntry]) -> bytes:
    if len(entries) > MAX_ENTRIES:
        raise ValueError("too many entries for one report")
    packed = sorted(
        UUID(one.id).bytes + bytes((STATES.index(one.state) + 1, REPORT_CODES.index(one.code)))
        for one in entries
    )
    plain = len(packed).to_bytes(_COUNT_BYTES, "big") + b"".join(packed)
    return plain.ljust(PLAIN_BYTES, b"\x00")


def _entries(plain: bytes) -> tuple[ReportEntry, ...]:
    count = int.from_bytes(plain[:_COUNT_BYTES], "big")
    end = _COUNT_BYTES + count * ENTRY_BYTES
    if count > MAX_ENTRIES or len(plain) != PLAIN_BYTES or any(plain[end:]):
        raise _malformed("its content does not have the fixed form")
    packed = [plain[at : at + ENTRY_BYTES] for at in range(_COUNT_BYTES, end, ENTRY_BYTES)]
    if any(a[:16] >= b[:16] for a, b in pairwise(packed)):
        raise _malformed("its entries are not in ascending order, each event once")
    return tuple(map(_entry, packed))


def _entry(packed: bytes) -> ReportEntry:
    state, code = packed[16], packed[17]
    if not 1 <= state <= len(STATES) or code >= len(REPORT_CODES):
        raise _malformed("an entry has a state or a code that does not exist")
    if (code == 0) != (STATES[state - 1] == "delivered"):
        raise _malformed("an entry has a code if and only if its event was not delivered")
    return ReportEntry(str(UUID(bytes=packed[:16])), STATES[state - 1], REPORT_CODES[code])


def _malformed(detail: str) -> RefusedError:
    return RefusedError(1, "report_malformed", f"not a report: {detail}")
