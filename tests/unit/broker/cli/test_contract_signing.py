"""`contract sign|verify|suspend`: what makes a contract bind, and what undoes it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.clock import now_ms
from broker.envelope.primitives import sha256
from broker.registry.contract_files import note_path, shown_text_path
from contracts.loading import load_contract
from tests.support.manifest_files import newest_manifest_file
from tests.unit.broker.cli.contract_world import AGENCIES, NAME, World, day

VERIFY = ("contract", "verify")
SIGN = ("contract", "sign", "--as", "Ada Okafor, Chief Superintendent")
SUSPEND = ("contract", "suspend")
RESUME, LEAVE = ("contract", "resume"), ("contract", "leave")


@pytest.fixture(scope="module")
def untouched(made: Path) -> World:
    return World(made)


@pytest.fixture
def world(untouched: World, tmp_path: Path) -> World:
    return untouched.copied(tmp_path / "q")


def put(world: World, name: str, raw: bytes, by: tuple[str, ...] = AGENCIES) -> Path:
    """A contract and its signatures in csu-camden's folder."""
    return world.put(world.contract().with_name(name), raw, by)


def notes_beside(path: Path) -> list[Path]:
    """The notes beside a contract's file."""
    return sorted(path.parent.glob(f"{path.stem}.*.note"))


def next_version(
    world: World,
    changes: dict[str, str] | None = None,
    version: str = "1.1.0",
    days: dict[str, int] | None = None,
) -> bytes:
    """A version that replaces the one in force, with some other words."""
    before = load_contract(world.contract()).hash.hex()
    entry = "version_record:\n"
    record = f'  - {{version: {version}, date: {day(0)}, change: "More.", authorised_by: "All"}}\n'
    raw = world.variant(
        {"\nversion: 1.0.0": f"\nversion: {version}", entry: entry + record, **(changes or {})},
        days=days,
    )
    return raw + f'previous: ["{before}"]\n'.encode()


# --- verify --------------------------------------------------------------------------------------


def test_a_contract_with_every_signature_is_in_force(cli, untouched: World) -> None:
    for where in (("--agency", untouched.agency()), (untouched.contract(),)):
        done = cli(*VERIFY, *where, "--json")
        assert done.code == 0
        (found,) = done.json["contracts"]
        assert (found["state"], found["missing"]) == ("in_force", [])
        assert found["signed"] == list(AGENCIES)
        assert found["sha256"] == load_contract(untouched.contract()).hash.hex()


def test_one_altered_byte_is_a_no(cli, world: World) -> None:
    raw = bytearray(world.contract().read_bytes())
    at = raw.index(b"title:") + 8
    raw[at] ^= 1
    world.contract().write_bytes(raw)
    for where in (("--agency", world.agency()), (world.contract(),)):
        done = cli(*VERIFY, *where)
        assert done.code == 1
        assert "contract_altered" in done.text
        assert str(world.contract()) in done.text


def test_a_byte_that_makes_it_unreadable_as_a_contract_is_a_no_too(cli, world: World) -> None:
    world.contract().write_bytes(world.contract().read_bytes() + b"\x00")
    done = cli(*VERIFY, world.contract(), "--json")
    assert done.code == 1
    assert done.json["contracts"][0]["code"] == "contract_invalid"


def test_the_parties_that_have_not_signed_are_named(cli, world: World) -> None:
    raw = world.contract().read_bytes()
    signed = tuple(agency for agency in AGENCIES if agency not in {"cps-london", "haven-support"})
    put(world, f"{NAME}.yaml", raw, signed)
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert done.code == 1
    (found,) = done.json["contracts"]
    assert (found["state"], found["missing"]) == (
        "partially_signed",
        ["cps-london", "haven-support"],
    )
    assert "missing: cps-london, haven-support" in cli(*VERIFY, world.contract()).text


def test_without_signatures_it_is_a_draft(cli, world: World) -> None:
    for note in world.notes():
        note.unlink()
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert (done.code, done.json["contracts"][0]["state"]) == (1, "draft")


