"""A Community Safety Unit's export reaches its partners, and theirs reach it, in its own codes."""

from __future__ import annotations

import pytest

from adapters.base import MappingError, Rejected, Row
from adapters.csu import ADAPTER
from adapters.testing import AdapterBehaviour, MemoryLinks, full_data, opened

REFER = {
    "ACTION": "REFER",
    "PARTNERS": "P1;P2",
    "CRN": "0712345/26",
    "REFERRAL_NO": "R-1",
    "RECORD_CLASS": "CRIME",
    "HC_FLAGS": "HC-RAC;HC-REL",
    "PERCEIVED_BY": "O",
    "OFFENCE_DATE": "28/10/2026",
    "OFFENCE_TIME": "07:05",
    "BOCU": "EK",
    "MO_TEXT": 'He said "go", then\nleft, twice',
    "VIC_NAME": "Zoë Testcase",
    "VIC_TEL": "+44 7700 900123",
    "SUSPECTS": "Example\\/Made-Up/25-34/M//Y/NBR|//F///",
    "CONSENT_POLICE": "Y",
    "CONSENT_STATS": "N",
    "SERVICE_REQ": "HSG",
}
CASE = {
    "ACTION": "CASE",
    "PARTNERS": "P2",
    "CRN": "0712345/26",
    "CASE_STATUS": "16",
    "UPLIFT": "NK",
    "MG_FORMS": "MG03=MG3-77|MG05=MG5-78",
}
CRITICAL = {
    "ACTION": "CRITICAL",
    "PARTNERS": "P1",
    "CRN": "0712345/26",
    "CI_DECLARED": "01/07/2026 09:30",
    "CI_REASON": "CCC",
}


def row(values: dict[str, str], line: int = 2) -> Row:
    return Row(line, dict.fromkeys(ADAPTER.mapping.export_columns, "") | values, 0, 0)


