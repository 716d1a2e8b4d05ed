"""A mapping file of an agency: conditions, computed columns, routes, fixed values and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from adapters.base import Context, FilePlace, MappingError, Outgoing, Row
from adapters.full_events import opened
from adapters.mapping import MappingFileError, MemoryLinks, RowMapping, parse_mapping
from adapters.mapping.reading import Terms
from adapters.mapping.writing import write_value
from broker.event import OpenedEvent

TEXT = """\
mapping: housing
version: "1"
source: a test
vocabulary: hate-crime
format: {type: csv}
roles:
  case: Ref
  referral: referral reference
  rest: Notes
only: row.Type != "Repair"
derived:
  referral reference: row.Ref
  full name: row.Forename + " " + row.Surname
  risk: 'int(row.Score) >= 14 ? "H" : "S"'
kinds:
  report: {type: referral.made, referral: new, when: 'row.Stage == "New"'}
  update: {type: case.updated, when: 'row.Stage != "New"'}
  answer: {type: referral.status-changed, use: import}
routes:
  - {when: 'row.Police == "N"', to: [P1]}
  - {to: [partner-two]}
fixed: {incident.reporting_channel: council, requested_service: housing}
tables:
  risk: {list: risk_level, codes: {S: standard, H: high}}
  strand: {list: hate_strand, codes: {Race: race, Faith: religion}}
  class: {list: record_type, codes: {Crime: hate_crime, Incident: hate_incident}}
columns:
  - {column: full name, paths: [victim.name]}
  - {column: risk, paths: [victim.risk_level], kind: code, table: risk}
  - {column: Motive, paths: [incident.strands], kind: codes, table: strand, separator: ","}
  - {column: Class, paths: [incident.record_type], kind: code, table: class, default: Incident}
  - {column: Note, paths: [note, reason], optional: true}
  - {column: When, paths: [incident.occurred_on], kind: date}
written:
  - {column: Surname, value: 'field["victim.name"]'}
