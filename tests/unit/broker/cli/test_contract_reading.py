"""`contract lint|explain|matrix`: what officers read, and what CI reads."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from broker.keys.governance import GovernancePublic
from contracts.loading import AGREEMENT_BYTES, load_contract
from tests.unit.broker.cli.contract_world import AGENCIES, NAME, World, dated


@pytest.fixture(scope="module")
def world(made: Path) -> World:
    return World(made)


@pytest.fixture
def due(world: World, tmp_path: Path) -> Path:
    """A contract whose review was due yesterday."""
    path = tmp_path / "due.yaml"
    path.write_text(dated(world.contract().read_text(), {"review_on": -1}))
    return path


# --- lint ----------------------------------------------------------------------------------------


def test_the_shipped_contract_has_no_errors(cli, world: World) -> None:
    done = cli("contract", "lint", "--agency", world.agency(), "--json")
    assert done.code == 0
    assert done.json[0]["errors"] == 0
    assert "0 errors" in done.err


def test_an_error_is_a_no_and_names_rule_and_place(cli, due: Path) -> None:
    done = cli("contract", "lint", due)
    assert done.code == 1
    starts = [text.startswith("review_on:") for text in due.read_text().splitlines()]
    line = 1 + starts.index(True)
    assert f"{due}:{line}: error: review-due: review_on: " in done.text


def test_junit_counts_an_error_as_a_failed_case(cli, due: Path) -> None:
    done = cli("contract", "lint", due, "--junit")
    suite = ElementTree.fromstring(done.text).find("testsuite")
    assert suite is not None
    assert (done.code, suite.get("failures")) == (1, "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "review-due"


def test_junit_of_a_clean_contract_is_one_passed_case(cli, world: World) -> None:
    done = cli("contract", "lint", world.contract(), "--junit")
    assert done.code == 0
    assert len(ElementTree.fromstring(done.text).findall("testsuite/testcase")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"name: 1\nname: 2\n", "written twice"),
        (b"a: [1", "a list in square brackets has no end"),
        (b"- just\n- a list\n", "the whole file"),
        (b"x" * (AGREEMENT_BYTES + 1), "larger than"),
    ],
    ids=["empty", "encoding", "repeated key", "truncated", "other document", "huge"],
)
def test_an_unreadable_contract_is_a_finding_that_ci_shows(
    cli, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    done = cli("contract", "lint", path, "--json")
    assert done.code == 1
    assert {finding["rule"] for finding in done.json[0]["findings"]} == {"not-a-contract"}
    assert message in done.text


def test_an_unknown_key_is_named_with_its_line(cli, world: World, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(world.contract().read_bytes() + b"lead_agency: csu-camden\n")
    done = cli("contract", "lint", path)
    assert done.code == 1
    assert re.search(r"c\.yaml:\d+: error: not-a-contract: lead_agency: ", done.text)


def test_a_missing_file_is_told_from_a_bad_one(cli, tmp_path: Path) -> None:
    done = cli("contract", "lint", tmp_path / "none.yaml")
    assert (done.code, done.text) == (3, "")
    assert "contract_unreadable" in done.err


@pytest.mark.parametrize("arguments", [(), ("both",), ("forms",)])
def test_contradicting_options_are_a_usage_error(
    cli, world: World, arguments: tuple[str, ...]
) -> None:
    options: list[object] = {
        (): [],
        ("both",): [world.contract(), "--agency", world.agency()],
        ("forms",): [world.contract(), "--json", "--junit"],
    }[arguments]
    assert cli("contract", "lint", *options).code == 2


OWN = """\
rule_set: westmark
organisation: Westmark Council
version: 1.0.0
dated: 2026-11-01
severities: {review-due: error}
rules:
  no-ethnicity:
    means: nothing about ethnicity is shared
    severity: warning
    source: Policy 7
    fix: Take the field out.
    forbid: {fields: [victim.ethnicity], recipients: [counsil]}
  short:
    means: at most one year
    severity: error
    source: Policy 8
    fix: Agree one year.
    retention: {years_at_most: 1}
