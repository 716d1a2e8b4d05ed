from __future__ import annotations

import pytest

from contracts.errors import ContractError, EventError
from contracts.model import Contract
from contracts.policy import GROUPS_MAX, group_fields
from tests.unit.contracts.asked import granted_to

ADDRESSED = frozenset({"csu-lewisham", "council-camden", "haven-support"})


def test_group_0_is_what_all_addressed_read_and_the_rest_follows_the_contract(
    contract: Contract,
) -> None:
    groups = group_fields(contract, "referral.made", ADDRESSED)
    assert groups.readers[0] == ADDRESSED
    assert "case_id" in groups.fields[0]
    firsts = [paths[0] for paths in groups.order[1:]]
    in_contract = list(contract.event_types["referral.made"].fields)
    assert firsts == sorted(firsts, key=in_contract.index)
    assert groups.bound[0] is False
    pairs = list(zip(groups.readers, groups.bound, strict=True))
    assert len(set(pairs)) == len(pairs)
    fields = contract.event_types["referral.made"].fields
    for paths, bound in zip(groups.order, groups.bound, strict=True):
        assert {fields[path].identifies for path in paths} <= {bound}


def test_a_type_that_asks_no_consent_has_no_consent_bound_group(contract: Contract) -> None:
    groups = group_fields(contract, "case.updated", frozenset({"cps-london", "council-camden"}))
    fields = contract.event_types["case.updated"].fields
    assert any(fields[path].identifies for paths in groups.order for path in paths)
    assert not any(groups.bound)


def test_roles_read_only_what_their_task_needs(contract: Contract) -> None:
    support = granted_to(contract, "referral.made", "haven-support")
    council = granted_to(contract, "referral.made", "council-camden")
    police = granted_to(contract, "referral.made", "csu-camden")
    assert {"incident.narrative", "victim.phone", "victim.needs"} <= support
    assert support.isdisjoint({"alleged_perpetrators", "victim.address", "victim.date_of_birth"})
    assert {"victim.address", "victim.tenure"} <= council
    assert council.isdisjoint({"victim.ethnicity", "victim.gender", "incident.narrative"})
    assert "victim.tenure" not in police
    prosecution = granted_to(contract, "case.updated", "cps-london")
    assert {"victim.name", "forms", "urn"} <= prosecution
    assert granted_to(contract, "case.updated", "council-camden").isdisjoint(
        {"victim.name", "victim.date_of_birth", "alleged_perpetrators", "note"}
    )


def test_case_id_and_consent_are_read_by_all_addressed(contract: Contract) -> None:
    for terms in contract.event_types.values():
        for path, field in terms.fields.items():
            if path == "case_id" or path.startswith("consent."):
                assert set(field.readers) == set(terms.recipients)


def test_a_type_that_is_never_addressed_to_an_agency_grants_it_nothing(contract: Contract) -> None:
    assert granted_to(contract, "referral.made", "cps-london") == frozenset()


def test_one_recipient_means_one_group_and_one_that_is_consent_bound(contract: Contract) -> None:
    one = frozenset({"csu-lewisham"})
    groups = group_fields(contract, "referral.made", one)
    assert (groups.readers, groups.bound) == ((one, one), (False, True))
    assert groups.may_read == {"csu-lewisham": (True, True)}
    assert groups.unbound["csu-lewisham"] == groups.fields[0]
    assert groups.granted["csu-lewisham"] == groups.fields[0] | groups.fields[1]
    plain = group_fields(contract, "case.updated", frozenset({"cps-london"}))
    assert plain.may_read == {"cps-london": (True,)}


def test_an_agency_that_is_no_party_reads_nothing(contract: Contract) -> None:
    groups = group_fields(contract, "referral.made", frozenset({"csu-lewisham", "elsewhere"}))
    assert groups.granted["elsewhere"] == frozenset()
    assert groups.fields[0] == frozenset()  # sealed as {}, with the type and the addressed


def test_an_unknown_type_is_refused(contract: Contract) -> None:
    with pytest.raises(EventError) as caught:
        group_fields(contract, "referral.imagined", ADDRESSED)
    assert caught.value.code == "type_unknown"


def test_a_grant_of_a_field_that_the_type_has_not_stops_the_contract(contract: Contract) -> None:
    terms = contract.event_types["case.updated"]
    wrong = terms.model_copy(update={"fields": {**terms.fields, "imagined": terms.fields["note"]}})
    other = contract.model_copy(update={"event_types": {"case.updated": wrong}})
    with pytest.raises(ContractError) as caught:
        group_fields(other, "case.updated", ADDRESSED)
    assert caught.value.code == "contract_field_unknown"
    assert caught.value.where == "event_types.case.updated.fields.imagined"


@pytest.mark.parametrize("sets", [15, 16])
def test_more_sets_of_readers_than_groups_stop_the_contract(contract: Contract, sets: int) -> None:
    terms = contract.event_types["referral.made"]
    roles = [f"role-{n}" for n in range(5)]
    parties = tuple(
        contract.parties[0].model_copy(update={"id": f"party-{n}", "role": role})
        for n, role in enumerate(roles)
    )
    fields = {
        path: field.model_copy(
            update={
                "readers": tuple(r for i, r in enumerate(roles) if n >> i & 1),
                "identifies": False,
            }
        )
        for n, (path, field) in enumerate(list(terms.fields.items())[:sets], 1)
    }
    other = contract.model_copy(
        update={
            "parties": parties,
            "event_types": {"referral.made": terms.model_copy(update={"fields": fields})},
        }
    )
    everyone = frozenset(p.id for p in parties)
    if sets < GROUPS_MAX:  # beside group 0, which no field is in here
        assert len(group_fields(other, "referral.made", everyone).readers) == GROUPS_MAX
        return
    with pytest.raises(ContractError) as caught:
        group_fields(other, "referral.made", everyone)
    assert (caught.value.code, caught.value.where) == (
        "contract_invalid",
        "event_types.referral.made",
    )
