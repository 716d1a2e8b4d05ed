"""Alterations of one record by Kafka's host, and the permitted answers of a reader.

Each alteration takes a true record, another true record to splice from and a number to choose with,
and gives the altered record. ``ALTERATIONS`` says which outcomes docs/spec/opening.md allows: since
the signed checkpoint covers every byte of the value and its place, nothing that the host alters
gets beyond step 3. A splice of equal parts alters nothing, and is judged as the honest record.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from broker.envelope.layout import MAX_VALUE_BYTES, LayoutError, format_value, parse_value
from broker.judging.verification import LEAF_CONTENT_TYPE
from broker.record import CONTENT_TYPE_HEADER, PROOF_HEADER, Record
from broker.tlog.checkpoint import Origin, parse_origin
from broker.tlog.proof import MAX_PROOF_BYTES, parse_proof
from tests.support.founded_partnership import POLICE, SUPPORT, founded
from tests.support.record_parts import as_leaf, proof_of, with_proof
from tests.support.sent_records import signed_record

Alter = Callable[[Record, Record, int], Record]

NOT_INCLUDED = frozenset({"3 not_included"})
A_PROOF_ALTERED = frozenset(
    {
        "1 proof_malformed",
        "1 origin_wrong",
        "1 generation_name",
        "1 generation_order",
        "1 link_malformed",
        "2 key_unknown",
        "waits key_unknown",
        "2 key_not_valid",
        "2 signature_wrong",
        "3 not_included",
    }
)
HONEST: frozenset[str] = frozenset()
"""Harmless by the stated rule: what was altered is not looked at."""


@dataclass(frozen=True)
class Alteration:
    """A way to alter a record; ``expected`` is empty where it is as good as the honest one."""

    name: str
    alter: Alter
    expected: frozenset[str]


def _value(record: Record) -> bytes:
    assert record.value is not None
    return record.value


def _spliced(part: str) -> Alter:
    """One part of the sealed value from another event."""

    def alter(record: Record, other: Record, n: int) -> Record:
        mine, theirs = parse_value(_value(record)), parse_value(_value(other))
        groups = [(g.commitment, g.ciphertext) for g in mine.groups]
        entries = [(r.wrap, r.key_list) for r in mine.recipients]
        g, r = (
            n % min(len(groups), len(theirs.groups)),
            n % min(len(entries), len(theirs.recipients)),
        )
        head = [mine.id, mine.time, mine.contract]
        if part == "group":
            groups[g] = (groups[g][0], theirs.groups[g].ciphertext)
        elif part == "commitment":
            groups[g] = (theirs.groups[g].commitment, groups[g][1])
        elif part == "whole group":
            groups[g] = (theirs.groups[g].commitment, theirs.groups[g].ciphertext)
        elif part == "wrap":
            entries[r] = (theirs.recipients[r].wrap, entries[r][1])
        elif part == "key list":
            entries[r] = (entries[r][0], theirs.recipients[r].key_list)
        elif part == "recipients":
            entries = [(e.wrap, e.key_list) for e in theirs.recipients]
        elif part == "fewer recipients":
            entries = entries[:-1] or [(theirs.recipients[0].wrap, theirs.recipients[0].key_list)]
        elif part == "id":
            head[0] = theirs.id
        elif part == "time":
            head[1] = theirs.time + n % 2
        elif part == "contract":
            head[2] = theirs.contract
        try:
            return replace(record, value=format_value(*head, groups, sorted(entries)))  # type: ignore[arg-type]  # id, time, contract
        except LayoutError:
            return record

    return alter


def _flipped(data: bytes, n: int) -> bytes:
    at = n % len(data)
    return data[:at] + bytes([data[at] ^ (1 << n % 8)]) + data[at + 1 :]


def _another_index(record: Record, _other: Record, n: int) -> Record:
    proof = re.sub(rb"index \d+", b"index %d" % (n % 40), proof_of(record), count=1)
    return with_proof(record, proof)


def _another_generation(record: Record, other: Record, _n: int) -> Record:
    """Dressed up as a record of the generation of another one."""
    mine, theirs = (
        re.search(rb"/([0-9a-f]{16}-[0-9a-f]{32})\n", proof_of(r)) for r in (record, other)
    )
    assert mine is not None
    assert theirs is not None
    return with_proof(record, proof_of(record).replace(mine[1], theirs[1]))


def _headers(change: Callable[[Sequence[tuple[bytes, bytes | None]]], object]) -> Alter:
    def alter(record: Record, _other: Record, _n: int) -> Record:
        return replace(record, headers=tuple(change(record.headers)))  # type: ignore[arg-type]  # a list of headers

    return alter


def _set(name: bytes, value: bytes | None) -> Alter:
    return _headers(lambda headers: [(k, value if k == name else v) for k, v in headers])


def _another_deployment(record: Record, _other: Record, _n: int) -> Record:
    """The same value, signed by the same key in a deployment that has the same agencies."""
    origin = replace(_origin(record), deployment="pan-leeds")
    return _signed_again(record, origin, origin.agency)


def _another_agency(record: Record, _other: Record, _n: int) -> Record:
    """The same value in another agency's name, signed by its own sender."""
    agency = _origin(record).agency
    posing = replace(_origin(record), agency=SUPPORT if agency == POLICE else POLICE)
    return _signed_again(record, posing, agency)


