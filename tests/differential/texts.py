"""Texts and bytes that have one form: JSON, notes, proofs, record lines, padding.

docs/spec/envelope.md ("JSON inside groups", "Padding"), keys.md ("Signatures in notes"), proof.md,
opening.md ("Files"). Both parsers must take the same ones, and read the same in them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from random import Random

from broker.envelope.canonical import CanonicalError, parse_json
from broker.envelope.padding import PaddingError, pad, unpad
from broker.errors import NoteError, ProofError
from broker.record import RecordFormatError, parse_record
from broker.tlog.checkpoint import parse_origin
from broker.tlog.note import parse_note
from broker.tlog.proof import format_proof, parse_proof
from tests.conformance import envelope, json_form, notes, proofs, records
from tests.conformance.refusals import MalformedError, RefusedError
from tests.differential.alteration import altered
from tests.differential.comparison import REFUSED, Comparison, Family

Reading = Callable[[bytes], object]

_GENERATION = "0000000000000001-" + "a" * 32
_BODY = f"dep/ag/dep.c.t/3/{_GENERATION}\n5\n{base64.b64encode(bytes(32)).decode()}\n".encode()
_LINE = "— dep/ag ".encode() + base64.b64encode(bytes(4 + 8 + 64)) + b"\n"
_SIGNED = _BODY + b"\n" + _LINE
_SHORT = "— x/y ".encode() + base64.b64encode(bytes(9)) + b"\n"

JSON_TEXTS = (
    '{"data":{"a":[1,true,"xé\\n"],"b":-5},"to":["a","b"],"type":"t"}'.encode(),
    b'{"a":"\\u001f\\"\\\\\\t","b":{}}',
    b"[]",
    b'{"":0}',
    b'"text"',
)
NOTES = (_SIGNED, b"a\n\nb\n\n" + _LINE + _SHORT, b"\n\n" + _SHORT)
PROOFS = (
    format_proof(0, [bytes(32)] * 3, _SIGNED, b"xyz"),
    format_proof(3, [bytes(32)], _SIGNED),
    format_proof(0, [], _SIGNED, b"q"),
)
LINES = (
    json.dumps(
        {
            "topic": "t",
            "partition": 1,
            "headers": {"content-type": "x", "proof": None},
            "value": base64.b64encode(b"hello!!").decode(),
        }
    ).encode(),
    b'{"topic":"t","partition":0,"headers":{"a":"\\udc80","a":"x"},"value":null,"offset":-1}',
)


def _or_refused(reading: Reading, *errors: type[Exception]) -> Reading:
    def read(data: bytes) -> object:
        try:
            return reading(data)
        except errors:
            return REFUSED

    return read


def _our_note(data: bytes) -> object:
    note = parse_note(data)
    return note.text, [(line.name, line.key_id, line.signature) for line in note.signatures]


def _their_note(data: bytes) -> object:
    note = notes.read_note(data)
    return note.text.encode(), [(line.name, line.key_id, line.signature) for line in note.lines]


def _our_proof(data: bytes) -> object:
    proof = parse_proof(data)
    origin = parse_origin(proof.checkpoint.origin)
    head = proof.checkpoint
    parts = (origin.deployment, origin.agency, origin.topic, origin.partition, origin.generation)
    line = proof.line
    return (
        *(proof.index, list(proof.path), parts, head.size, head.root),
        *(line.name, line.key_id, line.timestamp, proof.extra),
    )


def _their_proof(data: bytes) -> object:
    proof = proofs.parse_proof(data)
    origin, line = proof.origin, proof.cosignature
    parts = (origin.deployment, origin.agency, origin.topic, origin.partition, origin.generation)
    return (
        *(proof.index, list(proof.path), parts, proof.size, proof.root),
        *(line.name, line.key_id, proof.time, proof.extra),
    )


def _our_line(data: bytes) -> object:
    record = parse_record(data)
    return record.topic, record.partition, record.headers, record.value


def _their_line(data: bytes) -> object:
    record = records.parse_line(data)
    return record.topic, record.partition, record.headers, record.value


def _family(name: str, seeds: Sequence[bytes], ours: Reading, theirs: Reading) -> Family:
    def compare(rng: Random) -> Comparison:
        data = altered(rng.choice(seeds), rng, seeds)
        found = ours(data)
        return Comparison(found, theirs(data), data, (REFUSED if found == REFUSED else "taken",))

    return Family(name, compare, 250, share=1)


def _with_length(rng: Random) -> bytes:
    """A padded plaintext whose length, or whose stated length, is a little off."""
    padded = pad(bytes([rng.choice((1, 255))]) * rng.choice((0, 1, 251, 252, 253, 600, 4000)))
    stated = int.from_bytes(padded[:4], "big") + rng.choice((0, 0, -1, 1, -32, 32, 2**31))
    length = max(0, len(padded) + rng.choice((0, 0, 0, -1, 1, -32, 32, -len(padded))))
    return ((stated % 2**32).to_bytes(4, "big") + padded[4:]).ljust(length, b"\0")[:length]


def _padding(rng: Random) -> Comparison:
    data = _with_length(rng)
    if rng.random() < 0.3:
        data = altered(data, rng)
    ours = _or_refused(unpad, PaddingError)(data)
    theirs = _or_refused(envelope.unpad, MalformedError)(data)
    return Comparison(ours, theirs, data, (REFUSED if ours == REFUSED else "taken",))


FAMILIES = (
    _family(
        "JSON texts",
        JSON_TEXTS,
        _or_refused(parse_json, CanonicalError),
        _or_refused(json_form.parse, MalformedError),
    ),
    _family(
        "notes", NOTES, _or_refused(_our_note, NoteError), _or_refused(_their_note, MalformedError)
    ),
    _family(
        "proofs",
        PROOFS,
        _or_refused(_our_proof, ProofError, NoteError),
        _or_refused(_their_proof, MalformedError),
    ),
    _family(
        "record lines",
        LINES,
        _or_refused(_our_line, RecordFormatError),
        _or_refused(_their_line, RefusedError),
    ),
    Family("padding", _padding, 250, share=1),
)
