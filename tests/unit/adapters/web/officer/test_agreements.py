"""Agreements, their changes and their signatures."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.web.people import Role
from broker.agency.participant import load_participant
from broker.operations.bundles import add_bundles, make_bundle
from broker.operations.contract_revision import revise_contract
from broker.operations.signatories import file_to_sign
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SUPPORT, FoundedPartnership
from tests.unit.adapters.web.officer.conftest import Person, sign


def test_the_list_names_what_waits_for_us(person: Person, next_version: str, sha256: str) -> None:
    page = person(Role.OFFICER).get("/agreements").text
    assert f'id="agreement-{next_version[:12]}"' in page
    assert f"/agreements/{next_version}/changes" in page
    assert page.index(next_version) < page.index(sha256)


def test_the_agreement_says_what_it_means_for_us(person: Person, sha256: str) -> None:
    page = person(Role.OFFICER).get(f"/agreements/{sha256}").text
    for section in ("glance", "give", "get", "why", "long", "parties"):
        assert f'id="{section}"' in page
    assert "section 35(2)(b)" in page  # the police process under Part 3 of the Act
    assert "Signed by all 4" in page


def test_the_signed_text_is_given_byte_for_byte(
    person: Person, sha256: str, world: FoundedPartnership
) -> None:
    assert person().get(f"/agreements/{sha256}/file").content == world.signed.text.raw


def test_a_change_that_widens_is_marked_in_words(person: Person, next_version: str) -> None:
    page = person(Role.SIGNATORY).get(f"/agreements/{next_version}/changes").text
    assert "Widens: more is shared" in page
    assert 'id="wider"' in page
    assert "9 years" in page
    assert "<del>6 years</del>" in page
    assert "<ins>9 years</ins>" in page


def test_a_first_version_replaces_none(person: Person, sha256: str) -> None:
    assert 'id="first-version"' in person().get(f"/agreements/{sha256}/changes").text


def test_the_text_that_was_shown_is_kept(person: Person, sha256: str, folder: Path) -> None:
    visitor = person(Role.AUDITOR)
    assert visitor.get(f"/agreements/{sha256}/shown/{POLICE}").status_code == 200
    kept = next((folder / "contracts").glob(f"*.{POLICE}.shown.txt"))
    kept.write_text("another text")
    assert visitor.get(f"/agreements/{sha256}/shown/{POLICE}").status_code == 404


def test_our_signature_comes_from_another_machine(
    person: Person, next_version: str, folder: Path, world: FoundedPartnership, tmp_path: Path
) -> None:
    """The page gives the bundle, and takes the bundle that was signed where the keys are."""
    visitor = person(Role.SIGNATORY)
    machine = world.directory(POLICE, tmp_path / "offline")
    for key in (folder / "governance").iterdir():
        key.unlink()
    page = visitor.get(f"/agreements/{next_version}/sign-off").text
    assert "kept away from this machine" in page
    (tmp_path / "ours.bundle").write_bytes(visitor.get("/bundles/ours").content)
    add_bundles(machine, [tmp_path / "ours.bundle"], NOW)
    note = sign(machine, file_to_sign(machine, NOW))
    make_bundle(machine, tmp_path / "signed.bundle", NOW)

    for name in (tmp_path / "signed.bundle", note):
        visitor.get("/bundles")
        answer = visitor.post(
            "/bundles", {"agreement": next_version}, files={"file": (name.name, name.read_bytes())}
        )
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/agreements/{next_version}/sign-off"
    held = load_participant(folder, NOW).contracts.held(bytes.fromhex(next_version))
    assert held is not None
    assert POLICE in held.parties
    assert "Ada Okafor" in visitor.get(f"/agreements/{next_version}/sign-off").text


def test_a_version_without_a_party_warns_before_the_signature(
    person: Person, sha256: str, folder: Path, world: FoundedPartnership, tmp_path: Path
) -> None:
    council = world.directory(COUNCIL, tmp_path)
    held, out = next((council / "contracts").glob("*.yaml")), tmp_path / "without.yaml"
    revise_contract(held, add=(), remove=(SUPPORT,), values={}, out=out, now=NOW)
    sign(council, out)
    add_bundles(folder, [out], NOW)
    (without,) = load_participant(folder, NOW).contracts.awaiting(NOW)

    warned = [
        'id="left-out"' in person().get(f"/agreements/{one}/changes").text
        for one in (without.hash.hex(), sha256)
    ]
    assert warned == [True, False]


def test_a_signature_alone_is_enough(
    person: Person, next_version: str, folder: Path, world: FoundedPartnership, tmp_path: Path
) -> None:
    machine = world.directory(POLICE, tmp_path / "offline")
    note = sign(machine, next((folder / "contracts").glob("*2.0.0*.yaml"), tmp_path / "next.yaml"))
    visitor = person()
    visitor.get("/bundles")
    assert visitor.post("/bundles", files={"file": ("x", note.read_bytes())}).status_code == 303
    held = load_participant(folder, NOW).contracts.held(bytes.fromhex(next_version))
    assert held is not None
    assert POLICE in held.parties


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"<script>alert(1)</script>", "bundle_malformed"), (b"PK\x03\x04cut", "bundle_malformed")],
)
def test_a_refused_file_changes_nothing(
    person: Person, folder: Path, content: bytes, code: str
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.note")}
    visitor = person(Role.OFFICER)
    visitor.get("/bundles")
    answer = visitor.post("/bundles", files={"file": ("../../agency.toml", content)})
    assert answer.status_code == 422
    assert code in answer.text
    assert "/tmp" not in answer.text
    assert "<script>alert" not in answer.text
    assert {path: path.read_bytes() for path in folder.rglob("*.note")} == before


def test_no_file_is_a_fault_of_the_form(person: Person) -> None:
    visitor = person()
    visitor.get("/bundles")
    answer = visitor.post("/bundles")
    assert answer.status_code == 422
    assert 'href="#file"' in answer.text


def test_an_upload_leads_to_no_other_site(person: Person, tmp_path: Path, folder: Path) -> None:
    make_bundle(folder, tmp_path / "same.bundle", NOW)
    visitor = person()
    visitor.get("/bundles")
    answer = visitor.post(
        "/bundles",
        {"agreement": "//evil.example"},
        files={"file": ("x", (tmp_path / "same.bundle").read_bytes())},
    )
    assert answer.headers.get("location", "/bundles") == "/bundles"


def test_dates_and_records_are_given_as_files(person: Person, sha256: str) -> None:
    visitor = person(Role.AUDITOR)
    assert visitor.get(f"/agreements/{sha256}/dates.ics").content.startswith(b"BEGIN:VCALENDAR")
    for record in ("processing", "assessment", "assessment-page", "dictionary", "paper"):
        answer = visitor.get(f"/agreements/{sha256}/records/{record}")
        assert answer.status_code == 200
        assert "attachment" in answer.headers["content-disposition"]
    assert visitor.get(f"/agreements/{sha256}/records/passphrase").status_code == 404


def test_consent_decides_who_may_read(person: Person, sha256: str) -> None:
    visitor = person()
    address = f"/agreements/{sha256}/who-may-read?asked=yes&type=referral.made&to=haven-support"
    scopes = ("pass_to_police", "support_contact", "share_identity", "statistics")
    everything = visitor.get(address + "".join(f"&consent={one}" for one in scopes)).text
    some = visitor.get(address + "".join(f"&consent={one}" for one in scopes[:2])).text
    nothing = visitor.get(address).text
    assert 'id="matrix"' in everything
    assert "No consent" not in everything
    assert "No consent" in some or 'id="refused"' in some
    assert "No consent" in nothing or 'id="refused"' in nothing


def test_a_stranger_in_the_address_of_a_trial_is_not_used(person: Person, sha256: str) -> None:
    page = person().get(f"/agreements/{sha256}/who-may-read?from=<u>&type=<i>&to=<u>").text
    assert "<i>" not in page
    assert "<u>" not in page
    assert 'id="matrix"' in page


def test_a_trial_without_a_recipient_is_a_fault_of_the_form(person: Person, sha256: str) -> None:
    address = f"/agreements/{sha256}/who-may-read"
    visitor = person(Role.OFFICER)
    assert 'id="matrix"' in visitor.get(address).text  # every recipient is chosen at first
    answer = visitor.get(f"{address}?asked=yes&from={POLICE}&type=referral.made")
    assert answer.status_code == 422
    assert 'href="#to-' in answer.text
    assert 'id="matrix"' not in answer.text
