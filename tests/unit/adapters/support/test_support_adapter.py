"""The support adapter: a spreadsheet filled in by people, read strictly."""

from __future__ import annotations

from typing import ClassVar

import pytest

from adapters.base import AgencyAdapter, MappingError, Rejected, Row
from adapters.mapping import MappingDocument, RowMapping, load_mapping
from adapters.support import ADAPTER
from adapters.testing import AdapterBehaviour, full_data, opened

MAPPING = RowMapping(load_mapping("adapters.support"))
REPORT = {
    "This row is": "New referral",
    "Send to": "P1;P2",
    "Our client no.": "C-0042",
    "Our referral no.": "C-0042/1",
    "What do they need?": "Police to investigate",
    "How soon?": "This week",
    "Client name": "Renée O'Stubb",
    "Phone": "+44 20 7946 0018",
    "Safe to call?": "mornings; not Fridays",
    "Why do they think it happened": "Islamophobia;Disability;Race or racism",
    "Who thinks so": "Someone else",
    "How they told us": "Came to us",
    "When did it happen": "03/10/2026",
    "Borough": "Kensington and Chelsea",
    "What happened (own words)": 'He said, "go home".\nThen, quickly, they left; nobody hurt.',
    "Happy for us to tell the police? Y/N": "yes",
    "Happy to be contacted by a support service? Y/N": "Not asked",
    "Happy for us to share name and details? Y/N": "Y",
    "Happy to be counted in statistics? Y/N": "No",
}
CRITICAL = {
    "This row is": "Critical incident",
    "Send to": "P1",
    "Our client no.": "C-0043",
    "Critical from": "01/07/2026 09:15",
    "Why critical": "Community's confidence",
}


def sheet(*rows: dict[str, str]) -> bytes:
    return ADAPTER.write(rows)


def event_of(row: dict[str, str]) -> dict[str, object]:
    (read,) = ADAPTER.read(sheet(row))
    assert isinstance(read, Row)
    return dict(ADAPTER.to_event(read, AdapterBehaviour().context()).event.data)


class TestSupport(AdapterBehaviour):
    adapter: ClassVar[AgencyAdapter] = ADAPTER
    document: ClassVar[MappingDocument] = ADAPTER.mapping.document

    def export(self) -> bytes:
        return sheet(REPORT, CRITICAL)


def test_a_third_party_report_is_a_referral_to_the_police() -> None:
    data = event_of(REPORT)
    assert data["requested_service"] == "police_investigation"
    assert data["victim"] == {
        "name": "Renée O'Stubb",
        "phone": "+44 20 7946 0018",
        "safe_contact_times": "mornings; not Fridays",
    }
    assert data["incident"] == {
        "strands": ["disability", "race", "religion"],
        "perceived_by": "other_person",
        "reporting_channel": "self",
        "occurred_on": "2026-10-03",
        "borough": "E09000020",
        "narrative": 'He said, "go home".\nThen, quickly, they left; nobody hurt.',
    }


def test_consent_that_was_not_asked_for_is_absent_and_never_yes() -> None:
    assert event_of(REPORT)["consent"] == {
        "pass_to_police": True,
        "share_identity": True,
        "statistics": False,
    }


def test_an_answer_that_is_neither_yes_nor_no_is_refused() -> None:
    (row,) = ADAPTER.read(sheet({**REPORT, "Happy for us to tell the police? Y/N": "maybe"}))
    assert isinstance(row, Row)
    with pytest.raises(MappingError) as refusal:
        ADAPTER.to_event(row, AdapterBehaviour().context())
    assert refusal.value.code == "unknown_value"
    assert refusal.value.where == "line 2, column Happy for us to tell the police? Y/N"
    assert "maybe" not in refusal.value.diagnostics()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_encodings_of_spreadsheet_programs_are_read(encoding: str) -> None:
    content = sheet(REPORT).decode("utf-8-sig").encode(encoding)
    (row,) = ADAPTER.read(content)
    assert isinstance(row, Row)
    assert row.values["Client name"] == "Renée O'Stubb"


def test_own_words_that_look_like_a_formula_stay_words() -> None:
    words = "=HYPERLINK(1) he wrote"
    written = sheet({**REPORT, "What happened (own words)": words})
    assert b"'=HYPERLINK" in written
    incident = event_of({**REPORT, "What happened (own words)": words})["incident"]
    assert isinstance(incident, dict)
    assert incident["narrative"] == words


def test_a_narrative_that_is_too_long_is_refused_and_never_cut() -> None:
    (row,) = ADAPTER.read(sheet({**REPORT, "What happened (own words)": "word " * 1_700}))
    assert isinstance(row, Row)
    with pytest.raises(MappingError) as refusal:
        ADAPTER.to_event(row, AdapterBehaviour().context())
    assert refusal.value.code == "text_too_long"


def test_a_row_broken_by_an_open_quote_is_refused_alone() -> None:
    good = sheet(REPORT)
    found = list(ADAPTER.read(good + b'New referral,"P1,C-9\r\n'))
    assert isinstance(found[0], Row)
    assert isinstance(found[1], Rejected)
    assert found[1].error.code == "row_malformed"


def test_a_sheet_without_its_headers_is_refused_without_naming_what_stands_there() -> None:
    with pytest.raises(MappingError) as refusal:
        list(ADAPTER.read(b"Renee,Secret\r\n1,2\r\n"))
    assert refusal.value.code == "missing_column"
    assert "Secret" not in refusal.value.diagnostics()


def test_an_event_is_written_in_the_words_of_the_service() -> None:
    flat = full_data(ADAPTER.mapping.document, "referral.status-changed")
    flat.update({"status": "accepted", "previous_status": "received"})
    written = ADAPTER.from_event(
        opened("referral.status-changed", flat, withheld=["note"]), AdapterBehaviour().context()
    )
    (row,) = ADAPTER.read_back(written)
    assert row["This row is"] == "Referral news"
    assert (row["Referral was"], row["Referral is now"]) == ("With a caseworker", "Taken on")
    assert row["Came from"] == "P1"
    assert row["Not shared with us"] == "Notes"
    assert row["Notes"] == ""


def test_the_mapping_names_its_version() -> None:
    assert (ADAPTER.name, ADAPTER.mapping_version, ADAPTER.suffixes) == (
        "support",
        "2026-11",
        (".csv",),
    )
