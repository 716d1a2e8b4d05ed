"""Vectors with one record altered, or another order, judged by several agencies (opening.md).

Without a key, a host of Kafka can flip bits, cut values, change headers, splice in parts of other
proofs and values, and send records of other cases, duplicates and leaves. With a sender's key the
altered value is signed again, in a log of its own, and so gets beyond step 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from broker.envelope.layout import LayoutError, format_value, parse_value
from broker.errors import NoteError, ProofError
from broker.keys.kid import STREAM
from broker.operations.vector_cases import Case
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Header,
    Record,
    RecordFormatError,
    format_record,
    parse_record,
)
from broker.tlog.proof import parse_proof
from tests.differential.alteration import altered
from tests.differential.comparison import Comparison, Family
from tests.differential.readings import VECTORS, agencies, cases, compared
from tests.support.record_parts import as_leaf
from tests.vectors.making.agencies import CAST, NOW, Member
from tests.vectors.making.ground import Ground
from tests.vectors.making.streams import signed_record

MOST_RECORDS = 12
"""Longer cases say nothing that shorter ones do not, and cost seconds."""


@cache
def ground() -> Ground:
    """Recorded random values of the vectors. Missing ones are drawn and not kept."""
    return Ground(VECTORS / "fixed.json", record=True)


@cache
def by_setting() -> dict[Path, tuple[Case, ...]]:
    """The cases that are altered."""
    found: dict[Path, list[Case]] = {}
    for case in cases():
        if len(case.records) <= MOST_RECORDS:
            found.setdefault(case.folder, []).append(case)
    return {folder: tuple(listed) for folder, listed in found.items()}


@cache
def records_of(folder: Path) -> tuple[Record, ...]:
    """Every record of a setting's cases that is one."""
    found: list[Record] = []
    for case in by_setting()[folder]:
        for line in case.records:
            try:
                found.append(parse_record(line))
            except RecordFormatError:
                continue
    return tuple(found)


def readers(folder: Path, rng: Random, first: str) -> list[str]:
    """The case's agency and another one."""
    return list(dict.fromkeys((first, rng.choice(agencies(folder)))))


def some_case(rng: Random) -> Case:
    """One of the cases, every setting as often as another."""
    return rng.choice(by_setting()[rng.choice(list(by_setting()))])


def spliced(record: Record, other: Record, rng: Random) -> Record:
    """One header or the value altered, or taken from the other record."""
    how = rng.randrange(8)
    if how == 0:
        return replace(record, value=other.value)
    if how == 1 and record.value is not None:
        return replace(record, value=altered(record.value, rng, [other.value or b""]))
    if how == 2:
        return _with_header(record, PROOF_HEADER, _header(other, PROOF_HEADER))
    if how in {3, 4}:
        proof, theirs = _header(record, PROOF_HEADER) or b"", _header(other, PROOF_HEADER) or b""
        return _with_header(record, PROOF_HEADER, altered(proof, rng, [theirs]))
    if how == 5 and record.value is not None:
        return as_leaf(record)
    if how == 6:
        kind = rng.choice((None, b"", SEALED_CONTENT_TYPE, LEAF_CONTENT_TYPE, b"text/plain"))
        return _with_header(record, CONTENT_TYPE_HEADER, kind)
    headers = [*record.headers, rng.choice((*other.headers, (b"Proof", None), (b"\xff", b"\0")))]
    rng.shuffle(headers)
    return replace(record, headers=tuple(headers[rng.randrange(2) :]))


def _header(record: Record, name: bytes) -> bytes | None:
    return dict(record.headers).get(name)


def _with_header(record: Record, name: bytes, value: bytes | None) -> Record:
    headers: list[Header] = [(n, value if n == name else v) for n, v in record.headers]
    return replace(record, headers=tuple(headers))


def _altered_line(line: str, folder: Path, rng: Random) -> bytes:
    try:
        record = parse_record(line)
    except RecordFormatError:
        return altered(line.encode("utf-8", "surrogatepass"), rng)
    other = rng.choice(records_of(folder))
    if rng.random() < 0.1:
        return altered(line.encode(), rng)
    if rng.random() < 0.1:
        topic, partition = rng.choice((record.topic, other.topic)), rng.choice((0, 1, 2**31 - 1))
        return format_record(replace(record, topic=topic, partition=partition))
    return format_record(spliced(record, other, rng))