def test_a_damaged_signature_names_its_party(cli, world: World) -> None:
    path = note_path(world.contract(), "cps-london")
    lines = path.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.startswith("— pan-london/cps-london "))
    head, _, signature = lines[at].rpartition(" ")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    lines[at] = f"{head} {signature[:middle]}{other}{signature[middle + 1 :]}"
    path.write_text("".join(lines))
    done = cli(*VERIFY, "--agency", world.agency())
    assert done.code == 1
    assert "cps-london" in done.text
    assert "contract_signature_invalid" in done.text


@pytest.mark.parametrize(("dates", "state"), [((-30, -1), "expired"), ((2, 30), "not_started")])
def test_dates_decide(cli, world: World, dates: tuple[int, int], state: str) -> None:
    raw = world.variant({}, days={"starts": dates[0], "ends": dates[1]})
    put(world, f"{NAME}.yaml", raw)
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert (done.code, done.json["contracts"][0]["state"]) == (1, state)
    refused = cli("event", "seal", "--agency", world.agency(), "/dev/null")
    assert (refused.code, f"contract_{state}" in refused.err) == (3, True)


def test_two_versions_at_once_are_ambiguous(cli, world: World) -> None:
    raw = world.variant({"\nversion: 1.0.0": "\nversion: 1.1.0"})
    put(world, f"{NAME}-1.1.0.yaml", raw)
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert done.code == 1
    assert [found["code"] for found in done.json["contracts"]] == ["contract_ambiguous"] * 2
    refused = cli("event", "seal", "--agency", world.agency(), "/dev/null")
    assert (refused.code, "contract_ambiguous" in refused.err) == (3, True)


def test_a_version_that_names_the_one_before_replaces_it(cli, world: World) -> None:
    before = load_contract(world.contract()).hash.hex()
    raw = (
        world.variant({"\nversion: 1.0.0": "\nversion: 1.1.0"})
        + f'previous: ["{before}"]\n'.encode()
    )
    put(world, f"{NAME}-1.1.0.yaml", raw)
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert done.code == 0
    states = {found["version"]: found["state"] for found in done.json["contracts"]}
    assert states == {"1.0.0": "superseded", "1.1.0": "in_force"}


def test_a_contract_that_pins_other_keys_for_us_is_not_ours(cli, world: World) -> None:
    own, other = (world.agency(name) / "agency.toml" for name in ("csu-camden", "cps-london"))
    keys = [
        path.read_text().split("[adapter]")[0].split("[governance]")[1] for path in (own, other)
    ]
    own.write_text(own.read_text().replace(*keys))
    done = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert (done.code, done.json["contracts"][0]["code"]) == (1, "contract_foreign")


def test_no_contract_is_a_no_and_no_agency_an_error(cli, world: World, tmp_path: Path) -> None:
    world.contract().unlink()
    none = cli(*VERIFY, "--agency", world.agency(), "--json")
    assert (none.code, none.json["code"]) == (1, "contract_missing")
    nobody = cli(*VERIFY, "--agency", tmp_path)
    assert (nobody.code, "config_missing" in nobody.err) == (3, True)


def test_signatures_elsewhere_have_to_be_there(cli, untouched: World, tmp_path: Path) -> None:
    alone = tmp_path / "c.yaml"
    shutil.copy(untouched.contract(), alone)
    assert cli(*VERIFY, alone).code == 1
    named = [part for note in untouched.notes() for part in ("--signatures", note)]
    assert cli(*VERIFY, alone, *named).code == 0
    some = cli(*VERIFY, alone, *named[:4], "--json")
    assert (some.code, len(some.json["contracts"][0]["signed"])) == (1, 2)
    lost = cli(*VERIFY, alone, "--signatures", tmp_path / "none")
    assert (lost.code, "registry_unreadable" in lost.err) == (3, True)


# --- sign ----------------------------------------------------------------------------------------


