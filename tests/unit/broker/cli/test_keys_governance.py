"""`keys new-governance`: a pair for the next version of the contract; nothing uses it yet."""

from __future__ import annotations

import re
from pathlib import Path

from broker.agency.participant import load_participant
from broker.clock import now_ms

AGENCY = "csu-camden"


def test_a_new_pair_lies_beside_the_old_and_nothing_uses_it(cli, root: Path) -> None:
    before = cli("keys", "list", "--agency", root / AGENCY, "--json").json["keys"]
    done = cli("keys", "new-governance", "--agency", root / AGENCY, "--json")
    assert done.code == 0
    assert len(list((root / AGENCY / "governance").glob("*.key.json"))) == 4
    assert cli("keys", "list", "--agency", root / AGENCY, "--json").json["keys"] == before
    named = load_participant(root / AGENCY, now_ms()).config.governance
    (former,) = done.json["governance"]["former"]
    assert former == {"ed25519": named.ed25519, "ml_dsa_65": named.ml_dsa_65}
    assert set(done.json["governance_keys"]) == {AGENCY}


def test_agency_toml_takes_the_section_as_it_is_printed(cli, root: Path) -> None:
    config = root / AGENCY / "agency.toml"
    first = load_participant(root / AGENCY, now_ms()).config.governance
    for replaced in (1, 2):
        done = cli("keys", "new-governance", "--agency", root / AGENCY)
        section = re.search(r"^\[governance\].*?(?=^#)", done.text, re.S | re.M)
        assert section is not None
        text = re.sub(
            r"^\[governance\].*?(?=^\[adapter)",
            section.group(0),
            config.read_text(),
            flags=re.S | re.M,
        )
        config.write_text(text)
        participant = load_participant(root / AGENCY, now_ms())
        assert len(participant.config.governance.former) == replaced
        assert participant.governance_signer()
        assert len(participant.contracts.trusted()) == 1  # it pins the first pair
    assert participant.config.governance.former[-1].ed25519 == first.ed25519
    assert cli("event", "example", "referral.made", "--agency", root / AGENCY).code == 0