"""


def test_own_rules_are_named_in_text_json_and_junit(cli, world: World, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN)
    options = ("contract", "lint", world.contract(), "--rules", own)
    done = cli(*options, "--json")
    assert done.code == 1
    (file,) = done.json
    found = [each for each in file["findings"] if each["rule_set"] == "westmark"]
    assert {each["rule"] for each in found} == {"westmark/short"}
    assert {(each["severity"], each["fix"]) for each in found} == {("error", "Agree one year.")}
    assert found[0]["source"] == ["Westmark Council: Policy 8"]
    (applied,) = file["rule_sets"]
    assert (applied["rule_set"], applied["version"]) == ("westmark", "1.0.0")
    assert applied["rules"] == ["westmark/no-ethnicity", "westmark/short"]
    assert ["council" in each for each in file["notes"]] == [True]  # a misspelt role
    assert file["notes"][0] in done.err
    done = cli(*options)
    assert ": error: westmark/short: " in done.text
    assert "westmark: Westmark Council, version 1.0.0" in done.text
    assert "westmark/short" in cli(*options, "--junit").text


def test_a_shipped_rule_names_its_source_and_fix(cli, due: Path, tmp_path: Path) -> None:
    (file,) = cli("contract", "lint", due, "--json").json
    (found,) = [each for each in file["findings"] if each["rule"] == "review-due"]
    assert found["fix"]
    assert any("Data Protection Act 2018 s39" in each for each in found["source"])
    assert found["rule_set"] is None
    assert file["rule_sets"] == []


def test_a_rule_set_makes_a_warning_an_error(cli, world: World, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN.partition("rules:")[0])
    soon = tmp_path / "soon.yaml"
    soon.write_text(dated(world.contract().read_text(), {"review_on": 30}))
    assert cli("contract", "lint", soon).code == 0
    done = cli("contract", "lint", soon, "--rules", own)
    assert done.code == 1
    assert "(an error by the rule set westmark)" in done.text


@pytest.mark.parametrize(
    ("text", "code"), [("severities: {gateway: warning}\n", 3), (None, 3)], ids=["lowered", "gone"]
)
def test_rules_that_cannot_be_used_stop_the_check(
    cli, world: World, tmp_path: Path, text: str | None, code: int
) -> None:
    own = tmp_path / "own.yaml"
    if text is not None:
        own.write_text(OWN.partition("severities")[0] + text)
    done = cli("contract", "lint", world.contract(), "--rules", own)
    assert (done.code, done.text) == (code, "")
    assert ("lint_rules_invalid" if text else "file_unusable") in done.err
    if text:
        assert f"{own}:5" in done.err


def test_two_rule_sets_of_one_name_are_refused(cli, world: World, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.yaml", "b.yaml")]
    for number, path in enumerate(paths):
        path.write_text(f"{OWN}# {number}\n")
    rules = [word for path in paths for word in ("--rules", path)]
    done = cli("contract", "lint", world.contract(), *rules)
    assert "lint_rules_invalid" in done.err
    assert done.code == 3


# --- explain -------------------------------------------------------------------------------------


def test_explain_ends_with_every_fingerprint_in_groups_of_four(cli, world: World) -> None:
    done = cli("contract", "explain", "--agency", world.agency())
    contract = load_contract(world.contract()).contract
    assert done.code == 0
    for agency in AGENCIES:
        keys = contract.governance_keys[agency].pairs[None]
        public = GovernancePublic(keys.ed25519_raw, keys.ml_dsa_65_raw)
        for kid in public.kids:
            digits = kid.hex()
            assert " ".join(digits[i : i + 4] for i in range(0, 64, 4)) in done.text
    assert "in force" in done.text


def test_explain_gives_the_outline_as_json(cli, world: World) -> None:
    found = cli("contract", "explain", "--agency", world.agency(), "--json").json
    assert [party["id"] for party in found["parties"]] == list(AGENCIES)
    assert found["standing"]["state"] == "in_force"
    assert found["sha256"] == load_contract(world.contract()).hash.hex()
    assert "referral.made" in found["event_types"]


def test_readers_of_a_field_are_given_with_the_clause(cli, world: World) -> None:
    asked = ("contract", "explain", world.contract(), "--type", "referral.made", "--field")
    address = cli(*asked, "victim.address", "--json").json
    assert "council-camden" in address["readers"]
    assert "haven-support" not in address["readers"]
    assert address["clause"] == "4.1.13"
    assert address["consent"] == ["share_identity"]
    assert address["consent_by_role"]["police"]["scope"] == "pass_to_police"
    assert address["retention"]["recipient_years"] == 6
    council = next(role for role in address["roles"] if role["role"] == "council")
    assert {basis["purpose"] for basis in council["legal_bases"]} == set(address["purposes"])
    purpose = load_contract(world.contract()).contract.purposes["community-safety"].text
    assert address["purpose_terms"]["community-safety"]["text"] == purpose


def test_the_polices_second_consent_is_in_the_answer_in_words(cli, world: World) -> None:
    done = cli("contract", "explain", world.contract(), "--field", "victim.address")
    assert done.code == 0
    assert "pass_to_police" in done.text
    assert "6 years" in done.text


@pytest.mark.parametrize("command", ["explain", "matrix"])
@pytest.mark.parametrize(
    ("options", "code", "suggested"),
    [
        (("--type", "case.updated", "--field", "victim.nam"), "field_unknown", "victim.name"),
        (("--field", "victim.adress"), "field_unknown", "victim.address"),
        (("--field", "Victim.Address"), "field_unknown", "victim.address"),
        (("--field", "adress"), "field_unknown", "victim.address"),
        (("--field", "vict"), "field_unknown", ""),
        (("--field", "victim."), "field_unknown", "Did you mean victim"),
        (("--field", "vctim"), "field_unknown", "Did you mean victim"),
        (("--field", ""), "field_unknown", ""),
        (("--type", "referral.made", "--field", "plea"), "field_unknown", "case.updated"),
        (("--type", "referal.made", "--field", "victim.name"), "type_unknown", "referral.made"),
        (("--type", "referral", "--field", "victim.name"), "type_unknown", ""),
        (("--contract", "london-hate-crimes", "--field", "urgency"), "contract_unknown",
         "london-hate-crime"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_an_error_with_suggestions(
    cli, world: World, command: str, options: tuple[str, ...], code: str, suggested: str
) -> None:
    done = cli("contract", command, world.contract(), *options)
    done.require_failure(code, 2)
    assert suggested in done.err


@pytest.mark.parametrize("command", ["explain", "matrix"])
def test_an_object_lists_what_lies_below_it(cli, world: World, command: str) -> None:
    terms = load_contract(world.contract()).contract.event_types["referral.made"]
    below = [path for path in terms.fields if path.startswith("victim.")]
    asked = ("contract", command, world.contract(), "--type", "referral.made", "--field", "victim")
    text, found = cli(*asked), cli(*asked, "--json").json
    assert text.code == 0
    assert all(path in text.text for path in below)
    assert [each["field"] for each in found["answers" if command == "explain" else "rows"]] == below


def test_a_field_alone_is_answered_for_every_type_that_has_it(cli, world: World) -> None:
    contract = load_contract(world.contract()).contract
    having = [name for name, terms in contract.event_types.items() if "case_id" in terms.fields]
    found = cli("contract", "explain", world.contract(), "--field", "case_id", "--json").json
    assert [answer["type"] for answer in found["answers"] if answer["granted"]] == having


def test_a_field_of_the_type_that_is_granted_to_no_role_is_said_to_be_so(
    cli, world: World, tmp_path: Path
) -> None:
    text = world.contract().read_text()
    start = text.index("      urgency: {clause: 4.1.5,")
    end = text.index("      reason:", start)
    path = tmp_path / "c.yaml"
    path.write_text(text[:start] + text[end:])
    for command in ("explain", "matrix"):
        asked = ("contract", command, path, "--type", "referral.made", "--field", "urgency")
        done = cli(*asked)
        assert done.code == 0
    assert cli(*asked, "--json").json["rows"] == []


def test_a_type_alone_and_a_type_that_does_not_exist_are_usage_errors(cli, world: World) -> None:
    assert cli("contract", "explain", world.contract(), "--type", "referral.made").code == 2
    assert cli("contract", "matrix", world.contract(), "--type", "x.y").code == 2


def test_text_of_another_party_cannot_steer_the_terminal(cli, world: World, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    text = world.contract().read_text()
    title = re.search(r"^title: .*$", text, re.MULTILINE)
    assert title is not None
    path.write_text(text.replace(title[0], r'title: "Agreement\e]0;owned\a\x9b31m"', 1))
    done = cli("contract", "explain", path)
    assert done.code == 0
    assert "owned" in done.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.text)


# --- matrix --------------------------------------------------------------------------------------


def test_the_matrix_is_one_row_a_field_and_one_column_a_role(cli, world: World) -> None:
    contract = load_contract(world.contract()).contract
    done = cli("contract", "matrix", world.contract(), "--csv")
    rows = list(csv.DictReader(io.StringIO(done.text)))
    assert len(rows) == sum(len(terms.fields) for terms in contract.event_types.values())
    address = next(
        row for row in rows if (row["type"], row["field"]) == ("referral.made", "victim.address")
    )
    assert (address["council"], address["support"]) == ("with consent", "never")


def test_the_matrix_by_agency_as_json(cli, world: World) -> None:
    found = cli("contract", "matrix", world.contract(), "--agencies", "--json").json
    assert found["columns"] == list(AGENCIES)
    assert set(found["rows"][0]["access"]) == set(AGENCIES)


def test_the_table_is_never_cut(cli, world: World) -> None:
    done = cli("contract", "matrix", world.contract(), "--agencies")
    lines = done.text.splitlines()
    assert max(map(len, lines)) > 120
    assert "…" not in done.text
    assert {line for line in lines if line != line.rstrip()} == set()


def test_a_report_goes_to_the_file_that_is_named(cli, world: World, tmp_path: Path) -> None:
    report = tmp_path / "matrix.txt"
    done = cli("contract", "matrix", world.contract(), "--output", report)
    assert (done.code, done.text) == (0, "")
    assert report.read_text().startswith("type ")
    lost = cli("contract", "matrix", world.contract(), "-o", tmp_path / "no" / "m.txt")
    assert lost.code == 3
    assert "output_unwritable" in lost.err


def test_an_agency_that_has_several_contracts_can_name_one(cli, world: World) -> None:
    named = cli("contract", "matrix", "--agency", world.agency(), "--contract", NAME)
    assert named.code == 0
    other = cli("contract", "matrix", "--agency", world.agency(), "--contract", "other")
    other.require_failure("contract_unknown", 2)
    assert f"This agency has: {NAME}" in other.err


def test_an_agency_without_a_contract_has_nothing_to_lint(
    cli, world: World, tmp_path: Path
) -> None:
    copy = world.copied(tmp_path / "q")
    copy.contract().unlink()
    done = cli("contract", "lint", "--agency", copy.agency())
    assert done.code == 3
    assert "contract_missing" in done.err