class TestCsu(AdapterBehaviour):
    adapter = ADAPTER
    document = ADAPTER.mapping.document

    def export(self) -> bytes:
        rows = [REFER, CASE, CRITICAL]
        return ADAPTER.write(rows, header=ADAPTER.mapping.export_columns)

    def test_a_referral_row_means_this(self) -> None:
        links = MemoryLinks()
        outgoing = ADAPTER.to_event(row(REFER), self.context(links))
        assert outgoing.event.type == "referral.made"
        assert outgoing.event.recipients == ("partner-one", "partner-two")
        assert outgoing.event.data == {
            "case_id": links.find_shared("case", "0712345/26"),
            "referral_id": links.find_shared("referral", "R-1"),
            "requested_service": "housing",
            "incident": {
                "record_type": "hate_crime",
                "strands": ["race", "religion"],
                "perceived_by": "other_person",
                "occurred_on": "2026-10-28",
                "occurred_time": "07:05",
                "borough": "E09000007",
                "narrative": 'He said "go", then\nleft, twice',
            },
            "victim": {"name": "Zoë Testcase", "phone": "+44 7700 900123"},
            "alleged_perpetrators": [
                {
                    "name": "Example/Made-Up",
                    "age_band": "25_34",
                    "gender": "male",
                    "known_to_victim": True,
                    "relationship": "neighbour",
                },
                {"gender": "female"},
            ],
            "consent": {"pass_to_police": True, "statistics": False},
        }

    def test_local_summer_time_becomes_utc(self) -> None:
        event = ADAPTER.to_event(row(CRITICAL), self.context()).event
        assert event.data["declared_at"] == "2026-07-01T08:30:00.000Z"

    def test_codes_that_say_not_recorded_become_nothing(self) -> None:
        event = ADAPTER.to_event(row(CASE), self.context()).event
        assert "sentence_uplift" not in event.data
        assert event.data["case_status"] == "charged"

    def test_flags_of_an_older_release_are_read_and_not_written(self) -> None:
        old = row(REFER | {"HC_FLAGS": "HC-HOM;HC-SO;HC-FTH"})
        event = ADAPTER.to_event(old, self.context()).event
        assert event.data["incident"]["strands"] == ["religion", "sexual_orientation"]  # type: ignore[index, call-overload]  # JSON

    def test_the_export_may_be_cp1252(self) -> None:
        content = self.export().decode().encode("cp1252")
        assert self.events(content)[0].event == self.events(self.export())[0].event
        assert self.events(content)[0].key == self.events(self.export())[0].key

    def test_a_changed_row_has_another_key_and_an_extract_date_changes_nothing(self) -> None:
        first = ADAPTER.to_event(row(REFER), self.context()).key
        later = ADAPTER.to_event(row(REFER | {"EXTRACT_DATE": "01/11/2026"}), self.context()).key
        linked = row(REFER | {"SHARED_CASE_ID": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01"})
        changed = ADAPTER.to_event(row(REFER | {"RISK": "HIGH"}), self.context()).key
        assert first == later == ADAPTER.to_event(linked, self.context()).key
        assert changed != first

    def test_one_broken_row_does_not_stop_the_others(self) -> None:
        lines = self.export().split(b"\r\n")
        lines.insert(2, b"REFER,P1,too,short")
        found = list(ADAPTER.read(b"\r\n".join(lines)))
        (rejected,) = [item for item in found if isinstance(item, Rejected)]
        assert rejected.error.code == "row_malformed"
        assert rejected.line == 4  # the narrative before it has two lines
        assert len(found) == 4

    def test_a_status_row_answers_and_moves_a_known_referral(self) -> None:
        links = MemoryLinks()
        links.link("case", "0712345/26", "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01")
        values = {
            "ACTION": "REFER-STATUS",
            "PARTNERS": "P1",
            "CRN": "0712345/26",
            "REFERRAL_NO": "R-9",
            "REF_PREV_STATUS": "REC",
            "REF_STATUS": "REJ",
            "REF_VERSION": "3",
            "REF_REASON": "CAP",
            "ANSWERS_FROM": "P1",
            "ANSWERS_EVENT": "c5b2e4f6-3d70-4e81-9f9c-a01b2c3d4e06",
        }
        with pytest.raises(MappingError) as refusal:
            ADAPTER.to_event(row(values), self.context(links))
        assert refusal.value.code == "unknown_referral"
        links.link("referral", "R-9", "0c9e2f57-8a3b-4a55-8d0e-27b9a0f4c302")
        data = ADAPTER.to_event(row(values), self.context(links)).event.data
        assert data["version"] == 3
        assert (data["previous_status"], data["status"]) == ("received", "rejected")
        assert data["reason"] == "no_capacity"
        assert data["answers"] == {
            "source": "partner-one",
            "id": "c5b2e4f6-3d70-4e81-9f9c-a01b2c3d4e06",
        }

    def test_a_correction_is_about_a_case_that_was_linked_before(self) -> None:
        values = {
            "ACTION": "CORRECT",
            "PARTNERS": "P1",
            "CRN": "0712345/26",
            "CORRECTS_FROM": "this-agency",
            "CORRECTS_EVENT": "c5b2e4f6-3d70-4e81-9f9c-a01b2c3d4e06",
            "CORR_REASON": "WVA",
            "CORR_STRUCK_OUT": "VIC_TEL;MO_TEXT",
        }
        with pytest.raises(MappingError) as refusal:
            ADAPTER.to_event(row(values), self.context())
        assert refusal.value.code == "unknown_case"
        links = MemoryLinks()
        links.shared("case", "0712345/26")
        data = ADAPTER.to_event(row(values), self.context(links)).event.data
        assert data["retracted"] == ["victim.phone", "incident.narrative"]
        wrong = row(values | {"CORR_STRUCK_OUT": "VIC_SHOE_SIZE"})
        with pytest.raises(MappingError) as refusal:
            ADAPTER.to_event(wrong, self.context(links))
        assert refusal.value.code == "unknown_column"

    @pytest.mark.parametrize(
        ("column", "value", "code"),
        [
            ("HC_FLAGS", "", "missing_value"),
            ("SERVICE_REQ", "", "missing_value"),
            ("CRN", "", "missing_value"),
            ("REFERRAL_NO", "", "missing_value"),
            ("CRN", "x" * 65, "invalid_value"),
            ("SHARED_CASE_ID", "not-an-id", "invalid_value"),
            ("MO_TEXT", "x" * 8_001, "text_too_long"),
            ("VIC_NAME", "two\nlines", "invalid_value"),
            ("VIC_POSTCODE", "nowhere", "invalid_value"),
            ("PREV_COUNT", "several", "invalid_value"),
            ("PREV_COUNT", "1000", "invalid_value"),
            ("CONSENT_STATS", "perhaps", "unknown_value"),
            ("SUSPECTS", "Secret Name/M", "invalid_value"),
            ("SUSPECTS", "Secret Name/25-34/M//Y/FRIEND", "unknown_value"),
            ("OFFENCE_DATE", "1/22/2026", "invalid_date"),
            ("OFFENCE_DATE", "01/02/26", "invalid_date"),
            ("OFFENCE_TIME", "25:00", "invalid_date"),
            ("PREV_REFERRAL", "R-0", "unknown_referral"),
        ],
    )
    def test_a_bad_value_is_refused_with_line_and_column(
        self, column: str, value: str, code: str
    ) -> None:
        links = MemoryLinks()
        with pytest.raises(MappingError) as refusal:
            ADAPTER.to_event(row(REFER | {column: value}, line=7), self.context(links))
        assert refusal.value.code == code
        assert "line 7" in (refusal.value.where or "")
        assert "Secret" not in refusal.value.diagnostics()
        if not value or "-" in value:
            return
        assert value not in refusal.value.diagnostics()

    def test_a_formula_from_a_partner_is_a_text_in_the_import(self) -> None:
        flat = full_data(self.document, "critical-incident.declared") | {
            "summary": '=HYPERLINK("http://example.org")'
        }
        event = opened("critical-incident.declared", flat)
        written = ADAPTER.from_event(event, self.context())
        assert b"\"'=HYPERLINK" in written
        (back,) = ADAPTER.read_back(written)
        assert back["CI_SUMMARY"] == '=HYPERLINK("http://example.org")'

    def test_withheld_leaves_are_named_by_their_columns(self) -> None:
        flat = full_data(self.document, "referral.made")
        event = opened("referral.made", flat, withheld=["victim.address", "victim.phone"])
        (back,) = ADAPTER.read_back(ADAPTER.from_event(event, self.context()))
        assert back["NOT_SHARED"] == "VIC_ADDRESS;VIC_TEL"
        assert back["VIC_ADDRESS"] == back["VIC_TEL"] == ""
        assert back["RECEIVED_FROM"] == "P1"
        assert back["SENT_AT"] == "12/03/2025 09:31:07"