def test_seven_parties_sign_in_turn_and_the_contract_binds(
    cli, world: World, tmp_path: Path
) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    for count, agency in enumerate(AGENCIES, 1):
        done = cli(*SIGN, "--agency", world.agency(agency), proposal, "--yes", "--json")
        assert done.code == 0, done.err
        assert done.json["missing"] == list(AGENCIES[count:])
        assert Path(done.json["stored"]).read_bytes() == proposal.read_bytes()
        assert done.json["signatures"] == str(note_path(proposal, agency))
    found = cli(*VERIFY, proposal, "--json")
    assert found.code == 0
    signatures = found.json["contracts"][0]["signatures"]
    assert [one["agency"] for one in signatures] == list(AGENCIES)
    assert {(one["name"], one["capacity"]) for one in signatures} == {
        ("Ada Okafor", "Chief Superintendent")
    }


def test_the_text_that_was_shown_is_kept_and_its_hash_is_signed(
    cli, world: World, tmp_path: Path
) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    shown = shown_text_path(Path(done.json["stored"]), "csu-camden").read_text()
    assert shown in done.err
    before = load_contract(world.contract())
    assert shown.splitlines()[:5] == [
        f"agreement: {sha256(proposal.read_bytes()).hex()}",
        f"compared with: {NAME} 1.0.0 {before.hash.hex()}",
        "agency: csu-camden",
        f"software: concordant {version('concordant')}",
        "language: en-GB",
    ]
    found = cli(*VERIFY, proposal, "--json").json["contracts"][0]["signatures"]
    assert [one["shown"] for one in found] == [sha256(shown.encode()).hex()]


def test_a_signature_needs_a_signatory(cli, world: World, tmp_path: Path) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    asked = ("contract", "sign", "--agency", world.agency(), proposal, "--yes")
    cli(*asked).require_failure("option_missing", 2)
    for hidden in ("\u202e", "\u200b", "\x07"):
        cli(*asked, "--as", f"Ada{hidden} Okafor, Officer").require_failure("option_invalid", 2)
    assert not notes_beside(proposal)
    assert cli(*asked, "--as", "Duty officer, Information Asset Owner").code == 0


def test_counterparts_that_were_signed_apart_are_joined(cli, world: World, tmp_path: Path) -> None:
    copies = {}
    for agency in ("csu-camden", "cps-london"):
        copies[agency] = tmp_path / agency / "c.yaml"
        copies[agency].parent.mkdir()
        shutil.copy(world.contract(), copies[agency])
        for held in world.notes(agency):
            held.unlink()  # signatures that are held are joined as well
        assert cli(*SIGN, "--agency", world.agency(agency), copies[agency], "--yes").code == 0
    other = note_path(copies["cps-london"], "cps-london")
    mine = copies["csu-camden"]
    done = cli(*SIGN, "--agency", world.agency(), mine, "--counterpart", other, "--json")
    assert done.json["signed"] == ["cps-london", "csu-camden"]


def test_an_agency_signs_its_first_contract(cli, world: World) -> None:
    for note in world.notes():
        note.unlink()
    done = cli(*SIGN, "--agency", world.agency(), world.contract(), "--yes")
    assert done.code == 0
    assert done.text.strip() == str(world.note())
    assert "csu-lewisham" in done.err
    assert load_participant(world.agency(), now_ms()).contracts.trusted()


def test_signing_twice_changes_nothing_and_needs_no_key(cli, world: World) -> None:
    before = world.note().read_bytes()
    shutil.rmtree(world.agency() / "governance")
    assert cli(*SIGN, "--agency", world.agency(), world.contract()).code == 0
    assert world.note().read_bytes() == before


def _no_key(world: World) -> None:
    shutil.rmtree(world.agency() / "governance")


def _wrong_passphrase(world: World) -> None:
    (world.agency() / "passphrase").write_text("not the one\n")


def _no_passphrase(world: World) -> None:
    (world.agency() / "passphrase").unlink()


