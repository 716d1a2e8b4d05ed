"""The council adapter: JSON lines and semicolon CSV are one mapping."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from adapters.base import AgencyAdapter, MappingError, Rejected, Row
from adapters.council import ADAPTER, CSV_ADAPTER
from adapters.mapping import MappingDocument
from adapters.testing import AdapterBehaviour, MemoryLinks, full_data, opened

BOM = b"\xef\xbb\xbf"
REFERRAL = {
    "action": "NEW_REFERRAL",
    "notify": ["P1", "P2"],
    "asb_case_ref": "ASB/2026/0042",
    "referral_ref": "R-77",
    "service_code": "SUP-EMO",
    "priority": "P2",
    "resident_name": "Zoë Testcase; of Flat 2",
    "resident_phone": "020 7946 0018",
    "tenancy_type": "SEC",
    "incident_class": "HI",
    "motivations": ["RAC", "DIS"],
    "incident_date": "2026-10-03",
    "incident_details": 'They said "no|never";\nthen left.',
    "la_code": "00AG",
    "asb_flags": ["ASB", "ALC"],
    "previous_reports": 2,
    "police_aware": False,
    "perpetrators": [{"age_band": "18-24", "known": True, "relationship": "NBR"}],
    "consent_identity": True,
    "consent_police": False,
}
MEASURE = {
    "action": "CASE_UPDATE",
    "notify": ["P1"],
    "asb_case_ref": "ASB/2026/0041",
    "pan_london_case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
    "measure_codes": ["ABC", "CPN", "INJ"],
}
CRITICAL = {
    "action": "CRITICAL_INCIDENT",
    "notify": ["P1"],
    "asb_case_ref": "ASB/2026/0043",
    "declared_at": "2026-07-01T08:15:00Z",
    "critical_reason": "COM",
}


def as_json(*records: object) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def as_csv(*records: dict[str, object]) -> bytes:
    return CSV_ADAPTER._format.write(records, "csv")


def rows(content: bytes) -> list[Row]:
    found = list(ADAPTER.read(content))
    assert not [r.error.diagnostics() for r in found if isinstance(r, Rejected)]
    return [row for row in found if isinstance(row, Row)]


def rejected(content: bytes) -> Rejected:
    (found,) = [item for item in ADAPTER.read(content) if isinstance(item, Rejected)]
    return found


class TestJsonLines(AdapterBehaviour):
    adapter: ClassVar[AgencyAdapter] = ADAPTER
    document: ClassVar[MappingDocument] = ADAPTER.mapping.document

    def export(self) -> bytes:
        return as_json(REFERRAL, MEASURE, CRITICAL)


class TestCsv(AdapterBehaviour):
    adapter: ClassVar[AgencyAdapter] = CSV_ADAPTER
    document: ClassVar[MappingDocument] = CSV_ADAPTER.mapping.document

    def export(self) -> bytes:
        return as_csv(REFERRAL, MEASURE, CRITICAL)


def test_a_referral_is_told_in_the_shared_vocabulary() -> None:
    context = AdapterBehaviour().context()
    event = ADAPTER.to_event(rows(as_json(REFERRAL))[0], context).event
    assert event.type == "referral.made"
    assert event.recipients == ("partner-one", "partner-two")
    data = event.data
    assert data["requested_service"] == "emotional_support"
    assert data["case_id"] == context.links.find_shared("case", "ASB/2026/0042")
    assert data["victim"] == {
        "name": "Zoë Testcase; of Flat 2",
        "phone": "020 7946 0018",
        "tenure": "council_tenant",
    }
    assert data["incident"] == {
        "record_type": "hate_incident",
        "strands": ["disability", "race"],
        "occurred_on": "2026-10-03",
        "borough": "E09000007",
        "narrative": 'They said "no|never";\nthen left.',
        "previous_incidents": 2,
        "known_to_police": False,
        "linked_factors": ["alcohol", "anti_social_behaviour"],
    }


def test_civil_measures_stand_beside_the_case() -> None:
    event = ADAPTER.to_event(rows(as_json(MEASURE))[0], AdapterBehaviour().context()).event
    assert event.type == "case.updated"
    assert event.data["civil_measures"] == [
        "acceptable_behaviour_contract",
        "community_protection_notice",
        "injunction",
    ]


def test_both_forms_of_a_record_are_the_same_event_with_the_same_key() -> None:
    records = (REFERRAL, MEASURE, CRITICAL)
    context = AdapterBehaviour().context()
    for one, other in zip(rows(as_json(*records)), rows(as_csv(*records)), strict=True):
        first, second = ADAPTER.to_event(one, context), ADAPTER.to_event(other, context)
        assert first.event == second.event
        assert first.key == second.key


def test_the_csv_has_a_byte_order_mark_semicolons_and_day_first_dates() -> None:
    text = as_csv(REFERRAL)
    assert text.startswith(BOM + b"action;notify;asb_case_ref;")
    assert b";03-10-2026;" in text
    assert b";RAC|DIS;" in text
    assert b";Y;" in text


def test_uk_local_time_in_csv_is_utc_in_the_event() -> None:
    text = as_csv(CRITICAL)
    assert b"01-07-2026 09:15" in text
    event = ADAPTER.to_event(rows(text)[0], AdapterBehaviour().context()).event
    assert event.data["declared_at"] == "2026-07-01T08:15:00.000Z"


@pytest.mark.parametrize("date", ["31-02-2026", "2026-10-03", "3-10-2026", "03/10/2026"])
def test_a_csv_date_of_another_shape_is_refused_with_line_and_column(date: str) -> None:
    found = rejected(as_csv(REFERRAL).replace(b"03-10-2026", date.encode()))
    assert found.error.code == "invalid_date"
    assert found.error.where == "line 2, column incident_date"
    assert "dd-mm-yyyy" in found.error.detail
    assert date not in found.error.diagnostics()


@pytest.mark.parametrize("time", ["01-07-2026", "25-10-2026 01:30", "29-03-2026 01:30"])
def test_a_csv_time_that_is_not_one_moment_is_refused(time: str) -> None:
    found = rejected(as_csv(CRITICAL).replace(b"01-07-2026 09:15", time.encode()))
    assert found.error.code == "invalid_date"


def test_the_hour_that_happens_twice_may_say_which() -> None:
    text = as_csv(CRITICAL).replace(b"01-07-2026 09:15", b"25-10-2026 01:30 BST")
    event = ADAPTER.to_event(rows(text)[0], AdapterBehaviour().context()).event
    assert event.data["declared_at"] == "2026-10-25T00:30:00.000Z"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"action": "NEW_REF', "row_malformed"),
        (b'{"action": "A"} trailing', "row_malformed"),
        (b'{"action": "A", "action": "B"}', "row_malformed"),
        (b'{"previous_reports": NaN}', "row_malformed"),
        (b'{"resident_name": "\\ud800"}', "row_malformed"),
        (b'{"x":' + b"[" * 100_000, "row_malformed"),
        (b'"text"', "row_malformed"),
        (b'{"favourite_colour": "Secret"}', "unknown_column"),
    ],
)
def test_a_broken_line_is_refused_and_the_others_are_read(line: bytes, code: str) -> None:
    content = as_json(REFERRAL) + line + b"\n" + as_json(MEASURE)
    found = list(ADAPTER.read(content))
    assert [type(item) for item in found] == [Row, Rejected, Row]
    bad = found[1]
    assert isinstance(bad, Rejected)
    assert (bad.line, bad.error.code, bad.error.where) == (2, code, "line 2")
    assert "Secret" not in bad.error.diagnostics()
    assert content[bad.start : bad.end] == line + b"\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'[{"action": "NEW_REFERRAL"}]', "file_malformed"),
        (b'{"resident_name": "caf\xe9"}\n', "file_encoding"),
        (as_csv(REFERRAL).replace("ë".encode(), b"\xeb"), "file_encoding"),
        (b"action;notify\nNEW_REFERRAL;P1\n", "missing_column"),
        (as_csv(REFERRAL).replace(b"notify", b"notifies", 1), "unknown_column"),
        (BOM + b" \n", "file_empty"),
    ],
)
def test_a_file_that_is_not_an_export_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(MappingError) as refusal:
        list(ADAPTER.read(content))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("previous_reports", 2.5, "invalid_value"),
        ("previous_reports", -1, "invalid_value"),
        ("police_aware", "maybe", "unknown_value"),
        ("resident_name", {"first": "Zoë"}, "invalid_value"),
        ("motivations", {"RAC": True}, "invalid_value"),
        ("perpetrators", [{"shoe_size": 44}], "unknown_column"),
        ("perpetrators", ["18-24"], "invalid_value"),
        ("incident_details", "x" * 8_001, "text_too_long"),
        ("resident_phone", "n/a", "invalid_value"),
    ],
)
def test_a_value_of_the_wrong_shape_is_refused(column: str, value: object, code: str) -> None:
    (row,) = rows(as_json({**REFERRAL, column: value}))
    with pytest.raises(MappingError) as refusal:
        ADAPTER.to_event(row, AdapterBehaviour().context())
    assert refusal.value.code == code
    assert column in (refusal.value.where or "")


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("previous_reports", 1.0, "whole number"),
        ("previous_reports", True, "whole number"),
        ("police_aware", 1, "true, false"),
    ],
)
def test_a_refusal_names_the_kind_of_value_of_the_column(
    column: str, value: object, expected: str
) -> None:
    (row,) = rows(as_json({**REFERRAL, column: value}))
    with pytest.raises(MappingError, match=expected):
        ADAPTER.to_event(row, AdapterBehaviour().context())


def test_an_answer_needs_a_referral_that_is_known() -> None:
    answer = {
        "action": "REFERRAL_UPDATE",
        "notify": ["P1"],
        "asb_case_ref": "ASB/2026/0042",
        "referral_ref": "R-99",
        "referral_version": 2,
        "previous_state": "SENT",
        "referral_state": "ACK",
    }
    (row,) = rows(as_json(answer))
    with pytest.raises(MappingError) as refusal:
        ADAPTER.to_event(row, AdapterBehaviour().context())
    assert refusal.value.code == "unknown_referral"
    links = MemoryLinks()
    links.link("referral", "R-99", "0c9e2f57-8a3b-4a55-8d0e-27b9a0f4c302")
    event = ADAPTER.to_event(row, AdapterBehaviour().context(links)).event
    assert event.data["status"] == "received"


def test_an_event_is_written_in_the_terms_of_the_council() -> None:
    flat = full_data(ADAPTER.mapping.document, "referral.made")
    context = AdapterBehaviour().context()
    written = ADAPTER.from_event(opened("referral.made", flat, withheld=["witnesses"]), context)
    (record,) = ADAPTER.read_back(written)
    assert record["action"] == "NEW_REFERRAL"
    assert record["received_from"] == "P1"
    assert record["tenancy_type"] in ADAPTER.mapping.document.tables["tenure"].codes
    assert record["not_shared"] == ["witness_count"]
    assert "witness_count" not in record
    assert "asb_case_ref" not in record, "the council has not linked this case yet"
    (same,) = CSV_ADAPTER.read_back(
        CSV_ADAPTER.from_event(opened("referral.made", flat, withheld=["witnesses"]), context)
    )
    # The CSV's clock has no seconds.
    assert {**same, "sent_at": ""} == {**record, "sent_at": ""}


def test_the_forms_name_their_suffix_first() -> None:
    assert (ADAPTER.name, ADAPTER.suffixes) == ("council", (".jsonl", ".csv"))
    assert (CSV_ADAPTER.name, CSV_ADAPTER.suffixes) == ("council-csv", (".csv", ".jsonl"))
    assert ADAPTER.mapping_version == CSV_ADAPTER.mapping_version == "2026-11"
