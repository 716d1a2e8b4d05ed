"""Form, seal and signature of reports (docs/spec/reports.md)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.codes.counted import RECORD_REFUSALS
from broker.codes.meanings import CODES
from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import Ed25519Signer, WrapOpener, WrapSealer, lp
from broker.envelope.sealing import WrapRecipient
from broker.errors import RefusedError
from broker.judging.judgements import DEFERRED_CODES
from broker.statements.report_codes import REPORT_CODES, code_of_hold, code_of_refusal
from broker.statements.reports import (
    MAX_ENTRIES,
    PLAIN_BYTES,
    ReportEntry,
    ReportPlace,
    _entries,
    _info,
    open_report,
    parse_report,
    seal_report,
)
from broker.tlog.note import ED25519, format_note, note_signer, sign_note

PLACE = ReportPlace("pan-london", "council-camden", "csu-camden", 1_795_392_000_000)
OPENER = WrapOpener(bytes(range(32)))
KID = bytes(32)
KEY = WrapRecipient(PLACE.to, KID, WrapSealer(OPENER.public))
HELD = OpeningKey(KID, OPENER)
SIGNER = note_signer("pan-london/council-camden", ED25519, Ed25519Signer(b"s" * 32))
ONE = ReportEntry(str(UUID(int=1)), "delivered")


def entry(number: int) -> ReportEntry:
    state = ("delivered", "put_aside", "refused")[number % 3]
    code = "" if state == "delivered" else REPORT_CODES[1 + number % (len(REPORT_CODES) - 1)]
    return ReportEntry(str(UUID(int=number)), state, code)  # type: ignore[arg-type]  # one of STATES


@given(st.sets(st.integers(0, 2**128 - 1), max_size=40))
def test_a_sealed_report_is_opened(numbers: set[int]) -> None:
    entries = [entry(number) for number in numbers]
    report = parse_report(seal_report(PLACE, entries, KEY, SIGNER))
    assert report.place == PLACE
    assert open_report(report, [HELD]) == tuple(sorted(entries, key=lambda one: UUID(one.id).bytes))


def test_every_report_has_one_size() -> None:
    """Vector 17: the host's view with and without traffic is equal."""
    sizes = {
        len(seal_report(PLACE, [entry(number) for number in range(count)], KEY, SIGNER))
        for count in (0, 1, 100, MAX_ENTRIES)
    }
    assert len(sizes) == 1


def test_more_entries_than_a_report_holds_are_an_error() -> None:
    with pytest.raises(ValueError, match="too many"):
        seal_report(PLACE, [entry(number) for number in range(MAX_ENTRIES + 1)], KEY, SIGNER)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, deployment="elsewhere"),
        replace(PLACE, agency="cps-london"),
        replace(PLACE, to="cps-london"),
        replace(PLACE, time_ms=PLACE.time_ms + 1),
    ],
)
def test_a_seal_is_bound_to_its_place(other: ReportPlace) -> None:
    """A party cannot sign the sealed part of another party's report as its own."""
    report = parse_report(seal_report(PLACE, [ONE], KEY, SIGNER))
    with pytest.raises(RefusedError) as caught:
        open_report(replace(report, place=other), [HELD])
    assert caught.value.code == "report_unopenable"


def test_a_report_for_another_key_is_unopenable() -> None:
    report = parse_report(seal_report(PLACE, [ONE], KEY, SIGNER))
    for keys in ([], [OpeningKey(b"k" * 32, OPENER)], [OpeningKey(KID, WrapOpener(b"o" * 32))]):
        with pytest.raises(RefusedError) as caught:
            open_report(report, keys)
        assert caught.value.code == "report_unopenable"


def signed(text: bytes, sealed: bytes) -> bytes:
    return lp(format_note(sign_note(text, [SIGNER])), sealed)


def test_a_value_in_another_form_is_malformed() -> None:
    good = seal_report(PLACE, [ONE], KEY, SIGNER)
    report = parse_report(good)
    text, sealed = report.note.text, report.sealed
    for value in (
        b"",
        good[:-1],
        good + b"\x00",
        good[:8] + b"\xff" * 8 + good[16:],
        good + bytes(2_000),
        signed(text, sealed[:-1] + b"x"),
        signed(text, sealed + b"x"),
        signed(text.replace(b"report/v1", b"report/v2"), sealed),
        signed(text.replace(b"1795", b"01795"), sealed),
        signed(text + b"more\n", sealed),
    ):
        with pytest.raises(RefusedError) as caught:
            parse_report(value)
        assert caught.value.code == "report_malformed", value[:40]


def packed(number: int, state: int, code: int) -> bytes:
    return UUID(int=number).bytes + bytes((state, code))


@pytest.mark.parametrize(
    "plain",
    [
        (1).to_bytes(2, "big"),  # an entry of zeros
        (456).to_bytes(2, "big"),
        (0).to_bytes(2, "big") + b"\x00" * 5 + b"x",
        (1).to_bytes(2, "big") + packed(1, 0, 0),
        (1).to_bytes(2, "big") + packed(1, 4, 1),
        (1).to_bytes(2, "big") + packed(1, 2, len(REPORT_CODES)),
        (1).to_bytes(2, "big") + packed(1, 1, 1),
        (1).to_bytes(2, "big") + packed(1, 3, 0),
        (2).to_bytes(2, "big") + packed(1, 1, 0) + packed(1, 2, 1),
        (2).to_bytes(2, "big") + packed(2, 1, 0) + packed(1, 1, 0),
    ],
)
def test_content_in_another_form_is_malformed(plain: bytes) -> None:
    sealed = KEY.sealer.seal(plain.ljust(PLAIN_BYTES, b"\x00"), _info(PLACE, KID))
    report = replace(parse_report(seal_report(PLACE, [], KEY, SIGNER)), sealed=sealed)
    with pytest.raises(RefusedError) as caught:
        open_report(report, [HELD])
    assert caught.value.code == "report_malformed"


@given(st.binary(max_size=200))
def test_any_content_is_read_or_refused(content: bytes) -> None:
    code = ""
    try:
        _entries(content.ljust(PLAIN_BYTES, b"\x00"))
    except RefusedError as error:
        code = error.code
    assert code in {"", "report_malformed"}


def test_every_refusal_after_step_4_has_a_number() -> None:
    final = {code for step, code in RECORD_REFUSALS if step >= 5} - DEFERRED_CODES
    final -= {"fold_awaited", "quarantine_full"}
    assert final <= set(REPORT_CODES)
    assert len(set(REPORT_CODES)) == len(REPORT_CODES) <= 256
    assert set(REPORT_CODES) - {""} <= CODES.keys()


def test_a_code_of_the_recipient_alone_is_not_told() -> None:
    assert code_of_hold("rejected_by_system") == "rejected_by_system"
    assert code_of_hold("sink_conflict") == "event_held"
    assert code_of_hold("unknown_value") == "mapping_failed"
    assert code_of_hold("a_code_of_their_own") == "event_held"
    assert code_of_refusal("contract_ended") == "contract_ended"
    assert code_of_refusal("a_code_of_later_software") == "refused_by_recipient"