ignored: [Officer]
"""
GOOD = {
    "Ref": "H/1", "Type": "ASB", "Stage": "New", "Police": "Y", "Forename": "Ann", "Score": "14",
    "Surname": "Sample", "Motive": "Race, Faith", "Class": "", "When": "03/11/2026", "Officer": "X",
}  # fmt: skip


def mapping(change: Callable[[str], str] = lambda text: text) -> RowMapping:
    return RowMapping(parse_mapping(change(TEXT).encode(), "mapping.yaml"))


def context() -> Context:
    return Context("me", {"P1": "partner-one", "P2": "partner-two"}, MemoryLinks())


def sent(**changes: str) -> Outgoing | None:
    return mapping().to_event(Row(4, GOOD | changes, 0, 0), context())


def data(**changes: str) -> dict[str, object]:
    outgoing = sent(**changes)
    assert outgoing is not None
    return outgoing.event.data


def test_computed_columns_fixed_values_and_defaults_reach_the_event() -> None:
    found = data()
    assert found["victim"] == {"name": "Ann Sample", "risk_level": "high"}
    assert found["incident"] == {
        "strands": ["race", "religion"],
        "record_type": "hate_incident",
        "reporting_channel": "council",
        "occurred_on": "2026-11-03",
    }
    assert found["requested_service"] == "housing"


@pytest.mark.parametrize(("score", "level"), [("13", "standard"), ("14", "high"), ("99", "high")])
def test_a_threshold_decides(score: str, level: str) -> None:
    victim = data(Score=score)["victim"]
    assert isinstance(victim, dict)
    assert victim["risk_level"] == level


def test_the_condition_decides_on_the_kind_of_row() -> None:
    new, later = sent(), sent(Stage="Closed")
    assert new is not None
    assert later is not None
    assert (new.event.type, later.event.type) == ("referral.made", "case.updated")


def test_each_route_whose_condition_holds_adds_its_partners() -> None:
    known, unknown = sent(Police="Y"), sent(Police="N")
    assert known is not None
    assert unknown is not None
    assert known.event.recipients == ("partner-two",)
    assert unknown.event.recipients == ("partner-one", "partner-two")


def test_a_row_that_the_mapping_filters_is_no_event_and_no_fault() -> None:
    assert sent(Type="Repair") is None


def test_a_column_that_only_an_expression_reads_is_needed_and_part_of_the_key() -> None:
    assert "Score" in mapping().export_columns
    first, second = sent(Score="14"), sent(Score="15")
    assert first is not None
    assert second is not None
    assert first.key != second.key


def test_a_column_that_is_read_and_written_is_part_of_the_key() -> None:
    first, second = sent(Surname="Sample"), sent(Surname="Different")
    assert first is not None
    assert second is not None
    assert first.key != second.key


def test_an_ignored_column_is_allowed_and_no_part_of_the_key() -> None:
    assert "Officer" in mapping().known_columns
    first, second = sent(), sent(Officer="Y")
    assert first is not None
    assert second is not None
    assert first.key == second.key


@pytest.mark.parametrize(
    ("changes", "code", "column"),
    [
        ({"Score": "many"}, "expression_failed", "risk"),
        ({"Motive": "Age"}, "unknown_value", "Motive"),
        ({"When": "31/02/2026"}, "invalid_date", "When"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_column(
    changes: dict[str, str], code: str, column: str
) -> None:
    with pytest.raises(MappingError) as refusal:
        sent(**changes)
    assert refusal.value.code == code
    assert column in (refusal.value.where or "")
    assert not any(value in refusal.value.diagnostics() for value in changes.values())


def test_a_row_of_no_kind_is_refused() -> None:
    strict = mapping(lambda text: text.replace('row.Stage != "New"', 'row.Stage == "Open"'))
    with pytest.raises(MappingError) as refusal:
        strict.to_event(Row(4, GOOD | {"Stage": "?"}, 0, 0), context())
    assert refusal.value.code == "unknown_kind"


def received() -> OpenedEvent:
    flat = {
        "case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
        "referral_id": "0c9e2f57-8a3b-4a55-8d0e-27b9a0f4c302",
        "victim.name": "Ann Sample",
        "victim.safe_contact_times": "evenings",
        "incident.place_kind": "home",
        "requested_service": "housing",
    }
    return opened("referral.made", flat, withheld=["victim.phone"])


def test_everything_without_a_column_is_in_the_rest_in_words() -> None:
    row = mapping().to_row(received(), context())
    assert row["Surname"] == "Ann Sample"
    rest = row["Notes"]
    assert isinstance(rest, str)
    for told in (
        "(victim.safe_contact_times): evenings",
        "(home)",
        "from: P1",
        "event: c5b2e4f6-3d70-4e81-9f9c-a01b2c3d4e06",
        "not shared: victim.phone",
        "kind: report",
        "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
    ):
        assert told in rest
    assert "Ann" not in rest


def test_a_field_without_a_place_is_refused_and_not_dropped() -> None:
    roles = "shared_case: S, kind: K, recipients: T, received_from: F, event_id: E, sent_at: D"
    narrow = mapping(
        lambda text: (
            text.replace("  rest: Notes\n", "")
            .replace("  case: Ref\n", "  case: Ref\n  " + ("\n  ".join(roles.split(", "))) + "\n")
            .replace("  referral: ref", "  not_shared: N\n  referral: ref")
            .replace(", when: 'row.Stage == \"New\"'", "")
            .replace(", when: 'row.Stage != \"New\"'", "")
        )
    )
    with pytest.raises(MappingError) as refusal:
        narrow.to_row(received(), context())
    assert refusal.value.code == "unknown_column"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("row.Ref\n", "row.Ref +\n", "derived"),
        ("row.Ref\n", "name.Ref\n", "derived"),
        ("row.Ref\n", "row[row.Ref]\n", "derived"),
        ("row.Ref\n", "open(row.Ref)\n", "derived"),
        ("  rest: Notes\n", "", "roles"),
        ("full name: row.Forename", "full name: row.risk + row.Forename", "derived.full name"),
        ("ignored: [Officer]", "ignored: [Score]", "ignored"),
        ("  - {to: [partner-two]}", "  - {to: []}", "routes"),
        ("requested_service: housing", "service: housing", "fixed.service"),
        ('field["victim.name"]', 'field["victim.nme"]', "written[0].value"),
        ("list: risk_level", "list: risk_levels", "tables.risk.list"),
        ("H: high", "H: hihg", "tables.risk"),
        ("type: case.updated", "type: case.update", "kinds.update.type"),
        (", when: 'row.Stage == \"New\"'", "", "kinds"),
        ("source: a test", "source: a test\nzone: Europe/Londn", "zone"),
        ("format: {type: csv}", "format: {type: csv, records: /a}", "format"),
        ("  rest: Notes", "  rest: Note", "columns"),
        ("  rest: Notes", "  rest: Stage", "roles"),
        ("  rest: Notes", "  rest: Ref", "roles"),
        ("  rest: Notes", "  rest: Surname", "written"),
        ("{column: Surname,", "{column: Motive,", "columns"),
        ("kind: date}", "kind: date, formats: [D MMM YYYY]}", "columns[5].formats"),
        ("only: row.Type", "only: has(row.Type) && row.Type", "only"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_place(
    old: str, new: str, field: str
) -> None:
    assert old in TEXT
    with pytest.raises(MappingFileError) as refusal:
        mapping(lambda text: text.replace(old, new, 1))
    assert refusal.value.code == "mapping_invalid"
    assert (refusal.value.where or "").startswith("mapping.yaml:")
    assert field in (refusal.value.where or "")


def test_every_fault_of_a_file_is_told_at_once_with_its_line() -> None:
    changes = {
        "source: a test": "source: a test\nzone: Europe/Londn",
        "list: risk_level": "list: risk_levels",
        'field["victim.name"]': 'field["victim.nme"]',
        "requested_service: housing": "service: housing",
        "ignored: [Officer]": "ignored: [Score]",
    }

    def change(text: str) -> str:
        for old, new in changes.items():
            text = text.replace(old, new, 1)
        return text

    with pytest.raises(MappingFileError) as refusal:
        mapping(change)
    told = f"{refusal.value.where}: {refusal.value.detail}".splitlines()
    places = ("zone", "tables.risk.list", "written[0].value", "fixed.service", "ignored[0]")
    assert len(told) == len(places)
    for place in places:
        assert any(re.match(rf"mapping\.yaml:\d+: {re.escape(place)}: ", line) for line in told)


def test_an_unknown_event_type_hides_no_other_fault() -> None:
    with pytest.raises(MappingFileError) as refusal:
        mapping(
            lambda text: text.replace("type: case.updated", "type: case.update", 1).replace(
                "H: high", "H: hihg", 1
            )
        )
    told = refusal.value.diagnostics()
    assert "kinds.update.type" in told
    assert "tables.risk" in told


def test_times_of_another_zone_are_read_and_written_in_it() -> None:
    text = TEXT.replace("source: a test", "source: a test\nzone: Europe/Paris").replace(
        "  - {column: When,",
        "  - {column: Since, paths: [declared_at], kind: datetime, optional: true}\n"
        "  - {column: When,",
    )
    text = text.replace(
        "  answer: {", "  alarm: {type: critical-incident.declared, when: 'false'}\n  answer: {"
    ).replace(
        "  update: {type: case.updated, when: 'row.Stage != \"New\"'}\n",
        "  update: {type: case.updated, when: 'row.Stage != \"New\"'}\n",
    )
    paris = RowMapping(parse_mapping(text.encode(), "mapping.yaml"))
    flat = {
        "case_id": "5d0d8f8a-54a7-4f7a-9a51-3f4f1f6f8b01",
        "declared_at": "2026-07-01T10:00:00.000Z",
    }
    row = paris.to_row(opened("critical-incident.declared", flat), context())
    assert row["Since"] == "01/07/2026 12:00"


BORN = "{column: DOB, paths: [victim.date_of_birth], kind: date, optional: true"


def with_birth(text: str) -> Callable[[str], str]:
    return lambda whole: whole.replace("written:\n", f"  - {BORN}{text}}}\nwritten:\n")


def born(value: str, text: str) -> object:
    outgoing = mapping(with_birth(text)).to_event(Row(4, GOOD | {"DOB": value}, 0, 0), context())
    assert outgoing is not None
    victim = outgoing.event.data["victim"]
    assert isinstance(victim, dict)
    return victim["date_of_birth"]


def test_a_year_of_two_digits_needs_a_rule_for_its_century() -> None:
    with pytest.raises(MappingFileError) as refusal:
        mapping(with_birth(', formats: ["%d/%m/%Y", "%d/%m/%y"]'))
    assert "century: past" in refusal.value.detail
    with pytest.raises(MappingFileError) as refusal:
        mapping(
            lambda text: text.replace("vocabulary:", 'date_formats: ["%d/%m/%y"]\nvocabulary:', 1)
        )
    assert "column When" in refusal.value.detail


def test_a_birth_of_1950_is_not_one_of_2050() -> None:
    rule = ', formats: ["%d/%m/%y", "%d/%m/%Y"], century: past'
    assert born("12/6/50", rule) == "1950-06-12"
    assert born("1/5/80", rule) == "1980-05-01"
    assert born("1/5/2003", rule) == "2003-05-01"


def test_a_full_date_in_the_future_is_refused_where_the_column_holds_past_dates() -> None:
    with pytest.raises(MappingError) as refusal:
        born("12/06/2050", ", century: past")
    assert refusal.value.code == "invalid_date"
    assert "2050" not in refusal.value.diagnostics()


@pytest.mark.parametrize(("year", "written"), [("1950", "12/06/50"), ("1912", None)])
def test_a_date_is_not_written_as_one_of_another_century(year: str, written: str | None) -> None:
    rules = mapping(with_birth(', formats: ["%d/%m/%y"], century: past'))
    document, column = rules.document, rules.document.columns[-1]
    terms = Terms(document, context(), {}, {})
    if written is not None:
        assert write_value(column, f"{year}-06-12", FilePlace(1, "DOB"), terms) == written
        return
    with pytest.raises(MappingError) as refusal:
        write_value(column, f"{year}-06-12", FilePlace(1, "DOB"), terms)
    assert refusal.value.code == "invalid_date"


@pytest.mark.parametrize(
    ("words", "answer"),
    [("Yes - police and support", True), ("Refused", False), ("", None), ("Ask me later", None)],
)
def test_consent_in_words_is_read_as_the_guide_says(words: str, answer: bool | None) -> None:
    def change(text: str) -> str:
        recipe = (
            """  police: 'row.OK.contains("police") ? "Yes" : row.OK == "Refused" ? "No" : ""'"""
        )
        column = "  - {column: police, paths: [consent.pass_to_police], kind: flag}"
        flags = 'flags: {codes: {"Yes": "true", "No": "false"}}'
        text = text.replace("kinds:", f"{recipe}\nkinds:", 1)
        return text.replace("written:", f"{column}\n{flags}\nwritten:")

    outgoing = mapping(change).to_event(Row(4, GOOD | {"OK": words}, 0, 0), context())
    assert outgoing is not None
    consent = outgoing.event.data.get("consent", {})
    assert isinstance(consent, dict)
    assert consent.get("pass_to_police") is answer
