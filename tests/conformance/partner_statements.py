"""Statements for partners, written from docs/spec/partner-statements.md and figures.md alone.

Listings, counts and parts of unions: form, seal, padding, and the content of counts. The contents
of unions are in `unions.py`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conformance.conventions import be, lp, parse_lp, sha256
from tests.conformance.envelope import ExchangeKey, open_wrap, padded_length
from tests.conformance.json_form import parse as parse_json
from tests.conformance.notes import Note, NoteKey, read_note, signers
from tests.conformance.refusals import MalformedError

NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
WRAP = 1168
MAX_JSON = 8 * 1024 * 1024
MAX_ATOMS = 32_768
MAX_CASES = 10_000_000
COUNTS = {
    "format", "deployment", "agreement", "agency", "period", "salt", "vocabulary", "dimensions",
    "atoms", "without_consent",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One column of the table of kinds."""

    heading: str
    label: str
    subjects: int
    floor: int
    content: int
    value: int


LISTING = Kind("concordant.directory/v1", "concordant/1/listing", 0, 256, 131_072, 524_288)
UNION = Kind("concordant.union/v1", "concordant/1/union-statement", 3, 256, 394_240, 524_288)
COUNTING = Kind("concordant.counts/v1", "concordant/1/counts", 2, 16_384, 524_288, 983_040)


@dataclass(frozen=True)
class Statement:
    """A statement that is not opened."""

    kind: Kind
    deployment: str
    agency: str
    subjects: tuple[str, ...]
    time: int
    note: Note
    body: bytes
    wraps: dict[str, tuple[bytes, bytes]]


def parse(kind: Kind, value: bytes) -> Statement:
    """The parts that everyone can read.

    Raises:
        MalformedError: another form.
    """
    parts = parse_lp(value) if len(value) <= kind.value else []
    if len(parts) != 2 or lp(*parts) != value:
        raise MalformedError("not a note and a sealed part")
    note = read_note(parts[0])
    heading, *lines = note.text.split("\n")
    if heading != kind.heading or len(lines) != kind.subjects + 5 or lines.pop():
        raise MalformedError("other lines")
    deployment, agency, *subjects, time, digest = lines
    if not NUMBER.fullmatch(time) or int(time) >= 2**53 or digest != sha256(parts[1]).hex():
        raise MalformedError("another time or hash")
    body, *wraps = parse_lp(parts[1]) or [b""]
    most = padded_length(4 + kind.content, kind.floor) + 16
    if not 1 <= len(wraps) <= 255 or len(body) > most:
        raise MalformedError("no wrap, too many, or a content that is too large")
    found = dict(map(_wrap, wraps))
    if list(found) != sorted(found) or len(found) != len(wraps):
        raise MalformedError("partners are not ascending")
    return Statement(kind, deployment, agency, tuple(subjects), int(time), note, body, found)


def _wrap(octets: bytes) -> tuple[str, tuple[bytes, bytes]]:
    parts = parse_lp(octets)
    if len(parts) != 3 or len(parts[1]) != 32 or len(parts[2]) != WRAP or not parts[0]:
        raise MalformedError("another form of a wrap")
    try:
        return parts[0].decode("ascii"), (parts[1], parts[2])
    except UnicodeDecodeError as error:
        raise MalformedError("a partner beyond ASCII") from error


def is_signed(statement: Statement, keys: Sequence[NoteKey]) -> bool:
    """Return whether one of the agency's receipt keys, valid at its time, signed the note."""
    return bool(signers(statement.note, keys))


def content(statement: Statement, partner: str, key: ExchangeKey) -> bytes | None:
    """The content; None if this key does not open it.

    Raises:
        MalformedError: the content is too large.
    """
    kid, wrap = statement.wraps[partner]
    kind = statement.kind
    place = (statement.deployment, statement.agency, *statement.subjects, be(statement.time, 8))
    secret = open_wrap(wrap, key, lp(f"{kind.label}-key", *place, partner, kid))
    if secret is None or len(secret) != 32:
        return None
    try:
        plain = AESGCM(secret).decrypt(bytes(12), statement.body, lp(kind.label, *place))
    except InvalidTag:
        return None
    length = int.from_bytes(plain[:4], "big")
    if len(plain) != padded_length(4 + length, kind.floor) or any(plain[4 + length :]):
        return None
    if length > kind.content:
        raise MalformedError("a content that is too large")
    return plain[4 : 4 + length]


def counts(octets: bytes) -> dict[str, object]:
    """The counts of a content.

    Raises:
        MalformedError: another form.
    """
    expander = zlib.decompressobj()
    try:
        plain = expander.decompress(octets, MAX_JSON + 1)
    except zlib.error as error:
        raise MalformedError("not compressed") from error
    if len(plain) > MAX_JSON or not expander.eof or expander.unused_data:
        raise MalformedError("too large, or another end")
    said = parse_json(plain)
    if not isinstance(said, dict) or said.keys() - {"referrals"} != COUNTS:
        raise MalformedError("other members")
    if said["format"] != "concordant.counts/v1":
        raise MalformedError("another format")
    _require_texts(said["deployment"], said["agreement"], said["agency"], said["period"])
    hashes = said["vocabulary"], said["salt"]
    if not all(isinstance(one, str) and re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes):
        raise MalformedError("not a hash")
    _require_counts(
        {name: said[name] for name in ("dimensions", "atoms", "without_consent")}, "cases"
    )
    if "referrals" in said:
        _require_counts(said["referrals"], "referrals")
    return said


def _require_counts(said: object, counted: str) -> None:
    if not isinstance(said, dict) or said.keys() != {"dimensions", "atoms", "without_consent"}:
        raise MalformedError("other members")
    names, atoms, without = said["dimensions"], said["atoms"], said["without_consent"]
    if not isinstance(names, list) or not isinstance(atoms, list) or len(atoms) > MAX_ATOMS:
        raise MalformedError("not lists, or too many atoms")
    _require_texts(*names)
    _require_number(without, 0)
    total, before = 0, None
    for atom in atoms:
        if not isinstance(atom, dict) or atom.keys() != {"values", counted}:
            raise MalformedError("another atom")
        values = atom["values"]
        if not isinstance(values, list) or not all(isinstance(one, list) and one for one in values):
            raise MalformedError("other values")
        for one in values:
            _require_texts(*one)
        if before is not None and values <= before:
            raise MalformedError("atoms are not ascending")
        before = values
        total += _require_number(atom[counted], 1)
    if counted == "cases" and total > MAX_CASES:
        raise MalformedError("too many cases")


def _require_texts(*texts: object) -> None:
    if not all(isinstance(one, str) and len(one) <= 200 for one in texts):
        raise MalformedError("not a text")


def _require_number(number: object, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MAX_CASES:
        raise MalformedError("not a number of cases")
    return number
