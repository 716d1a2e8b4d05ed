"""The second reader's statements for partners against this software's: form, seal, content."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import Ed25519Signer, WrapOpener, WrapSealer, lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.figures.counts_content import unpacked
from broker.figures.unions.results import parse_result
from broker.figures.unions.tokens import PeriodKey, TokenPlace, TokenSets, parse_tokens
from broker.statements.counts_statement import COUNTS
from broker.statements.listings import LISTING
from broker.statements.partner_statements import (
    StatementForm,
    StatementPlace,
    open_statement,
    parse_statement,
    seal_statement,
)
from broker.statements.union_statements import UNION
from broker.tlog.note import ED25519, note_signer
from tests.conformance import envelope, notes, partner_statements, unions
from tests.conformance.json_form import serialise
from tests.conformance.refusals import MalformedError

VECTORS = json.loads(Path(__file__).with_name("statement_vectors.json").read_text())
SEED, KID = bytes(range(32)), b"k" * 32
OPENER, THEIRS = WrapOpener(SEED), envelope.exchange_key(SEED)
SIGNER = note_signer("pan-london/haven-support", ED25519, Ed25519Signer(b"s" * 32))
PARTNER, NOW = "council-camden", 1_795_392_000_000
KINDS = {
    "listing": (LISTING, partner_statements.LISTING, ()),
    "counts": (COUNTS, partner_statements.COUNTING, ("agreement", "2026-Q3")),
    "key": (UNION, partner_statements.UNION, ("agreement", "2026-Q3", "key")),
    "tokens": (UNION, partner_statements.UNION, ("agreement", "2026-Q3", "tokens")),
    "result": (UNION, partner_statements.UNION, ("agreement", "2026-Q3", "result")),
}


def made(kind: str, content: bytes = b"{}") -> bytes:
    form, _, subject = KINDS[kind]
    place = StatementPlace("pan-london", "haven-support", NOW, subject)
    keys = [WrapRecipient(PARTNER, KID, WrapSealer(OPENER.public))]
    return seal_statement(form, place, content, keys, SIGNER)


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_reader_opens_a_statement(kind: str) -> None:
    content = bytes(range(256)) * 70
    statement = partner_statements.parse(KINDS[kind][1], made(kind, content))
    assert (statement.deployment, statement.agency) == ("pan-london", "haven-support")
    assert (statement.time, statement.subjects) == (NOW, KINDS[kind][2])
    assert partner_statements.content(statement, PARTNER, THEIRS) == content
    other = replace(statement, agency="cps-london")
    assert partner_statements.content(other, PARTNER, THEIRS) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_reader_verifies_the_signature(kind: str) -> None:
    statement = partner_statements.parse(KINDS[kind][1], made(kind))
    key = notes.NoteKey(SIGNER.name, b"\x01", SIGNER.key.public)
    assert partner_statements.is_signed(statement, [key])
    assert not partner_statements.is_signed(statement, [replace(key, name="pan-london/cps-london")])


@pytest.mark.parametrize(
    "case", VECTORS["cases"], ids=lambda case: f"{case['kind']} {case['name']}"
)
def test_the_vectors_of_statements(case: dict[str, Any]) -> None:
    """Both readers give the answer of each vector."""
    value = base64.b64decode(case["value"])
    form, kind, _ = KINDS[case["kind"]]
    assert ours(form, value, OURS[case["kind"]]) == case["answer"]
    assert theirs(kind, value, THEIR_FORMS[case["kind"]]) == case["answer"]


def test_both_make_the_same_tokens() -> None:
    said = VECTORS["union"]
    names = (said["deployment"], said["agreement"], said["period"])
    secret, own = bytes.fromhex(said["period_key"]), bytes.fromhex(said["secret"])
    place, key = unions.Place(*names), PeriodKey(TokenPlace(*names), secret)
    for case, token in said["tokens"].items():
        assert key.token(case).hex() == unions.token(place, secret, case).hex() == token
    key_id = unions.key_id(place, secret)
    theirs = {unions.padding(own, key_id, number) for number in range(unions.STEP)}
    assert theirs == TokenSets.of(key, (), (), own).seen
    assert theirs == set(map(bytes.fromhex, said["padding"]))


def our_key(content: bytes) -> str:
    said = VECTORS["union"]
    place = TokenPlace(said["deployment"], said["agreement"], said["period"])
    return PeriodKey(place, content).id.hex()


def their_key(content: bytes) -> str:
    said = VECTORS["union"]
    place = unions.Place(said["deployment"], said["agreement"], said["period"])
    return unions.key_id(place, content).hex()


def our_tokens(content: bytes) -> str:
    sets = parse_tokens(content)
    return tokens_text(sets.key_id, sorted(sets.minted), sorted(sets.seen))


def their_tokens(content: bytes) -> str:
    sets = unions.tokens(content)
    return tokens_text(sets.key, sets.minted, sets.seen)


def tokens_text(key_id: bytes, minted: Sequence[bytes], seen: Sequence[bytes]) -> str:
    named = {"minted": minted, "seen": seen}
    shown = {name: [one.hex() for one in tokens] for name, tokens in named.items()}
    return json.dumps({"key_id": key_id.hex(), **shown})


def our_result(content: bytes) -> str:
    tally = parse_result(content)
    return result_text(tally.contributors, tally.share_percent)


def result_text(contributors: Sequence[str], share: int | None) -> str:
    return json.dumps({"contributors": list(contributors), "share_percent": share})


OURS: dict[str, Callable[[bytes], str]] = {
    "listing": bytes.decode,
    "counts": lambda content: unpacked(content).canonical().decode(),
    "key": our_key,
    "tokens": our_tokens,
    "result": our_result,
}
THEIR_FORMS: dict[str, Callable[[bytes], str]] = {
    "listing": bytes.decode,
    "counts": lambda content: serialise(partner_statements.counts(content)),
    "key": their_key,
    "tokens": their_tokens,
    "result": lambda content: result_text(*unions.result(content)),
}


def ours(form: StatementForm, value: bytes, said: Callable[[bytes], str]) -> str:
    key = OpeningKey(bytes.fromhex(VECTORS["kid"]), WrapOpener(bytes.fromhex(VECTORS["seed"])))
    try:
        content = open_statement(parse_statement(form, value), VECTORS["partner"], [key])
        assert content is not None
        return said(content)
    except RefusedError as refusal:
        return "malformed" if refusal.code.endswith("malformed") else refusal.code
    except ValueError:  # of a content, which `CountsReceiver` refuses as malformed
        return "malformed"


def theirs(kind: partner_statements.Kind, value: bytes, said: Callable[[bytes], str]) -> str:
    key = envelope.exchange_key(bytes.fromhex(VECTORS["seed"]))
    try:
        statement = partner_statements.parse(kind, value)
        content = partner_statements.content(statement, VECTORS["partner"], key)
        if content is None:
            return "unopenable"
        return said(content)
    except MalformedError:
        return "malformed"


@pytest.mark.parametrize("kind", KINDS)
def test_both_refuse_the_same_values(kind: str) -> None:
    good, chance = made(kind), random.Random(1)
    form, other, _ = KINDS[kind]
    sealed = good[24 + int.from_bytes(good[8:16], "big") :]
    note = good[16 : -len(sealed) - 8]
    values = [
        good,
        b"",
        good[:-1],
        good + b"x",
        lp(note),
        lp(note, sealed),
        lp(note, sealed + b"x"),
    ]
    for _ in range(300):
        at, altered = chance.randrange(500), bytearray(good)
        altered[at] ^= 1 << chance.randrange(8)
        values.append(bytes(altered))
    assert {accepted_by_both(form, other, value) for value in values} == {True, False}


def accepted_by_both(form: StatementForm, kind: partner_statements.Kind, value: bytes) -> bool:
    try:
        parse_statement(form, value)
        accepted = True
    except RefusedError:
        accepted = False
    try:
        partner_statements.parse(kind, value)
        also = True
    except MalformedError:
        also = False
    assert accepted == also, value[:500]
    return accepted