def _damaged_key(world: World) -> None:
    for path in (world.agency() / "governance").glob("*.key.json"):
        path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (_no_key, "key_missing"),
        (_wrong_passphrase, "passphrase_wrong"),
        (_no_passphrase, "passphrase_missing"),
        (_damaged_key, "key_unreadable"),
    ],
)
def test_without_its_governance_keys_an_agency_signs_and_suspends_nothing(
    cli, world: World, fault: Callable[[World], None], code: str
) -> None:
    put(world, f"{NAME}.yaml", world.contract().read_bytes(), ("cps-london",))
    before = world.notes()
    fault(world)
    done = cli(*SIGN, "--agency", world.agency(), world.contract(), "--yes")
    assert (done.code, done.text) == (3, "")
    assert code in done.err
    assert "to do:" in done.err
    assert world.notes() == before


def test_a_suspension_needs_no_governance_keys_and_its_end_does(cli, world: World) -> None:
    _no_key(world)
    done = cli(*SUSPEND, "--agency", world.agency(), "--reason", "dpia_review")
    assert done.code == 0, done.err
    resumed = cli(*RESUME, "--agency", world.agency(), "--reason", "resolved")
    assert (resumed.code, "key_missing" in resumed.err) == (3, True)
    assert len(list((world.agency() / "manifests").glob("csu-camden.*.note"))) == 2


def test_an_altered_or_foreign_contract_is_not_signed(cli, world: World, tmp_path: Path) -> None:
    world.contract().write_bytes(world.contract().read_bytes() + b"# a remark\n")
    altered = cli(*SIGN, "--agency", world.agency("cps-london"), world.contract(), "--yes")
    assert (altered.code, "contract_altered" in altered.err) == (3, True)
    other = tmp_path / "c.yaml"
    other.write_bytes(world.variant({'deployment: "pan-london"': "deployment: elsewhere"}))
    foreign = cli(*SIGN, "--agency", world.agency("cps-london"), other, "--yes")
    assert (foreign.code, "contract_foreign" in foreign.err) == (3, True)
    assert "agency.toml" not in foreign.err  # it is not in the folder, and no key of ours is old
    assert not notes_beside(other)


# --- sign: what is refused -----------------------------------------------------------------------


REFUSED: dict[str, tuple[dict[str, str], dict[str, int], str]] = {
    "a draft": ({"status: offered-for-signature": "status: drafted"}, {}, "status-draft"),
    "an expired version": ({}, {"starts": -30, "ends": -1}, "expired"),
    "an event type that does not exist": (
        {"\n  correction.made:": "\n  correction.mad:"},
        {},
        "type-unknown",
    ),
    "a field that does not exist": (
        {"      urgency: {": "      urgencies: {"},
        {},
        "field-unknown",
    ),
    "an overdue review": ({}, {"review_on": -1}, "review-due"),
    "other partitions of a topic": ({"a: {partitions: 6}": "a: {partitions: 7}"}, {},
                                    "partitions-changed"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_version_that_would_stop_the_parties_is_not_signed(
    cli, world: World, tmp_path: Path, name: str
) -> None:
    changes, days, rule = REFUSED[name]
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world, changes, days=days))
    for accept in ((), ("--accept", rule)):
        done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", *accept, "--json")
        assert (done.code, done.json["refused"]) == (1, "signing_refused")
        assert rule in {found["rule"] for found in done.json["findings"]}
        assert rule in done.err
    assert not notes_beside(proposal)
    assert len(list((world.agency() / "contracts").glob("*.yaml"))) == 1


OWN = """\
rule_set: westmark
organisation: Westmark Council
version: 1.0.0
dated: 2026-11-01
rules:
  short:
    means: short retention
    severity: {severity}
    source: Policy 8
    fix: Agree one year.
    retention: {{years_at_most: 1, of: {{event_types: [case.updated]}}}}
"""


