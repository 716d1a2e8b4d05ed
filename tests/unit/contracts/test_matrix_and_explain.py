from __future__ import annotations

import hashlib

from contracts.explain import explain
from contracts.field_answer import answer_fields
from contracts.loading import ContractText
from contracts.matrix import columns, matrix, readers_of
from contracts.model import Contract
from contracts.parties import key_fingerprint
from contracts.policy import policy_for
from contracts.status import Departure, contract_status
from tests.unit.contracts.asked import granted_to


def test_the_matrix_says_what_grouping_enforces(contract: Contract) -> None:
    for row in matrix(contract, by="agency"):
        for agency, access in row.access.items():
            reads = row.path in granted_to(contract, row.event_type, agency)
            assert reads == (access in {"reads", "with consent"})


def test_the_matrix_by_role_has_a_row_for_each_grant_and_a_column_for_each_role(
    contract: Contract,
) -> None:
    rows = matrix(contract)
    assert columns(contract) == ("police", "prosecution", "council", "support")
    assert len(rows) == sum(len(t.fields) for t in contract.event_types.values())
    only = matrix(contract, event_type="referral.made")
    address = next(row for row in only if row.path == "victim.address")
    assert address.access == {
        "police": "with consent",
        "prosecution": "not addressed",
        "council": "with consent",
        "support": "never",
    }


def test_readers_of_one_field_are_given_by_agency(contract: Contract) -> None:
    assert readers_of(contract, "referral.made", "victim.address") == (
        "council-camden",
        "council-lewisham",
        "csu-camden",
        "csu-lewisham",
    )
    assert readers_of(contract, "referral.made", "imagined") == ()
    assert readers_of(contract, "imagined", "case_id") == ()


def test_a_fingerprint_is_the_whole_key_id_in_groups_for_reading_aloud() -> None:
    parts = [b"concordant/1/kid", b"governance", b"ed25519", b"\x01" * 32]
    framed = len(parts).to_bytes(8, "big")
    framed += b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    shown = key_fingerprint("governance", "ed25519", b"\x01" * 32)
    assert shown.replace(" ", "") == hashlib.sha256(framed).hexdigest()
    assert all(len(group) == 4 for group in shown.split(" "))


def test_explain_names_parties_fields_hash_and_every_governance_key(
    contract_text: ContractText, everyone: frozenset[str], noon: int
) -> None:
    contract = contract_text.contract
    gone = [Departure("council-camden", "suspended", 0)]
    text = explain(contract_text, contract_status(contract, everyone, gone, noon))
    assert contract_text.hash.hex() in text
    assert "in force, without council-camden (suspended)" in text
    assert "granted nothing" in text
    for agency, keys in contract.governance_keys.items():
        assert agency in text
        assert key_fingerprint("governance", "ed25519", keys.pairs[None].ed25519_raw) in text
        assert key_fingerprint("governance", "ml-dsa-65", keys.pairs[None].ml_dsa_65_raw) in text
    for event_type in contract.event_types:
        assert event_type in text


def test_explain_says_who_has_not_signed(
    contract_text: ContractText, everyone: frozenset[str], noon: int
) -> None:
    unsigned = contract_status(contract_text.contract, everyone - {"haven-support"}, (), noon)
    assert "not signed yet by haven-support" in explain(contract_text, unsigned)
    assert "Now:" not in explain(contract_text)


def test_one_field_is_explained_with_clause_readers_and_consent(contract: Contract) -> None:
    (address,) = answer_fields(contract, "victim.address", "referral.made")
    assert address.terms is not None
    assert address.terms.clause == "4.1.13"
    assert "csu-camden" in address.agencies
    assert address.needs.everyone == ("share_identity",)
    assert [(need.role, need.scope) for need in address.needs.by_role] == [
        ("police", "pass_to_police")
    ]
    text = address.as_text()
    for shown in ("4.1.13", "csu-camden", "share_identity", "pass_to_police", "uk-gdpr:6(1)(e)"):
        assert shown in text
    (urn,) = answer_fields(contract, "urn", "case.updated")
    assert urn.senders == ("police", "prosecution")
    assert urn.terms is not None
    assert urn.terms.without_consent is not None


def test_consent_in_an_answer_is_what_the_decision_enforces(contract: Contract) -> None:
    for event_type, terms in contract.event_types.items():
        for path in terms.fields:
            (answer,) = answer_fields(contract, path, event_type)
            for reader in answer.readers:
                for sender in contract.parties:
                    to = next((a for a in reader.agencies if a != sender.id), None)
                    if to is None:
                        continue
                    planned = policy_for(contract, sender.id, (to,), event_type)
                    if planned.denial is not None or path not in planned.fields:
                        continue
                    exempt = {
                        need.scope
                        for need in answer.needs.by_role
                        if need.role == reader.role and sender.role in need.unless_from
                    }
                    expected = set(answer.needs.everyone) | (
                        set(reader.consent) - exempt - set(answer.needs.everyone)
                    )
                    found = set(planned.needs.get(path, ()))
                    if planned.grouping.bound[planned.grouping.group_of[path]]:
                        found |= {planned.role_needs[to]} if to in planned.role_needs else set()
                    assert found == expected, (event_type, path)


def test_no_consent_is_claimed_that_the_event_type_does_not_ask_for(
    contract: Contract, contract_text: ContractText
) -> None:
    (summary,) = answer_fields(contract, "summary", "critical-incident.declared")
    assert summary.needs.everyone == summary.needs.by_role == ()
    assert "only with consent" not in summary.as_text()
    words = " ".join(explain(contract_text).split())
    for rule in contract.consent_by_role.values():
        of_clause = words[words.index(f"Clause {rule.clause}:") :]
        assert "answers about consent: referral.made, correction.made." in of_clause


def test_the_whole_text_says_which_codes_close_and_what_is_required_beside_a_value(
    contract_text: ContractText,
) -> None:
    told = " ".join(explain(contract_text).split())
    assert (
        "Hate incident that is not recorded as a crime (hate_incident) may not be sent from "
        "2027-04-01 by bodies that process for law enforcement: "
    ) in told
    assert "Others go on, and what was sent before stays readable." in told
    assert (
        "required if intelligence.handling_code is Lawful sharing permitted with conditions."
    ) in told
