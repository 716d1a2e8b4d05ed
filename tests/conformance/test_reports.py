"""The second reader's reports against this software's: form, seal, altered forms, periods."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from broker.control.own_reports import period
from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import Ed25519Signer, WrapOpener, WrapSealer, lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.statements.report_codes import REPORT_CODES
from broker.statements.reports import (
    PLAIN_BYTES,
    STATES,
    ReportEntry,
    ReportPlace,
    _entries,
    _info,
    open_report,
    parse_report,
    seal_report,
)
from broker.tlog.note import ED25519, note_signer
from tests.conformance import envelope, notes, reports
from tests.conformance.refusals import MalformedError

VECTORS = json.loads(Path(__file__).with_name("report_vectors.json").read_text())
SEED = bytes(range(32))
OPENER = WrapOpener(SEED)
THEIRS = envelope.exchange_key(SEED)
KID = b"k" * 32
KEY = WrapRecipient("csu-camden", KID, WrapSealer(OPENER.public))
SIGNER = note_signer("pan-london/council-camden", ED25519, Ed25519Signer(b"s" * 32))
PLACE = ReportPlace("pan-london", "council-camden", "csu-camden", 1_795_392_000_000)
ENTRIES = tuple(
    ReportEntry(str(UUID(int=number)), STATES[min(number, 2)], code)
    for number, code in enumerate(REPORT_CODES)
)


def test_the_second_reader_opens_a_report() -> None:
    value = seal_report(PLACE, ENTRIES, KEY, SIGNER)
    report = reports.parse(value)
    assert (report.deployment, report.agency, report.told, report.time) == (
        PLACE.deployment,
        PLACE.agency,
        PLACE.to,
        PLACE.time_ms,
    )
    assert reports.info(report, KID) == _info(PLACE, KEY.kid)
    plain = reports.unseal(report, THEIRS, KID)
    assert plain is not None
    ours = open_report(parse_report(value), [OpeningKey(KEY.kid, OPENER)])
    assert reports.entries(plain) == [(one.id, one.state, one.code) for one in ours]
    assert len(ours) == len(ENTRIES)
    assert reports.unseal(replace(report, agency="cps-london"), THEIRS, KID) is None


def test_the_second_reader_verifies_the_signature() -> None:
    report = reports.parse(seal_report(PLACE, (), KEY, SIGNER))
    key = notes.NoteKey(SIGNER.name, b"\x01", SIGNER.key.public)
    assert reports.is_signed(report, [key])
    assert not reports.is_signed(report, [replace(key, name="pan-london/cps-london")])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_vectors_of_reports(case: dict[str, Any]) -> None:
    """Both readers give the answer of each vector."""
    value, seed = base64.b64decode(case["value"]), bytes.fromhex(VECTORS["seed"])
    kid = bytes.fromhex(VECTORS["kid"])
    ours: object
    try:
        ours = [
            [one.id, one.state, one.code]
            for one in open_report(parse_report(value), [OpeningKey(kid, WrapOpener(seed))])
        ]
    except RefusedError as refusal:
        ours = refusal.code
    assert ours == case["answer"]
    theirs: object
    try:
        plain = reports.unseal(reports.parse(value), envelope.exchange_key(seed), kid)
        theirs = "report_unopenable" if plain is None else [*map(list, reports.entries(plain))]
    except MalformedError:
        theirs = "report_malformed"
    assert theirs == case["answer"]


def test_the_list_of_codes_is_that_of_the_specification() -> None:
    assert reports.codes() == dict(enumerate(REPORT_CODES))


def test_both_refuse_the_same_values() -> None:
    good = seal_report(PLACE, ENTRIES, KEY, SIGNER)
    note, sealed = good[16 : -len(parse_report(good).sealed) - 8], parse_report(good).sealed
    chance = random.Random(1)
    values = [
        good,
        b"",
        good[:-1],
        good + b"x",
        lp(note, sealed + b"x"),
        lp(note),
        lp(note, sealed),
    ]
    for _ in range(300):
        at, altered = chance.randrange(500), bytearray(good)
        altered[at] ^= 1 << chance.randrange(8)
        values.append(bytes(altered))
    assert {accepted_by_both(value) for value in values} == {True, False}


def accepted_by_both(value: bytes) -> bool:
    try:
        parse_report(value)
        ours = True
    except RefusedError:
        ours = False
    try:
        reports.parse(value)
        theirs = True
    except MalformedError:
        theirs = False
    assert ours == theirs, value[:500]
    return ours


def test_both_refuse_the_same_contents() -> None:
    chance = random.Random(2)
    seen = set()
    for _ in range(3000):
        count = chance.choice((0, 1, 2, 2, 455, 456))
        packed = [
            bytes([0] * 15 + [number % 256])
            + bytes((chance.randrange(5), chance.choice((0, 0, 1, 7, 44, 45, 255))))
            for number in range(chance.randrange(3))
        ]
        chance.shuffle(packed)
        plain = (count.to_bytes(2, "big") + b"".join(packed)).ljust(PLAIN_BYTES, b"\0")
        try:
            ours = [(one.id, one.state, one.code) for one in _entries(plain)]
        except RefusedError:
            with pytest.raises(MalformedError):
                reports.entries(plain)
            seen.add(False)
            continue
        assert reports.entries(plain) == ours
        seen.add(True)
    assert seen == {True, False}


def test_both_begin_the_periods_at_the_same_times() -> None:
    for every in (60_000, 3_600_000, 86_400_000):
        begins = reports.period_begins("pan-london", "council-camden", "csu-camden", every)
        pair = ("pan-london", "council-camden", "csu-camden", every)
        assert period(*pair, begins) == period(*pair, begins - 1) + 1


def test_after_a_delivery_nothing_changes() -> None:
    assert reports.state_after("delivered", "refused") == "delivered"
    assert reports.state_after("refused", "delivered") == "delivered"
    assert reports.state_after("put_aside", "refused") == "refused"
