"""The agreement of a rehearsal: found in the folder, named, or shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters.sandbox.rehearsed_agreement import rehearsed_agreement
from adapters.sandbox.sandbox_world import PREFIX, deployment_of
from adapters.trial_terms import OF_PARTIES, without_parties
from broker.errors import ConfigError, WrongInputError
from contracts.errors import ContractError
from contracts.loading import parse_draft, shipped_names, shipped_terms
from contracts.model import DraftContract
from tests.support.founded_partnership import CAST, NOW, POLICE, founded


def own_folder(tmp_path: Path) -> Path:
    return founded().directory(POLICE, tmp_path)


def test_the_agreement_in_the_folder_keeps_its_terms_and_parties(tmp_path: Path) -> None:
    found = rehearsed_agreement(own_folder(tmp_path), POLICE, None, NOW)
    assert found.partners == tuple(one for one in CAST if one != POLICE)
    assert deployment_of(found).startswith(PREFIX)
    outline = parse_draft(found.terms.encode(), "terms").contract
    assert isinstance(outline, DraftContract)
    assert outline.event_types == founded().contract.event_types
    assert outline.report_every == "PT1M"
    assert set(outline.absent) == {
        "deployment", "starts", "ends", "parties", "governance_keys", "pins",
    }  # fmt: skip


@pytest.mark.parametrize("name", shipped_names())
def test_terms_without_parties_stay_as_they_are(name: str) -> None:
    assert without_parties(shipped_terms(name)) == shipped_terms(name)


def test_members_of_parties_are_left_out_wherever_they_stand() -> None:
    parties = "parties:\n  - id: x\n  # a comment\n"
    text = f"name: a\nreport_every: P1D\n{parties}summary: b\nstarts: 2026-01-01\n"
    assert without_parties(text, more=("report_every",)) == "name: a\nsummary: b\n"
    assert {"parties", "starts"} < OF_PARTIES


def test_without_an_agreement_the_shipped_terms_with_this_role_are_taken(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    shutil.rmtree(folder / "contracts")
    found = rehearsed_agreement(folder, POLICE, None, NOW)
    assert found.contract.role_of == {}
    assert POLICE not in found.partners
    assert len(found.partners) == len(set(found.partners)) > 1


def test_partners_are_invented_for_each_role_of_other_terms(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    found = rehearsed_agreement(folder, POLICE, "marac-domestic-abuse", NOW)
    roles = {party["role"] for party in found.parties}
    assert roles == found.contract.roles.keys()


def test_no_agreement_with_the_role_is_sandbox_no_agreement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own_folder(tmp_path)
    shutil.rmtree(folder / "contracts")
    monkeypatch.setattr("adapters.sandbox.rehearsed_agreement.shipped_names", lambda: ())
    with pytest.raises(ConfigError) as caught:
        rehearsed_agreement(folder, POLICE, None, NOW)
    assert (caught.value.code, caught.value.exit_code) == ("sandbox_no_agreement", 3)
    assert rehearsed_agreement(folder, POLICE, "london-hate-crime", NOW).partners  # --agreement


def test_several_agreements_are_option_missing(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    (one,) = (folder / "contracts").glob("*.yaml")
    other = one.read_text().replace("\nname: london-hate-crime", "\nname: another-one")
    (folder / "contracts/another-one.yaml").write_text(other)
    with pytest.raises(WrongInputError) as caught:
        rehearsed_agreement(folder, POLICE, None, NOW)
    assert (caught.value.code, caught.value.where) == ("option_missing", "--agreement")
    assert rehearsed_agreement(folder, POLICE, str(one), NOW).partners


def test_a_draft_with_a_mistake_is_refused_and_a_vocabulary_is_passed_over(tmp_path: Path) -> None:
    folder = own_folder(tmp_path)
    (one,) = (folder / "contracts").glob("*.yaml")
    (folder / "contracts/own.vocabulary.yaml").write_text("name: own\n")
    assert rehearsed_agreement(folder, POLICE, None, NOW).found_in == str(one)
    one.write_text(one.read_text().replace("\nevent_types:", "\nevent_tipes:"))
    with pytest.raises(ContractError) as caught:
        rehearsed_agreement(folder, POLICE, None, NOW)
    assert caught.value.code == "contract_invalid"
