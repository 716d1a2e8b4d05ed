"""Statement for partners: content sealed for several agencies, in a signed record.

One key encrypts the content, and that key is wrapped for each partner. Everyone can read which
agency makes the statement, of which kind, for whom, and when. Only the partners can read the
content (docs/spec/partner-statements.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.envelope.opening import OpeningKey
from broker.envelope.padding import FLOOR_BYTES, pad, padded_length, unpad
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
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.statements.sealed_note import pack_sealed, unpack_sealed
from broker.tlog.checkpoint import parse_decimal
from broker.tlog.note import Note, NoteSigner

MAX_PARTNERS: Final = 255
WRAP_BYTES: Final = 1120 + HASH_BYTES + TAG_BYTES
"""Size of a wrapped key: encapsulation, ciphertext, tag."""
_LATEST_MS: Final = 2**53 - 1
_HEADING, _DEPLOYMENT, _AGENCY, _SUBJECT = range(4)
"""Positions in the lines of the note; the time follows the subject."""


@dataclass(frozen=True, slots=True)
class StatementForm:
    """One kind of statement for partners.

    Attributes:
        content_type: of its records.
        heading: first line of its note.
        label: first part of what its content is bound to; that of a wrapped key ends in `-key`.
        subject: number of lines that say what it is about, between the agency and the time.
        content_bytes: most bytes of the content.
        value_bytes: most bytes of the record's value.
        floor_bytes: least padded length of the content; a power of 2.
        a_minute: statements of one agency that are opened for each minute of their stated time.
        renew_ms: longest time after which its maker publishes it again.
        malformed: the error for another form, from a detail.
        unopenable: the error for a wrapped key that no exchange key opens.
        many: the error for more than `a_minute`.
    """

    content_type: bytes
    heading: str
    label: bytes
    subject: int
    content_bytes: int
    value_bytes: int
    a_minute: int
    renew_ms: int
    malformed: Callable[[str], RefusedError]
    unopenable: Callable[[], RefusedError]
    many: Callable[[], RefusedError]
    floor_bytes: int = FLOOR_BYTES


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """The parts of a statement that its note says.

    Attributes:
        deployment: the partnership's id.
        agency: the agency that makes it.
        time_ms: when this record was made.
        subject: what it is about; as many lines as its form has.
    """

    deployment: str
    agency: str
    time_ms: int
    subject: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """A statement that is not verified and not opened.

    Attributes:
        form: its kind.
        place: parts that its note says.
        note: the signed note.
        body: the encrypted content.
        wraps: by partner, the id of its exchange key and the wrapped key.
    """

    form: StatementForm
    place: StatementPlace
    note: Note
    body: bytes
    wraps: Mapping[str, tuple[bytes, bytes]]


def seal_statement(
    form: StatementForm,
    place: StatementPlace,
    content: bytes,
    keys: Sequence[WrapRecipient],
    signer: NoteSigner,
) -> bytes:
    """Seal and sign a statement; returns the record's value.

    Args:
        form: its kind.
        place: whose statement, about what, and when.
        content: at most `form.content_bytes`.
        keys: a valid exchange key of each partner, 1 to 255.
        signer: the receipt key of the agency.
    """
    secret = random_bytes(HASH_BYTES)
    # a zero nonce: the key encrypts this one message
    body = seal_once(secret, pad(content, form.floor_bytes), _content_aad(form, place))
    wraps = [
        lp(
            key.agency.encode(),
            key.kid,
            key.sealer.seal(secret, _wrap_info(form, place, key.agency, key.kid)),
        )
        for key in sorted(keys, key=lambda key: key.agency)
    ]
    lines = (form.heading, place.deployment, place.agency, *place.subject, str(place.time_ms))
    return pack_sealed(lines, lp(body, *wraps), signer)


def parse_statement(form: StatementForm, value: bytes) -> SealedStatement:
    """Parse a statement without verifying its signature.

    Raises:
        RefusedError: it has another form (`form.malformed`), or ``note_malformed``.
    """
    if len(value) > form.value_bytes:
        raise form.malformed("it is too large")
    try:
        lines_before_hash = _SUBJECT + form.subject + 1
        note, lines, sealed = unpack_sealed(value, form.heading.__eq__, lines_before_hash, None)
        place = StatementPlace(
            deployment=lines[_DEPLOYMENT],
            agency=lines[_AGENCY],
            time_ms=parse_decimal(lines[-1].encode(), _LATEST_MS),
            subject=tuple(lines[_SUBJECT:-1]),
        )
        body, wraps = _parts(form, sealed)
    except ValueError as error:
        raise form.malformed(str(error)) from None
    return SealedStatement(form, place, note, body, wraps)


def open_statement(
    statement: SealedStatement, agency: str, keys: Iterable[OpeningKey]
) -> bytes | None:
    """Return the content of a statement whose signature was verified.

    Args:
        statement: as parsed.
        agency: this agency.
        keys: its exchange keys.

    Returns:
        None if the statement is not for this agency.

    Raises:
        RefusedError: it is, and no key opens it (`form.unopenable`); or its content is too large.
    """
    wrap = statement.wraps.get(agency)
    if wrap is None:
        return None
    form, place = statement.form, statement.place
    kid, sealed = wrap
    opener = next((key.opener for key in keys if key.kid == kid), None)
    if opener is None:
        raise form.unopenable()
    try:
        secret = opener.open(sealed, _wrap_info(form, place, agency, kid))
        padded = open_once(secret, statement.body, _content_aad(form, place))
        content = unpad(padded, (form.floor_bytes,))
    except (SealBroken, ValueError):
        raise form.unopenable() from None
    if len(content) > form.content_bytes:
        raise form.malformed("its content is too large")
    return content


def _parts(form: StatementForm, sealed: bytes) -> tuple[bytes, dict[str, tuple[bytes, bytes]]]:
    """Return the encrypted content and the wrapped keys; raises ValueError."""
    parts = lp_parts(sealed, 1 + MAX_PARTNERS)
    if parts is None or len(parts) < 2:
        raise ValueError("its sealed part does not have the required form")
    largest = padded_length(form.content_bytes, form.floor_bytes) + TAG_BYTES
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


def _content_aad(form: StatementForm, place: StatementPlace) -> bytes:
    return lp(form.label, *_bound(place))


def _wrap_info(form: StatementForm, place: StatementPlace, agency: str, kid: bytes) -> bytes:
    """Return the context of a wrapped key: it binds both agencies, subject, key and time."""
    return lp(form.label + b"-key", *_bound(place), agency.encode(), kid)


def _bound(place: StatementPlace) -> tuple[bytes, ...]:
    texts = (place.deployment, place.agency, *place.subject)
    return (*(text.encode() for text in texts), place.time_ms.to_bytes(8, "big"))