def own_rules(world: World, severity: str) -> None:
    """The agency's settings name a rule set with one rule, which the contract breaks."""
    (world.agency() / "own.yaml").write_text(OWN.format(severity=severity))
    settings = world.agency() / "agency.toml"
    settings.write_text(settings.read_text() + '\n[lint]\nrules = "own.yaml"\n')


def test_an_error_of_the_agencys_own_rules_stops_its_signature(
    cli, world: World, tmp_path: Path
) -> None:
    own_rules(world, "error")
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    sign = (*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    for accept in ((), ("--accept", "westmark/short")):
        done = cli(*sign, *accept)
        assert (done.code, done.json["refused"]) == (1, "signing_refused")
        assert "westmark/short" in {found["rule"] for found in done.json["findings"]}
    assert cli("contract", "lint", "--agency", world.agency()).code == 1


def test_a_warning_of_own_rules_is_accepted_by_its_name(cli, world: World, tmp_path: Path) -> None:
    own_rules(world, "warning")
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    sign = (*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    done = cli(*sign)
    assert (done.code, done.json["refused"]) == (1, "signing_unaccepted")
    assert "--accept westmark/short" in done.err
    assert "rule_unknown" in cli(*sign, "--accept", "westmark/shirt").err
    done = cli(*sign, "--accept", "westmark/short")
    assert done.code == 0
    (applied,) = done.json["rule_sets"]
    assert applied["sha256"] in done.err  # part of the text that the signature names


def test_rules_that_cannot_be_read_stop_a_signature_and_doctor_says_so(
    cli, world: World, tmp_path: Path
) -> None:
    own_rules(world, "fatal")
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes")
    assert (done.code, "lint_rules_invalid" in done.err) == (3, True)
    assert "lint_rules_invalid" in cli("doctor", "--agency", world.agency(), "--json").text


def test_a_version_without_previous_is_not_signed_beside_one_in_force(
    cli, world: World, tmp_path: Path
) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(world.variant({"\nversion: 1.0.0": "\nversion: 1.1.0"}))
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    assert (done.code, done.json["refused"]) == (1, "signing_refused")
    assert "previous-missing" in {found["rule"] for found in done.json["findings"]}
    before = load_contract(world.contract()).hash.hex()
    assert before in done.err
    proposal.write_bytes(proposal.read_bytes() + f'previous: ["{"0" * 64}"]\n'.encode())
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    rules = {found["rule"] for found in done.json["findings"]}
    assert {"previous-not-held", "previous-missing"} <= rules
    assert cli(*VERIFY, "--agency", world.agency()).code == 0


def test_a_second_version_beside_the_next_one_is_not_signed(
    cli, world: World, tmp_path: Path
) -> None:
    agency = world.agency()
    first = next_version(world)
    put(world, f"{NAME}-1.1.0.yaml", first)
    second = tmp_path / "second.yaml"
    second.write_bytes(next_version(world, version="1.2.0"))
    done = cli(*SIGN, "--agency", agency, second, "--yes", "--json")
    assert (done.code, done.json["refused"]) == (1, "signing_refused")
    assert "previous-missing" in {found["rule"] for found in done.json["findings"]}
    other_text = tmp_path / "other.yaml"
    other_text.write_bytes(first + b"# another text\n")
    done = cli(*SIGN, "--agency", agency, other_text, "--yes", "--json")
    assert "version-repeated" in {found["rule"] for found in done.json["findings"]}


def test_an_event_type_in_two_agreements_is_not_signed(cli, world: World, tmp_path: Path) -> None:
    proposal = tmp_path / "other.yaml"
    proposal.write_bytes(world.variant({f"\nname: {NAME}\n": "\nname: another-agreement\n"}))
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    assert (done.code, done.json["refused"]) == (1, "signing_refused")
    assert "type-in-two-agreements" in {found["rule"] for found in done.json["findings"]}


def test_a_warning_is_accepted_by_its_name_and_only_so(cli, world: World, tmp_path: Path) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world, days={"review_on": 30}))
    asked = (*SIGN, "--agency", world.agency(), proposal, "--yes")
    refused = cli(*asked)
    refused.require_failure("signing_unaccepted", 1)
    assert "--accept review-due" in refused.err
    cli(*asked, "--accept", "lone-topic").require_failure("signing_unaccepted", 1)
    cli(*asked, "--accept", "review-du").require_failure("rule_unknown", 2)
    assert not notes_beside(proposal)
    assert cli(*asked, "--accept", "review-due").code == 0


