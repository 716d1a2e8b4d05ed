"""Draft of an agreement from terms and entries."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.errors import EntryError, WrongInputError
from broker.operations.agency_entry import write_entry
from broker.operations.contract_draft import Drafted, draft_contract
from contracts.errors import ContractError
from contracts.loading import shipped_terms
from contracts.vocabulary.known import named_vocabulary
from tests.support.founding import NOW, cheap_scrypt, found, profile

TODAY = date.fromtimestamp(NOW // 1000)


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("entries")
    agencies = {"csu-camden": "police", "haven-support": "support", "cps-london": "prosecution"}
    agencies |= {"council-camden": "council"}
    with cheap_scrypt():
        for agency, role in agencies.items():
            found(root / agency, agency, role)
            write_entry(root / agency, root / f"{agency}.entry", NOW)
        found(root / "other", "school", "education")
        write_entry(root / "other", root / "school.other", NOW)
        stated = profile("nhs-camden", "council", regime="dpa2018-part3", registration="ZA111111")
        found(root / "stated", "nhs-camden", "council", profile=stated)
        write_entry(root / "stated", root / "nhs-camden.stated", NOW)
    return root


def drafted(made: Path, out: Path, **changed: Any) -> Drafted:
    values = {
        "terms": "london-hate-crime",
        "entries": sorted(made.glob("*.entry")),
        "deployment": "pan-camden",
        "starts": TODAY,
        "ends": TODAY + timedelta(days=364),
        "review_on": TODAY + timedelta(days=180),
        "out": out,
        "now": NOW,
    }
    return draft_contract(**{**values, **changed})


def test_a_draft_has_all_parties_and_nothing_to_correct(entries: Path, tmp_path: Path) -> None:
    done = drafted(entries, tmp_path / "x.yaml")
    contract = done.text.contract
    assert done.findings == ()
    assert (tmp_path / "x.yaml").read_bytes() == done.text.raw
    assert [party.id for party in contract.parties] == sorted(contract.governance_keys)
    regimes = {party.role: party.regime for party in contract.parties}
    assert (regimes["police"], regimes["support"]) == ("dpa2018-part3", "uk-gdpr")
    authority = {party.role: party.public_authority for party in contract.parties}
    assert (authority["council"], authority["support"]) == (True, False)


def test_the_terms_stay_as_they_were_written(entries: Path, tmp_path: Path) -> None:
    done = drafted(entries, tmp_path / "x.yaml")
    assert done.text.raw.decode().startswith(shipped_terms("london-hate-crime").rstrip())


def test_the_name_of_other_terms_drafts_them_with_their_vocabulary(
    entries: Path, tmp_path: Path
) -> None:
    given = [entries / f"{one}.entry" for one in ("csu-camden", "council-camden", "haven-support")]
    done = drafted(entries, tmp_path / "x.yaml", terms="marac-domestic-abuse", entries=given)
    assert done.text.contract.pins.vocabulary == named_vocabulary("domestic-abuse").hash
    regimes = {party.role: party.regime for party in done.text.contract.parties}
    assert regimes == {"police": "dpa2018-part3", "council": "uk-gdpr", "support": "uk-gdpr"}


def test_the_values_of_an_entry_count(entries: Path, tmp_path: Path) -> None:
    given = [*sorted(entries.glob("*.entry")), entries / "nhs-camden.stated"]
    done = drafted(entries, tmp_path / "x.yaml", entries=given)
    party = done.text.contract.party("nhs-camden")
    assert party is not None
    assert (party.regime, party.ico_registration) == ("dpa2018-part3", "ZA111111")


def test_terms_of_ones_own(entries: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(shipped_terms("london-hate-crime"))
    assert drafted(entries, tmp_path / "x.yaml", terms=str(tmp_path / "own.yaml")).entries


def refused(made: Path, tmp_path: Path, **changed: Any) -> str:
    with pytest.raises((EntryError, WrongInputError, ContractError)) as error:
        drafted(made, tmp_path / "refused.yaml", **changed)
    assert not (tmp_path / "refused.yaml").exists()
    return error.value.code


def test_a_role_that_the_terms_do_not_have(entries: Path, tmp_path: Path) -> None:
    given = [*sorted(entries.glob("*.entry")), entries / "school.other"]
    assert refused(entries, tmp_path, entries=given) == "entry_incomplete"


def test_terms_of_another_name(entries: Path, tmp_path: Path) -> None:
    """`terms_unknown`, and what ends it."""
    with pytest.raises(WrongInputError) as error:
        drafted(entries, tmp_path / "x.yaml", terms="london-hate-crimes")
    assert error.value.code == "terms_unknown"
    assert "london-hate-crime?" in (error.value.fix or "")
    assert drafted(entries, tmp_path / "x.yaml", terms="london-hate-crime")


def test_days_in_another_order_are_corrected(entries: Path, tmp_path: Path) -> None:
    """`dates_invalid`, and what ends it."""
    before = TODAY - timedelta(days=1)
    assert refused(entries, tmp_path, ends=before) == "dates_invalid"
    assert refused(entries, tmp_path, review_on=before) == "dates_invalid"
    assert drafted(entries, tmp_path / "x.yaml", review_on=TODAY, ends=TODAY)


def test_the_name_of_no_deployment_is_reserved(entries: Path, tmp_path: Path) -> None:
    assert refused(entries, tmp_path, deployment="unassigned") == "option_invalid"
    assert refused(entries, tmp_path, deployment="Pan Camden") == "option_invalid"


def test_one_party_is_no_agreement(entries: Path, tmp_path: Path) -> None:
    given = [entries / "csu-camden.entry"]
    assert refused(entries, tmp_path, entries=given) == "option_missing"
    assert refused(entries, tmp_path, entries=given * 2) == "option_missing"


def test_a_whole_agreement_is_no_terms(entries: Path, tmp_path: Path) -> None:
    drafted(entries, tmp_path / "x.yaml")
    assert refused(entries, tmp_path, terms=str(tmp_path / "x.yaml")) == "contract_invalid"
