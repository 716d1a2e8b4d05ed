"""Cases at the edges that JSON, Unicode and clocks have: lines, numbers, names, times, key ids.

docs/spec/opening.md, Files; envelope.md; contracts.md, Schemas; keys.md, Signatures in notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.envelope.primitives import b64, strict_b64
from broker.record import Record, format_record
from broker.tlog.note import key_id
from tests.support.record_parts import proof_of, with_proof
from tests.vectors.making.agencies import COUNCIL, POLICE
from tests.vectors.making.event_drafts import CRITICAL, MADE
from tests.vectors.making.model_cases import AGREED, SAME
from tests.vectors.making.scene import Case, Scene
from tests.vectors.making.setting import Setting

LINE_BYTES = 2**20


def cases(setting: Setting) -> Iterator[Case]:
    """All of them."""
    yield from _long_lines(setting)
    yield from _numbers(setting)
    yield from _unicode(setting)
    yield from _times(setting)
    yield from _key_ids(setting)


# --- lines ----------------------------------------------------------------------------------------


def _line(s: Scene) -> tuple[str, dict[str, object]]:
    """A line that opens, and its answer."""
    event = s.small()
    return format_record(s.log().one(event.value())).decode("ascii"), event.answer(COUNCIL)


def _long_lines(setting: Setting) -> Iterator[Case]:
    for name, size, about in (
        ("10-opened-line_of_1_mib", LINE_BYTES, "A line of exactly 1 MiB, white space in it."),
        ("0-record_malformed-line_long", LINE_BYTES + 1, "A line of a byte more than 1 MiB."),
    ):
        s = Scene(setting, name)
        line, answer = _line(s)
        line = line[:-1] + " " * (size - len(line)) + "}"
        s.then(line, answer if "opened" in name else None)
        yield s.case(about, spec="opening.md, Files")
    for what, text, about in (
        ("line_empty", "", "An empty line."),
        ("line_nested", "[" * 100_000, "A line that opens 100000 lists."),
        ("line_mark", "\ufeff{}", "A byte order mark before the object."),
    ):
        s = Scene(setting, f"0-record_malformed-{what}")
        _, answer = _line(s)
        s.then(text)
        yield s.case(about, spec="opening.md, Files")
    s = Scene(setting, "10-opened-line_cr")
    line, answer = _line(s)
    s.then(line + "\r", answer)
    yield s.case("A line that ends in CR LF.", spec="opening.md, Files")


def _numbers(setting: Setting) -> Iterator[Case]:
    for what, number, about in (
        ("partition_fraction", "0.0", "A fraction, of nothing."),
        ("partition_exponent", "0e0", "An exponent."),
        ("partition_leading_zero", "00", "A leading zero, which JSON does not have."),
        ("partition_plus", "+0", "A sign that JSON does not have."),
        ("partition_text", '"0"', "A number in quotes."),
        ("partition_negative", "-1", "A partition below 0."),
        ("partition_nan", "NaN", "A number that is none, which JSON does not have."),
    ):
        s = Scene(setting, f"0-record_malformed-{what}")
        s.then(_line(s)[0].replace('"partition":0', f'"partition":{number}'))
        yield s.case(about, spec="opening.md, Files")
    for what, number, about in (
        ("offset_large", str(2**63), "An offset of 2^63."),
        ("offset_digits", "9" * 5000, "An offset of 5000 digits."),
        ("offset_fraction", "1.0", "An offset with a fraction."),
        ("offset_null", "null", "An offset that is null."),
    ):
        s = Scene(setting, f"0-record_malformed-{what}")
        s.then(_line(s)[0][:-1] + f',"offset":{number}}}')
        yield s.case(about, spec="opening.md, Files")
    s = Scene(setting, "10-opened-partition_minus_zero")
    line, answer = _line(s)
    s.then(line.replace('"partition":0', '"partition":-0'), answer)
    yield s.case("-0 is the integer 0.", spec="opening.md, Files")
    for what, number in (("largest", str(2**63 - 1)), ("unknown", "-1")):
        s = Scene(setting, f"10-opened-offset_{what}")
        line, answer = _line(s)
        s.then(line[:-1] + f',"offset":{number}}}', answer)
        yield s.case("An offset at the edge of its range.", spec="opening.md, Files")


# --- Unicode --------------------------------------------------------------------------------------


def _unicode(setting: Setting) -> Iterator[Case]:
    s = Scene(setting, "10-id_reused-other_normal_form")
    log = s.log()
    first, second = (
        replace(s.event(MADE, to=(COUNCIL,), flat={**AGREED, "victim.name": name}), id=SAME)
        for name in ("Zo\u00eb", "Zoe\u0308")
    )
    s.then(log.one(first.value()), first.answer(COUNCIL))
    s.then(log.one(second.value()))
    yield s.case("Equal but for Unicode's normal form is not equal.")
    for what, kind, about in (
        ("lookalike", "referral.mad\u0435", "A type that ends in a Cyrillic letter."),
        ("wide", "referral\uff0emade", "A type with a full-width stop (NFKC would make it one)."),
        ("capital", "Referral.made", "A type with a capital."),
    ):
        s = Scene(setting, f"9-type_unknown-{what}")
        draft = s.small()
        draft.head = {"to": [COUNCIL], "type": kind}
        yield s.refused(about, s.log().one(draft.value()))
    plane, beyond = "\uff5e", "\U0001f600"
    for name, to, about in (
        (
            "9-recipient_not_permitted-order_of_code_points",
            [COUNCIL, plane, beyond],
            "Addressed agencies in the order of code points, which UTF-16 turns round; the two "
            "strangers are no parties.",
        ),
        (
            "9-group_zero-order_of_utf16",
            [COUNCIL, beyond, plane],
            "Addressed agencies in the order of UTF-16 and not of code points.",
        ),
    ):
        s = Scene(setting, name)
        draft = s.small()
        draft.head = {"to": list(to), "type": MADE}
        length = 28 + 32 * len(draft.groups)
        draft.extra_entries = [
            (
                draft.ground.draw(1168, "stranger's wrap", draft.label, number),
                draft.ground.draw(length, "stranger's keys", draft.label, number),
            )
            for number in range(2)
        ]
        yield s.refused(about, s.log().one(draft.value()))


# --- times ----------------------------------------------------------------------------------------


def _times(setting: Setting) -> Iterator[Case]:
    spec = "contracts.md, Schemas"
    for what, text in (
        ("fraction_none", "2025-03-10T08:15:00Z"),
        ("fraction_two", "2025-03-10T08:15:00.00Z"),
        ("fraction_six", "2025-03-10T08:15:00.000000Z"),
        ("fraction_comma", "2025-03-10T08:15:00,000Z"),
        ("small_letters", "2025-03-10t08:15:00.000z"),
        ("offset", "2025-03-10T08:15:00.000+01:00"),
        ("year_9999", "9999-12-31T23:59:59.999Z"),
        ("year_five_digits", "10000-01-01T00:00:00.000Z"),
        ("year_1899", "1899-12-31T23:59:59.999Z"),
        ("leap_second_day", "2025-06-30T23:59:60.000Z"),
    ):
        s = Scene(setting, f"10-event_invalid-time_{what}")
        draft = s.event(CRITICAL, to=(COUNCIL,), declared_at=text)
        yield s.refused(
            "A date-time that its schema refuses.", s.log().one(draft.value()), spec=spec
        )
    for what, text in (
        ("first", "1900-01-01T00:00:00.000Z"),
        ("last", "2099-12-31T23:59:59.999Z"),
        ("leap_day", "2000-02-29T23:59:59.999Z"),
    ):
        s = Scene(setting, f"10-opened-time_{what}")
        event = s.event(CRITICAL, to=(COUNCIL,), declared_at=text)
        yield s.opened(
            "A date-time at the edge of its schema.", event, s.log().one(event.value()), spec=spec
        )
    s = Scene(setting, "10-opened-time_of_1970")
    event = replace(s.small(), time=0)
    yield s.opened("The event's time is 0.", event, s.log().one(event.value()), spec="envelope.md")
    s = Scene(setting, "5-time_ahead-largest")
    yield s.refused(
        "An event's time of 2^64 - 1.",
        s.log().one(replace(s.small(), time=2**64 - 1).value()),
    )


# --- key ids of other types -----------------------------------------------------------------------


def _key_ids(setting: Setting) -> Iterator[Case]:
    """The right signature, in a line whose key id is that of another type of the same key."""
    own = setting.stream[POLICE]
    for what, kind in (
        ("note", b"\x01"),
        ("ecdsa", b"\x02"),
        ("timestamp", b"\x05"),
        ("ml_dsa_cosignature", b"\x06"),
        ("named", b"\xffEd25519"),
        ("none", b""),
    ):
        s = Scene(setting, f"2-key_unknown-type_{what}")
        one = s.log().one(s.small().value())
        yield s.refused(
            "A checkpoint whose line has the key id of another type of signature.",
            _with_key_id(one, key_id(own.name, kind, own.listed.public)),
            spec="keys.md, Signatures in notes; opening.md, step 2",
        )


def _with_key_id(original: Record, found: bytes) -> Record:
    head, _, encoded = proof_of(original)[:-1].rpartition(b" ")
    line = b64(found + strict_b64(encoded)[4:]).encode()
    return with_proof(original, head + b" " + line + b"\n")