def test_without_a_terminal_it_asks_for_yes(cli, world: World, tmp_path: Path) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(next_version(world))
    asked = (*SIGN, "--agency", world.agency(), proposal)
    cli(*asked).require_failure("confirmation_needed", 2)
    cli(*asked, stdin=b"yes\n").require_failure("confirmation_needed", 2)
    assert not notes_beside(proposal)
    assert cli(*asked, "--yes").code == 0


def test_the_changes_for_this_party_are_shown_before_it_signs(
    cli, world: World, tmp_path: Path
) -> None:
    proposal = tmp_path / "proposal.yaml"
    proposal.write_bytes(
        next_version(world, {"retention: {kafka_days: 14, recipient_years: 6}":
                             "retention: {kafka_days: 14, recipient_years: 7}"})
    )  # fmt: skip
    done = cli(*SIGN, "--agency", world.agency(), proposal, "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["compared_with"]["version"] == "1.0.0"
    years = next(c for c in done.json["changes"] if c["path"].endswith("recipient_years"))
    assert (years["effect"], years["clause"]) == ("widens", "4.1")
    assert years["text"] in done.err
    assert len(done.json["changes"]) > 2  # the number and the record of the version are no change
    _, _, listed = done.err.partition("Changes for csu-camden against version 1.0.0:\n")
    shown = listed.partition("\n\n")[0].split("\n")
    assert [line for line in shown if not line.startswith("      ")] == [shown[0]]


def test_the_advice_for_two_versions_at_once_removes_no_file(cli, world: World) -> None:
    raw = world.variant({"\nversion: 1.0.0": "\nversion: 1.1.0"})
    put(world, f"{NAME}-1.1.0.yaml", raw)
    done = cli(*VERIFY, "--agency", world.agency())
    assert "contract_ambiguous" in done.text
    assert not re.search(r"\b(?:remove|delete)\b", done.text, re.IGNORECASE)


# --- suspend, resume, leave ----------------------------------------------------------------------


def test_a_suspension_is_a_new_manifest_and_stops_our_own_part(cli, world: World) -> None:
    agency = world.agency()
    done = cli(*SUSPEND, "--agency", agency, "--reason", "dpia_review", "--json")
    assert done.code == 0
    version = done.json["manifest_version"]
    assert done.json["state"] == "suspended"
    assert newest_manifest_file(agency, "csu-camden").name == f"csu-camden.{version}.note"
    verified = cli(*VERIFY, "--agency", agency, "--json")
    assert verified.code == 1
    assert verified.json["contracts"][0]["departed"] == {"csu-camden": "suspended"}
    example = cli("event", "example", "case.updated", "--agency", agency).text
    plain = world.root / "plain.jsonl"
    plain.write_text(example)
    sealed = cli("event", "seal", "--agency", agency, plain)
    assert (sealed.code, sealed.json["refused"]) == (4, "suspended")


def test_a_suspension_that_others_know_of_is_theirs_to_see_not_to_end(cli, world: World) -> None:
    cli(*SUSPEND, "--agency", world.agency(), "--reason", "dpia_review")
    manifest = newest_manifest_file(world.agency(), "csu-camden")
    shutil.copy(manifest, world.agency("cps-london") / "manifests")
    done = cli(*VERIFY, "--agency", world.agency("cps-london"), "--json")
    assert done.code == 0
    assert done.json["contracts"][0]["departed"] == {"csu-camden": "suspended"}


def test_resuming_lifts_it_and_resuming_again_is_a_no(cli, world: World) -> None:
    agency = world.agency()
    cli(*SUSPEND, "--agency", agency, "--reason", "dpia_review")
    resumed = cli(*RESUME, "--agency", agency, "--reason", "resolved", "--json")
    assert resumed.code == 0
    assert cli(*VERIFY, "--agency", agency).code == 0
    again = cli(*RESUME, "--agency", agency, "--reason", "resolved", "--json")
    assert (again.code, again.json["changed"]) == (1, False)
    assert again.json["manifest_version"] == resumed.json["manifest_version"]


def test_suspending_again_does_not_move_the_time_since_which_it_holds(cli, world: World) -> None:
    agency = world.agency()
    first = cli(*SUSPEND, "--agency", agency, "--reason", "dpia_review", "--json")
    again = cli(*SUSPEND, "--agency", agency, "--reason", "dispute", "--json")
    assert (again.code, again.json["changed"]) == (0, False)
    assert again.json["manifest_version"] == first.json["manifest_version"]


def test_leaving_cannot_be_taken_back(cli, world: World) -> None:
    agency = world.agency()
    asked = cli(*LEAVE, "--agency", agency, "--reason", "reorganisation")
    assert (asked.code, "confirmation_needed" in asked.err) == (2, True)
    left = cli(*LEAVE, "--agency", agency, "--yes", "--reason", "reorganisation")
    assert left.code == 0
    for back in ((*RESUME, "--reason", "resolved"), (*SUSPEND, "--reason", "dispute")):
        done = cli(*back, "--agency", agency)
        assert (done.code, "manifest_left" in done.err) == (3, True)


@pytest.mark.parametrize("state", ["suspended", "resumed", "left"])
def test_effects_are_shown_before_and_acknowledgements_afterwards(
    cli, world: World, state: str
) -> None:
    agency = world.agency()
    if state == "resumed":
        cli(*SUSPEND, "--agency", agency, "--reason", "dispute", "--contract", NAME)
    command = {"suspended": SUSPEND, "resumed": RESUME, "left": LEAVE}[state]
    reason = "resolved" if state == "resumed" else "dispute"
    done = cli(*command, "--agency", agency, "--reason", reason, "--yes", "--json")
    assert (done.code, done.json["state"], done.json["changed"]) == (0, state, True)
    partners = sorted(set(AGENCIES) - {"csu-camden"})
    assert [one["agency"] for one in done.json["partners"]] == partners
    assert all(one["to_do"] for one in done.json["partners"])
    assert all((done.json["stops"], done.json["goes_on"], done.json["since"].endswith("Z")))
    for line in (*done.json["stops"], *done.json["goes_on"]):
        assert line in done.err
    (status,) = cli("contract", "status", "--agency", agency, "--json").json
    (stop,) = status["stops"]
    assert (stop["agency"], stop["not_acknowledged"]) == ("csu-camden", partners)
    assert (stop["until"] is None) is (state != "resumed")
    assert stop["state"] == ("left" if state == "left" else "suspended")


def test_the_options_of_today_go_on_working(cli, world: World) -> None:
    agency = world.agency()
    assert cli(*SUSPEND, "--agency", agency, "--reason", "dispute").code == 0
    assert cli(*SUSPEND, "--agency", agency, "--resume").code == 0
    left = cli(*SUSPEND, "--agency", agency, "--leave", "--yes", "--reason", "dispute", "--json")
    assert (left.code, left.json["state"]) == (0, "left")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--resume", "--reason", "x"),
        ("--resume", "--leave"),
        ("--reason", "because Zephyrine asked"),
        ("--reason", ""),
        ("--reason", "dpia-review"),
        ("--reason", "x"),
    ],
)
def test_a_reason_is_a_code_and_goes_with_suspending(
    cli, untouched: World, options: tuple[str, ...]
) -> None:
    assert cli(*SUSPEND, "--agency", untouched.agency(), *options).code == 2