class _Nobody:
    """A key that nobody has."""

    def sign(self, _message: bytes) -> bytes:
        return bytes(64)


def _forged(record: Record, other: Record, _n: int) -> Record:
    """Another value at the next place of the stream, under the sender's name and key id."""
    origin = _origin(record)
    return signed_record(
        _value(other),
        origin=origin.format(),
        before=[b"before", b"and before"],
        signer=replace(founded().cosigner(origin.agency), key=_Nobody()),
        topic=record.topic,
        partition=record.partition,
    )


def _signature_flipped(record: Record, _other: Record, n: int) -> Record:
    """One bit of the signature, in the form that the line must have."""
    head, _, blob = proof_of(record).rstrip(b"\n").rpartition(b" ")
    raw = b64decode(blob)
    at = 12 + n % 64  # after key id and time
    flipped = raw[:at] + bytes([raw[at] ^ (1 << n % 8)]) + raw[at + 1 :]
    return with_proof(record, head + b" " + b64encode(flipped) + b"\n")


def _time_altered(record: Record, _other: Record, n: int) -> Record:
    """Another log time under the same signature."""
    head, _, blob = proof_of(record).rstrip(b"\n").rpartition(b" ")
    raw = b64decode(blob)
    time = int.from_bytes(raw[4:12], "big") - 1 - n % 2
    line = raw[:4] + time.to_bytes(8, "big") + raw[12:]
    return with_proof(record, head + b" " + b64encode(line) + b"\n")


def _signed_again(record: Record, origin: Origin, by: str) -> Record:
    return signed_record(
        _value(record),
        origin=origin.format(),
        before=[b"before"],
        signer=founded().cosigner(by),
        topic=record.topic,
        partition=record.partition,
    )


def _origin(record: Record) -> Origin:
    return parse_origin(parse_proof(proof_of(record)).checkpoint.origin)


def _leaf_of_another(record: Record, other: Record, _n: int) -> Record:
    return replace(as_leaf(record), value=as_leaf(other).value)


BINARY = ((b"\xff\xfe\x00", b"\x80\x81"), (b"", None), (b"Proof", b"x"), (b"proof ", b"x"))

