"""From an export that was not prepared, to a mapping that sends it, by the commands alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from adapters.base import FilePlace
from adapters.mapping.document import parse_mapping
from adapters.mapping.expressions import compile_expression
from broker.agency.kinds import own_documents
from broker.store.database import open_store
from tests.support.command_line import Done, run

TO_DO = (
    ("victim_gender", "F", "female"),
    ("victim_gender", "M", "male"),
    ("victim_risk_level", "12", "standard"),
    ("victim_risk_level", "18", "high"),
    ("incident_place_kind", "Stairwell", "home"),
)
"""Codes that the proposal leaves to its author."""


def connect(council: Path) -> Done:
    """Propose a mapping and make it that of the agency."""
    proposed = run("mapping", "init", council.parent / "asb.csv", "--agency", council)
    assert proposed.code == 0, proposed.err
    (council / "mapping.yaml").write_bytes(proposed.out)
    settings = council / "agency.toml"
    settings.write_text(settings.read_text().replace('kind = "council"', 'kind = "mapped"'))
    return proposed


def add_codes(council: Path) -> None:
    for words in TO_DO:
        assert run("mapping", "add-code", *words, "--agency", council).code == 0


def check(council: Path, *words: object) -> tuple[int, list[dict[str, object]]]:
    done = run(
        "mapping", "check", council.parent / "asb.csv", "--agency", council, "--json", *words
    )
    return done.code, [json.loads(line) for line in done.text.splitlines()]


def test_the_proposal_names_fields_with_reasons_and_what_is_left_to_do(council: Path) -> None:
    proposed = connect(council)
    text = proposed.text
    for pair in (
        "{column: Tenant Name, paths: [victim.name]}",
        "{column: DOB, paths: [victim.date_of_birth], kind: date}",
        'kind: codes, table: incident_strands, separator: ","}',
        "recipients: Refer To",
        "case: Case Ref",
        "Council tenant: council_tenant",
    ):
        assert pair in text
    for note in ("victim_gender", "Stairwell", "semicolon"):
        assert note in proposed.err


def test_an_answer_about_consent_is_not_proposed(council: Path) -> None:
    proposed = connect(council)
    assert "paths: [consent" not in proposed.text
    assert "Consent to share: ignored" in proposed.err


def test_a_file_that_is_there_is_not_written_over(council: Path) -> None:
    place = council.parent / "mine.yaml"
    words = ("mapping", "init", council.parent / "asb.csv", "--agency", council, "--output", place)
    assert run(*words).code == 0
    before = place.read_bytes()
    again = run(*words)
    assert "output_exists" in again.err
    assert again.code != 0
    assert place.read_bytes() == before


def test_partners_who_must_not_get_a_row_are_not_proposed_as_its_recipients(council: Path) -> None:
    export = council.parent / "asb.csv"
    text = export.read_text()
    export.write_text(
        text.replace("Officer;", "Do not share with;")
        .replace(";JS;", ";cps-london;")
        .replace(";AB;", ";cps-london;")
    )
    proposed = run("mapping", "init", export, "--agency", council)
    assert "recipients: Refer To" in proposed.text
    assert "Do not share with" in proposed.text.partition("ignored:")[2]


def test_each_refused_row_names_its_column_and_no_value(council: Path) -> None:
    connect(council)
    code, rows = check(council)
    assert code == 4
    assert [row["outcome"] for row in rows] == ["refused", "refused"]
    assert [row["line"] for row in rows] == [2, 3]
    for row in rows:
        refused = row["refused"]
        assert isinstance(refused, dict)
        assert refused["code"] == "unknown_value"
        assert refused["field"] == "Sex"
        assert "Sample" not in json.dumps(row)


GRADED = {
    "tables:": """
  handling: {list: intelligence_handling, codes: {JS: C, AB: P}}
  source: {list: intelligence_source, codes: {x: "1"}}
  grade: {list: intelligence_information, codes: {x: A}}""",
    "derived:": """
  source: '"x"'
  information: '"x"'""",
    "columns:": """
  - {column: Officer, paths: [intelligence.handling_code], kind: code, table: handling}
  - {column: source, paths: [intelligence.source_grade], kind: code, table: source}
  - {column: information, paths: [intelligence.information_grade], kind: code, table: grade}""",
}
"""Parts of a mapping that states a handling code in each row, and no handling conditions."""


def test_a_row_that_the_agreement_refuses_names_the_field(council: Path) -> None:
    connect(council)
    add_codes(council)
    mapping = council / "mapping.yaml"
    text = mapping.read_text().replace("Date Opened, Officer,", "Date Opened,")
    for heading, more in GRADED.items():
        text = text.replace(f"\n{heading}", f"\n{heading}{more}", 1)
    mapping.write_text(text)
    code, rows = check(council)
    assert (code, [row["outcome"] for row in rows]) == (4, ["refused", "send"])
    refused = rows[0]["refused"]
    assert isinstance(refused, dict)
    assert (refused["code"], refused["field"]) == (
        "condition_unmet",
        "intelligence.handling_conditions",
    )
    assert not refused["detail"].startswith("intelligence.handling_conditions")


def test_rows_are_sent_to_each_recipient_with_its_own_fields(council: Path) -> None:
    connect(council)
    add_codes(council)
    code, rows = check(council)
    assert code == 0, rows
    assert [row["outcome"] for row in rows] == ["send", "send"]
    first, second = (row["recipients"] for row in rows)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert set(first) == {"csu-camden"}
    assert set(second) == {"csu-camden", "haven-support"}
    assert "incident.strands" in first["csu-camden"]
    left_out = rows[1]["left_out"]
    assert isinstance(left_out, list)
    assert {"agency", "field", "reason", "clause"} == set(left_out[0])


def test_a_dry_run_stores_and_changes_nothing(council: Path) -> None:
    connect(council)
    add_codes(council)
    database = council / "state/concordant.db"
    open_store(database).close()
    before = {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in council.rglob("*")
        if path.is_file() and path.suffix not in {".db-wal", ".db-shm"}
    }
    check(council)
    after = {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in council.rglob("*")
        if path.is_file() and path.suffix not in {".db-wal", ".db-shm"}
    }
    assert {p: v[1] for p, v in before.items()} == {p: v[1] for p, v in after.items()}


def test_the_same_row_twice_is_a_repeat(council: Path) -> None:
    connect(council)
    add_codes(council)
    export = council.parent / "asb.csv"
    shutil.copy(export, council.parent / "again.csv")
    _, rows = check(council, council.parent / "again.csv")
    assert [row["outcome"] for row in rows] == ["send", "send", "repeat", "repeat"]


def test_a_filtered_row_is_told(council: Path) -> None:
    connect(council)
    add_codes(council)
    mapping = council / "mapping.yaml"
    mapping.write_text(mapping.read_text() + 'only: row["Incident Category"] == "Hate crime"\n')
    code, rows = check(council)
    assert (code, [row["outcome"] for row in rows]) == (0, ["filtered", "send"])


def test_people_see_the_coverage_of_columns_and_codes(council: Path) -> None:
    connect(council)
    done = run("mapping", "check", council.parent / "asb.csv", "--agency", council)
    assert done.code == 4
    assert "2 of 2" in done.text
    assert "(ignored)" in done.text
    assert "Stairwell" in done.text
    _, rows = check(council)
    for row in rows:
        for agency, fields in row.get("recipients", {}).items():  # type: ignore[attr-defined]  # JSON
            assert f"{agency}" in done.text
            assert ", ".join(fields) in done.text
    assert "Ann Sample" not in done.text + done.err


def test_another_mapping_file_can_be_tried_before_it_is_used(council: Path) -> None:
    proposed = run("mapping", "init", council.parent / "asb.csv", "--agency", council)
    trial = council.parent / "trial.yaml"
    trial.write_bytes(proposed.out)
    code, rows = check(council, "--mapping", trial)
    assert (code, len(rows)) == (4, 2)


def test_the_columns_of_a_format_are_one_table(council: Path) -> None:
    connect(council)
    done = run("mapping", "columns", "--agency", council, "--json")
    rows = {row["column"]: row for row in json.loads(done.text)}
    assert rows["Tenant Name"]["holds"] == ["victim.name"]
    assert rows["Tenancy Type"]["codes"] == {
        "Council tenant": "council_tenant",
        "Private rent": "private_rent",
    }
    assert rows["Officer"]["holds"] == []
    assert rows["Shared information"]["use"] == "import"


@pytest.mark.parametrize("kind", ["csu", "cps", "council", "support"])
def test_each_shipped_format_can_be_shown(kind: str) -> None:
    done = run("mapping", "columns", "--kind", kind)
    assert done.code == 0
    assert "victim.name" in done.text


def test_the_columns_of_a_format_are_a_page(council: Path) -> None:
    connect(council)
    done = run("mapping", "columns", "--agency", council, "--markdown")
    assert "| `Tenant Name` | both | yes | `victim.name` |" in done.text
    assert "`Council tenant` = `council_tenant`" in done.text
    both = run("mapping", "columns", "--agency", council, "--markdown", "--json")
    assert both.code == 2


def test_a_code_is_added_without_a_change_of_another_line(council: Path) -> None:
    connect(council)
    before = (council / "mapping.yaml").read_text().splitlines()
    assert run("mapping", "add-code", *TO_DO[4], "--agency", council).code == 0
    after = (council / "mapping.yaml").read_text().splitlines()
    added = [line for line in after if line not in before]
    assert added == ["    accepted:", '      "Stairwell": "home"']
    assert [line for line in after if line not in added] == before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("nowhere", "A", "female"), "table_unknown"),
        (("victim_gender", "A", "femal"), "code_unknown"),
        (("victim_tenure", "Private rent", "other"), "code_known"),
    ],
)
def test_a_code_that_cannot_be_added_changes_nothing(
    council: Path, words: tuple[str, ...], code: str
) -> None:
    connect(council)
    before = (council / "mapping.yaml").read_bytes()
    done = run("mapping", "add-code", *words, "--agency", council)
    assert done.code == 2
    assert code in done.err
    assert (council / "mapping.yaml").read_bytes() == before


def test_doctor_names_the_wrong_line_of_the_mapping(council: Path) -> None:
    connect(council)
    (council / "mapping.yaml").write_text("mapping: [\n")
    done = run("doctor", "--offline", "--agency", council)
    assert "mapping_invalid" in done.text + done.err


@pytest.mark.parametrize(
    ("column", "asked"),
    [
        ("Wants police to know", True),
        ("Happy to be contacted", True),
        ("Agreed to referral", True),
        ("Open", False),
        ("Officer", False),
    ],
)
def test_nothing_that_may_be_about_consent_is_proposed(
    council: Path, column: str, asked: bool
) -> None:
    sample = council.parent / "sample.csv"
    sample.write_text(f"Case Ref;{column};Refer To\nA/1;Yes;csu-camden\nA/2;No;csu-camden\n")
    proposed = run("mapping", "init", sample, "--agency", council)
    assert (f"TO DO: {column}: ignored" in proposed.err) is asked


def test_an_unknown_partner_is_named_instead_of_a_route(council: Path) -> None:
    sample = council.parent / "sample.csv"
    sample.write_text("Case Ref;Refer To\nA/1;csu-camden\nA/2;The hub\n")
    proposed = run("mapping", "init", sample, "--agency", council)
    assert "does not have: The hub." in proposed.err


def proposed_for(council: Path, text: str) -> Done:
    sample = council.parent / "sample.csv"
    sample.write_text(text)
    return run("mapping", "init", sample, "--agency", council)


def test_the_parts_of_a_name_become_one_derived_column(council: Path) -> None:
    proposed = proposed_for(
        council,
        "Case Ref;Surname;Forename;Refer To\nA/1;Sample;Ann;csu-camden\nA/2;Test;Bo;csu-camden\n",
    )
    assert "{column: Forename and Surname, paths: [victim.name]}" in proposed.text
    assert "ignored:" not in proposed.text
    assert "TO DO: Forename and Surname" in proposed.err
    document = parse_mapping(proposed.out, "mapping.yaml", own_documents(council))
    place = FilePlace(1, "")
    names = compile_expression(document.derived["Forename and Surname"])
    assert names.value({"Forename": "Ann", "Surname": "Sample"}, place) == "Ann Sample"
    assert names.value({"Forename": "Ann", "Surname": ""}, place) == "Ann"


@pytest.mark.parametrize(
    ("column", "answers"),
    [
        ("OK to share?", ("Yes - police and support", "Refused")),
        ("Wants police to know", ("if needed", "never")),
    ],
)
def test_an_answer_about_consent_in_words_is_left_to_the_author(
    council: Path, column: str, answers: tuple[str, str]
) -> None:
    first, second = answers
    proposed = proposed_for(
        council,
        f"Case Ref;{column};Refer To\nA/1;{first};csu-camden\nA/2;{second};csu-camden\n",
    )
    assert f"TO DO: {column}: ignored" in proposed.err


def test_a_case_that_was_not_found_is_asked_for_by_its_line(council: Path) -> None:
    proposed = proposed_for(council, "Colour;Refer To\nred;csu-camden\nred;csu-camden\n")
    place = council.parent / "mine.yaml"
    place.write_bytes(proposed.out)
    sample = council.parent / "sample.csv"
    done = run("mapping", "check", sample, "--agency", council, "--mapping", place)
    at = proposed.text.splitlines().index(
        '  case: ""  # TO DO: the column of your own reference of the case'
    )
    assert done.code == 3
    assert f"mine.yaml:{at + 1}: roles.case" in done.err
    assert "missing_column" not in done.err + done.text


def test_the_notes_give_the_command_for_a_code_with_folder_table_and_code(council: Path) -> None:
    proposed = connect(council)
    line = f"add-code victim_gender F SHARED --agency {council}"
    assert line in proposed.err
    assert "SHARED is one of: " in proposed.err
    export = council.parent / "asb.csv"
    done = run("mapping", "check", export, "--agency", council)
    assert line in done.err
    assert run("mapping", *line.replace("SHARED", "female").split()).code == 0


def test_a_mapping_file_that_is_not_used_is_told_first(council: Path) -> None:
    connect(council)
    settings = council / "agency.toml"
    settings.write_text(settings.read_text().replace('kind = "mapped"', 'kind = "council"'))
    done = run("mapping", "check", council.parent / "asb.csv", "--agency", council)
    assert 'kind = "mapped"' in done.err.splitlines()[0]
    assert 'kind = "council"' in done.err.splitlines()[0]
    tried = ("--mapping", council / "mapping.yaml")
    done = run("mapping", "check", council.parent / "asb.csv", "--agency", council, *tried)
    assert 'kind = "council"' not in done.err


def test_no_mapping_is_proposed_for_a_file_that_is_no_export(council: Path) -> None:
    done = run("mapping", "init", council / "agency.toml", "--agency", council)
    assert done.code != 0
    assert done.out == b""
    assert "file_malformed" in done.err


@pytest.mark.parametrize("member", ["tabel", "codes"])
def test_a_member_that_is_not_known_is_answered_with_the_nearest(
    council: Path, member: str
) -> None:
    proposed = connect(council)
    wrong = proposed.text.replace("table: victim_gender", f"{member}: victim_gender")
    (council / "mapping.yaml").write_text(wrong)
    done = run("mapping", "check", council.parent / "asb.csv", "--agency", council)
    assert "Did you mean table?" in done.err
