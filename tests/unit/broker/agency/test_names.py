"""Names of agencies for people."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from broker.agency.names import agency_names
from broker.agency.participant import load_participant
from broker.operations.bundles import add_bundles
from broker.operations.contract_revision import revise_contract
from tests.support.founded_partnership import NOW, POLICE, SUPPORT, founded


def test_the_legal_name_of_an_agreement_goes_before_a_short_name(tmp_path: Path) -> None:
    folder = founded().directory(POLICE, tmp_path)
    settings = folder / "agency.toml"
    own = f'[web.names]\n{SUPPORT} = "Haven"\nhost-of-kafka = "The host"\n'
    settings.write_text(settings.read_text().partition("[web.names]")[0] + own)
    names = agency_names(load_participant(folder, NOW))
    party = founded().contract.by_id[SUPPORT]
    assert names.full(SUPPORT) == party.legal_name
    assert names.brief(SUPPORT) == "Haven"
    assert names.full("host-of-kafka") == "The host"
    assert names.brief("csu-unknown") == "CSU Unknown"


def test_a_version_that_is_not_signed_by_all_renames_no_agency(tmp_path: Path) -> None:
    folder = founded().directory(POLICE, tmp_path)
    held, out = next((folder / "contracts").glob("*.yaml")), tmp_path / "next.yaml"
    review = {"review_on": str(founded().contract.starts + timedelta(days=90))}
    revise_contract(held, add=(), remove=(), values=review, out=out, now=NOW)
    legal = founded().contract.by_id[SUPPORT].legal_name
    out.write_text(out.read_text().replace(legal, "Another name"))
    add_bundles(folder, [out], NOW)
    participant = load_participant(folder, NOW)
    assert {"Another name", legal} == {
        signed.contract.by_id[SUPPORT].legal_name for signed in participant.contracts.all()
    }
    assert agency_names(participant).full(SUPPORT) == legal