def _unsigned(rng: Random) -> Comparison:
    case = some_case(rng)
    lines = [line.encode("utf-8", "surrogatepass") for line in case.records]
    at = rng.randrange(len(lines))
    how = rng.randrange(8)
    if how < 4:
        lines[at] = _altered_line(case.records[at], case.folder, rng)
    elif how == 4:
        lines.insert(rng.randint(0, len(lines)), lines[at])
    elif how == 5:
        del lines[at]
    elif how == 6:
        rng.shuffle(lines)
    else:
        extra = [format_record(rng.choice(records_of(case.folder))) for _ in range(3)]
        for line in islice(extra, rng.randint(1, 3)):
            lines.insert(rng.randint(0, len(lines)), line)
    chosen = readers(case.folder, rng, case.agency)
    return compared(case.folder, chosen, case.now, lines, case.name)


def _parts(value: bytes, other: bytes, rng: Random) -> bytes:
    """A value with a part of another one, in the layout; these bytes where there is none."""
    try:
        mine, theirs = parse_value(value), parse_value(other)
        groups = [(g.commitment, g.ciphertext) for g in mine.groups]
        entries = [(e.wrap, e.key_list) for e in mine.recipients]
        group, entry = rng.choice(theirs.groups), rng.choice(theirs.recipients)
        at, to = rng.randrange(len(groups)), rng.randrange(len(entries))
        identity, time, contract = mine.id, mine.time, mine.contract
        how = rng.randrange(8)
        if how == 0:
            groups[at] = (group.commitment, group.ciphertext)
        elif how == 1:
            groups[at] = (groups[at][0], group.ciphertext)
        elif how == 2:
            rng.shuffle(groups)
        elif how == 3:
            entries[to] = (entry.wrap, entries[to][1])
        elif how == 4:
            entries[to] = (entry.wrap, entry.key_list)
        elif how == 5:
            identity, time = theirs.id, theirs.time + rng.choice((0, 300000, 300001))
        elif how == 6:
            contract = theirs.contract
        else:
            entries.append((entry.wrap, entry.key_list))
        if rng.random() < 0.9:
            entries.sort()
        return format_value(identity, time, contract, groups, entries)
    except (LayoutError, OverflowError):
        return value


def _resigned(rng: Random) -> Comparison:
    case = some_case(rng)
    lines = []
    for text in case.records:
        line = text.encode("utf-8", "surrogatepass")
        if rng.random() < 0.7:
            line = _signed_again(line, rng.choice(records_of(case.folder)), rng)
        lines.append(line)
    chosen = readers(case.folder, rng, case.agency)
    return compared(case.folder, chosen, case.now, lines, f"{case.name} signed again")


def _signed_again(line: bytes, other: Record, rng: Random) -> bytes:
    """The record's value, altered, at the end of a log of its sender or of another agency."""
    try:
        record = parse_record(line)
        proof = parse_proof(_header(record, PROOF_HEADER) or b"")
    except (RecordFormatError, ProofError, NoteError):
        return line
    value = record.value or b""
    if rng.random() < 0.6:
        value = _parts(value, other.value or b"", rng)
    else:
        value = altered(value, rng, [other.value or b""])
    source = proof.checkpoint.origin.split("/")[1]
    if rng.random() < 0.15 or source not in CAST:
        source = rng.choice(CAST)
    before = [value] * rng.choice((0, 0, 0, 1, 2))
    signed = signed_record(
        value,
        Member(ground(), source).key(STREAM).cosigner,
        record.topic,
        agency=source,
        before=before,
        at=proof.line.timestamp * 1000,
        opened=NOW + rng.randrange(4),
        partition=record.partition,
    )
    return format_record(signed)


def alterations(names: Sequence[str] = ("altered vectors", "vectors signed again")) -> list[Family]:
    """Both families."""
    return [Family(names[0], _unsigned, 60), Family(names[1], _resigned, 60)]


FAMILIES = alterations()
