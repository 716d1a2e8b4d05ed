"""Progress of an agency, checked partners, and what is due."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.errors import WrongInputError
from broker.operations import contract_signing
from broker.operations.agency_founding import found_agency
from broker.operations.agency_progress import agency_progress, agreement_statuses
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.contract_departure import leave_contract
from broker.operations.partner_checks import (
    FingerprintDiffersError,
    check_partner,
    checked_partners,
    unchecked_parties,
)
from broker.operations.signatories import file_to_sign, parse_signatory
from broker.partnership.entry import verify_entry
from contracts.durations import DAY_MS
from tests.support.drafted_agreements import drafted, with_entries
from tests.support.founding import NOW, cheap_scrypt, content, found, plan

PARTIES = {"csu-camden": "police", "council-camden": "council"}
PARTIES |= {"haven-support": "support", "cps-london": "prosecution"}
ME = "csu-camden"
NAME = "london-hate-crime"


@pytest.fixture(autouse=True)
def _quickly() -> object:
    with cheap_scrypt():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("progress") / "root"
    with_entries(root, PARTIES)
    drafted(root / "agreement.yaml", sorted(root.glob("*.entry")))
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


def words(root: Path, agency: str) -> str:
    return " ".join(verify_entry((root / f"{agency}.entry").read_bytes(), now=NOW).words)


def check_all(root: Path, folder: Path) -> None:
    for agency in PARTIES:
        if agency != folder.name:
            check_partner(folder, agency, words(root, agency), "A. Okafor", "telephone", NOW)


def sign(folder: Path) -> None:
    reviewed = contract_signing.review_signing(folder, file_to_sign(folder, NOW), (), NOW)
    person = parse_signatory("Ada Okafor, Director")
    contract_signing.sign(reviewed, now=NOW, signatory=person, shown="shown")


def stage(folder: Path, now: int = NOW) -> tuple[str, str]:
    progress = agency_progress(folder, now)
    return progress.stage, progress.next.by


def test_the_whole_way_names_one_step_at_a_time(root: Path, tmp_path: Path) -> None:
    folder = root / ME
    entry = folder / "entries" / f"{ME}.entry"
    held = entry.read_bytes()
    entry.unlink()
    assert stage(folder) == ("incomplete", "this agency")
    found_agency(folder, plan(ME), NOW)
    entry.write_bytes(held)
    assert stage(folder) == ("founded", "this agency")
    add_bundles(folder, [root / "agreement.yaml", *root.glob("*.entry")], NOW)
    assert stage(folder) == ("to_check", "this agency")
    check_all(root, folder)
    assert stage(folder) == ("to_sign", "this agency")
    sign(folder)
    missing = ", ".join(sorted(set(PARTIES) - {ME}))
    assert stage(folder) == ("signed", missing)
    bundle = root / "a.bundle"
    make_bundle(folder, bundle, NOW)
    for agency in PARTIES:
        if agency != ME:
            add_bundles(root / agency, [bundle], NOW)
            sign(root / agency)
            make_bundle(root / agency, bundle, NOW)
    add_bundles(folder, [bundle], NOW)
    assert stage(folder) == ("certificate_missing", "Kafka's host")
    for name in ("ca.pem", "cert.pem"):
        (folder / "tls" / name).write_text("")
    assert stage(folder) == ("in_force", "this agency")
    step = agency_progress(folder, NOW).next
    assert step.command is not None
    assert "doctor" in step.command
    other = root / next(one for one in PARTIES if one != ME)
    add_bundles(other, [bundle], NOW)
    leave_contract(load_participant(other, NOW), NAME, "no_capacity", NOW + 1000)
    assert stage(other, NOW + 2000) == ("ended", "this agency")
    assert "revise" not in str(agency_progress(other, NOW + 2000).next)
    make_bundle(other, bundle, NOW + 2000)
    add_bundles(folder, [bundle], NOW + 2000)
    step = agency_progress(folder, NOW + 2000).next
    assert step.command is not None
    assert f"contract revise {folder}/contracts/{NAME}.yaml --remove {other.name}" in step.command
    assert stage(folder, NOW + 25 * DAY_MS) == ("manifest_ends", "this agency")
    assert stage(folder, NOW + 301 * DAY_MS) == ("ended", "this agency")


def test_a_founding_interrupted_before_the_configuration_is_shown(tmp_path: Path) -> None:
    found(tmp_path / ME)
    (tmp_path / ME / "agency.toml").unlink()
    (tmp_path / ME / "entries" / f"{ME}.entry").unlink()
    progress = agency_progress(tmp_path / ME, NOW)
    assert progress.stage == "incomplete"
    assert progress.next.command == f"concordant agency init {tmp_path / ME}"


def test_the_governance_keys_are_seen(root: Path) -> None:
    assert agency_progress(root / ME, NOW).governance_here
    shutil.rmtree(root / ME / "governance")
    assert not agency_progress(root / ME, NOW).governance_here


def test_a_check_is_kept_and_ends_with_other_keys(root: Path, tmp_path: Path) -> None:
    folder = root / ME
    add_bundles(folder, [root / "agreement.yaml", *root.glob("*.entry")], NOW)
    (before,) = [p for p in checked_partners(load_participant(folder, NOW, unsigned_ok=True))
                 if p.agency == "cps-london"]  # fmt: skip
    assert before.check is None
    shortened = " ".join(word[:4].upper() for word in words(root, "cps-london").split())
    done = check_partner(folder, "cps-london", shortened, "A. Okafor", "video", NOW)
    assert (done.by, done.channel) == ("A. Okafor", "video")
    participant = load_participant(folder, NOW, unsigned_ok=True)
    contract = participant.contracts.all()[0].contract
    assert unchecked_parties(participant, contract) == ("council-camden", "haven-support")
    found(tmp_path / "imposter", "cps-london", "prosecution")
    imposter = (tmp_path / "imposter" / "entries" / "cps-london.entry").read_bytes()
    (folder / "entries" / "cps-london.entry").write_bytes(imposter)
    now_held = {p.agency: p.check for p in checked_partners(participant)}
    assert now_held["cps-london"] is None


def test_other_words_record_nothing(root: Path) -> None:
    folder = root / ME
    add_bundles(folder, list(root.glob("*.entry")), NOW)
    before = content(folder)
    with pytest.raises(FingerprintDiffersError) as error:
        check_partner(folder, "cps-london", words(root, "haven-support"), "A", "telephone", NOW)
    assert (error.value.code, error.value.exit_code) == ("fingerprint_differs", 1)
    assert content(folder) == before


@pytest.mark.parametrize(
    ("agency", "by", "code"),
    [
        (ME, "A", "agency_own"),
        ("cps-londn", "A", "agency_unknown"),
        ("../cps-london", "A", "agency_unknown"),
        ("cps-london", "", "option_invalid"),
        ("cps-london", "A\u202e", "option_invalid"),
    ],
)
def test_input_that_names_no_partner_or_person(root: Path, agency: str, by: str, code: str) -> None:
    folder = root / ME
    add_bundles(folder, list(root.glob("*.entry")), NOW)
    before = content(folder)
    with pytest.raises(WrongInputError) as error:
        check_partner(folder, agency, words(root, "cps-london"), by, "telephone", NOW)
    assert error.value.code == code
    assert content(folder) == before


def test_an_agreement_says_who_signed_and_what_is_due(root: Path) -> None:
    folder = root / ME
    add_bundles(folder, [root / "agreement.yaml", *root.glob("*.entry")], NOW)
    sign(folder)
    (status,) = agreement_statuses(folder, NOW)
    by_agency = {one.agency: one for one in status.signatures}
    assert (by_agency[ME].name, by_agency[ME].capacity) == ("Ada Okafor", "Director")
    assert [one.signed for one in status.signatures if one.agency != ME] == [False] * 3
    assert status.due == ()
    (soon,) = agreement_statuses(folder, NOW + 150 * DAY_MS)
    assert "review of the agreement" in {one.what for one in soon.due}
    assert "end of the agreement" not in {one.what for one in soon.due}
    (late,) = agreement_statuses(folder, NOW + 310 * DAY_MS)
    assert {"end of the agreement", "the entry expires (delegation of manifest keys)"} <= {
        one.what for one in late.due
    }