ALTERATIONS: tuple[Alteration, ...] = (
    *(
        Alteration(f"{part} spliced", _spliced(part), NOT_INCLUDED)
        for part in (
            "group",
            "commitment",
            "whole group",
            "wrap",
            "key list",
            "recipients",
            "fewer recipients",
            "id",
            "time",
            "contract",
        )
    ),
    Alteration(
        "value cut",
        lambda r, _o, n: replace(r, value=_value(r)[: n % len(_value(r))]),
        NOT_INCLUDED,
    ),
    Alteration(
        "value flipped", lambda r, _o, n: replace(r, value=_flipped(_value(r), n)), NOT_INCLUDED
    ),
    Alteration(
        "value extended", lambda r, _o, _n: replace(r, value=_value(r) + b"\0"), NOT_INCLUDED
    ),
    Alteration("value of another", lambda r, o, _n: replace(r, value=o.value), NOT_INCLUDED),
    Alteration(
        "value gone", lambda r, _o, _n: replace(r, value=None), frozenset({"0 value_missing"})
    ),
    Alteration(
        "value inflated",
        lambda r, _o, _n: replace(r, value=_value(r).ljust(MAX_VALUE_BYTES + 1, b"\0")),
        frozenset({"0 value_too_large"}),
    ),
    Alteration(
        "proof of another",
        lambda r, o, _n: with_proof(r, proof_of(o)),
        # its key may be another sender's, of which the reader has not heard yet
        NOT_INCLUDED | {"1 origin_wrong", "waits key_unknown", "2 key_unknown"},
    ),
    Alteration(
        "proof cut",
        lambda r, _o, n: with_proof(r, proof_of(r)[: n % len(proof_of(r))]),
        A_PROOF_ALTERED,
    ),
    Alteration(
        "proof flipped", lambda r, _o, n: with_proof(r, _flipped(proof_of(r), n)), A_PROOF_ALTERED
    ),
    Alteration(
        "proof inflated",
        lambda r, _o, _n: with_proof(r, proof_of(r).ljust(MAX_PROOF_BYTES + 1, b"\n")),
        frozenset({"0 proof_too_large"}),
    ),
    Alteration(
        "index altered",
        _another_index,
        frozenset({"1 proof_malformed", "1 link_malformed", "3 not_included"}),
    ),
    Alteration(
        "generation altered",
        _another_generation,
        frozenset(
            {"1 origin_wrong", "1 generation_name", "1 generation_order", "2 signature_wrong"}
        ),
    ),
    *(
        Alteration(name, alter, frozenset({"0 headers_wrong"}))
        for name, alter in (
            ("proof twice", _headers(lambda h: [*h, h[-1]])),
            ("content type twice", _headers(lambda h: [h[0], *h])),
            ("proof null", _set(PROOF_HEADER, None)),
            ("content type null", _set(CONTENT_TYPE_HEADER, None)),
            ("proof null beside", _headers(lambda h: [*h, (PROOF_HEADER, None)])),
            ("no headers", _headers(lambda _h: [])),
            ("binary headers only", _headers(lambda _h: BINARY)),
        )
    ),
    Alteration("binary headers beside", _headers(lambda h: [*BINARY, *h, *BINARY]), HONEST),
    Alteration("headers reversed", _headers(lambda h: h[::-1]), HONEST),
    Alteration(
        "content type of ours",
        _set(CONTENT_TYPE_HEADER, b"application/vnd.concordant.manifest"),
        frozenset({"0 content_type_unknown"}),
    ),
    Alteration(
        "said to be a leaf",
        _set(CONTENT_TYPE_HEADER, LEAF_CONTENT_TYPE),
        frozenset({"0 value_malformed"}),
    ),
    Alteration("forged", _forged, frozenset({"2 signature_wrong", "2 key_not_valid"})),
    Alteration("signature flipped", _signature_flipped, frozenset({"2 signature_wrong"})),
    Alteration(
        "log time altered", _time_altered, frozenset({"2 signature_wrong", "2 key_not_valid"})
    ),
    Alteration("another deployment", _another_deployment, frozenset({"1 origin_wrong"})),
    Alteration(
        "another agency's name", _another_agency, frozenset({"waits key_unknown", "2 key_unknown"})
    ),
    Alteration("leaf of another", _leaf_of_another, NOT_INCLUDED),
)

LEAF = frozenset({"leaf", "repeat", "before_start", "4 leaf_not_wanted"})
"""A leaf replay, made by the host of a full record: it only ever fills a gap."""

ELSEWHERE = frozenset({"1 origin_wrong"})
