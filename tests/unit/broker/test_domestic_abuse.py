"""The main job with the second subject: a referral to a MARAC, from founding to the last action.

No Kafka and no process of its own: the agencies, their keys, databases and records are real.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.testing import opened
from adapters.trial_agencies import AgencyPlan
from broker.event import JSON
from broker.receiving.inbox_payload import format_payload, parse_payload
from broker.referrals import Referrals, key
from broker.store.rows import ReferralRow
from contracts.comparison import compare
from contracts.drafting import london_parties
from contracts.errors import EventError
from contracts.examples import example
from contracts.loading import shipped_terms
from contracts.model import Contract
from contracts.policy import granted_from
from contracts.references import misfitting
from contracts.referral import referral_rules
from contracts.vocabulary import unflatten
from tests.support.founded_partnership import FoundedPartnership, found_with
from tests.support.founding import cheap_scrypt
from tests.support.memory_partnership import MemoryPartnership, opened_partnership

POLICE, COUNCIL, NHS = "csu-camden", "council-camden", "nhs-camden"
ADVISERS, PROBATION = "haven-support", "probation-north"
ROLES = {
    POLICE: "police", COUNCIL: "council", NHS: "health", ADVISERS: "support",
    PROBATION: "probation",
}  # fmt: skip
WHEREABOUTS = {
    "victim.address", "victim.postcode", "safe_contact.phone", "safe_contact.times",
    "safe_contact.message", "children", "wishes",
}  # fmt: skip
REFERRAL = "e21c7a95-6d40-4b38-9f0e-7b35d8c1a264"


def agency_plan(agency: str) -> AgencyPlan:
    role = ROLES[agency]
    party: dict[str, Any] = dict(london_parties()[0])
    party |= {
        "id": agency,
        "legal_name": f"The body of {agency} (fictitious)",
        "role": role,
        "ico_registration": f"ZA2000{list(ROLES).index(agency):02}",
        "regime": "dpa2018-part3" if role in ("police", "probation") else "uk-gdpr",
        "public_authority": role != "support",
    }
    return AgencyPlan(agency, "council", {}, party)


@pytest.fixture(scope="module")
def marac() -> FoundedPartnership:
    with cheap_scrypt():
        return found_with(
            [agency_plan(one) for one in ROLES], shipped_terms("marac-domestic-abuse")
        )


@pytest.fixture
def meeting(marac: FoundedPartnership, tmp_path: Path) -> Iterator[MemoryPartnership]:
    made = opened_partnership(marac, tmp_path)
    yield made
    made.close()


def status(meeting: MemoryPartnership, member: str, counterparty: str) -> tuple[str, bool]:
    with meeting.members[member].store.reading() as tx:
        held = tx.referrals.get(key(REFERRAL, counterparty))
    assert held is not None
    return held.status, held.closed


async def test_a_referral_goes_from_the_advisers_to_the_last_action(
    meeting: MemoryPartnership,
) -> None:
    referred = await meeting.send(ADVISERS, "marac.referred")
    for one in referred.values():  # shared against a refusal, with reason and decision
        assert one.flat["sharing.answer"] == "refused"
        assert one.flat["sharing.reason"] == "risk_of_death_or_serious_harm"
        assert one.flat["sharing.decided_by"] == "Service manager"
        assert one.flat["risk.score"] == 17
    assert WHEREABOUTS.isdisjoint(referred[PROBATION].flat)
    for reader in (POLICE, COUNCIL, NHS):
        assert referred[reader].flat.keys() >= WHEREABOUTS
        assert referred[reader].flat["safe_contact.message"] == "no_message"
    assert {r for r, one in referred.items() if "victim.nhs_number" in one.flat} == {NHS}
    assert {r for r, one in referred.items() if "crime_reference" in one.flat} == {
        POLICE, PROBATION,
    }  # fmt: skip
    assert meeting.members[COUNCIL].inbox() == [referred[COUNCIL].id]

    accepted: dict[str, JSON | None] = {
        "referral_id": REFERRAL,
        "version": 2,
        "previous_status": "requested",
        "status": "accepted",
        "business_status": None,
        "reason": None,
        "note": None,
    }
    await meeting.send(POLICE, "marac.status-changed", (ADVISERS,), **accepted)
    assert status(meeting, ADVISERS, POLICE) == ("accepted", False)
    assert status(meeting, ADVISERS, COUNCIL) == ("requested", False)

    told = await meeting.send(NHS, "marac.information-shared")
    assert {r for r, one in told.items() if "victim_health" in one.flat} == {COUNCIL, ADVISERS}
    assert {one.flat["confidentiality.decided_by"] for one in told.values()} == {
        "Caldicott guardian"
    }

    action: dict[str, JSON] = {
        "id": "a7f2b390-51c8-4de6-93a1-4f0d6c82e715",
        "action": "rehouse",
        "owner": COUNCIL,
        "due": "2026-11-21",
    }
    agreed = await meeting.send(POLICE, "marac.actions-agreed", actions=[action])
    assert all(one.flat["actions"] == [action] for one in agreed.values())
    warned = await meeting.send(PROBATION, "safety.warned")
    assert all(one.urgent for one in warned.values())
    done = await meeting.send(COUNCIL, "marac.action-updated")
    assert {one.flat["action_status"] for one in done.values()} == {"done"}

    closed = {**accepted, "version": 3, "previous_status": "accepted", "status": "completed"}
    await meeting.send(POLICE, "marac.status-changed", (ADVISERS,), **closed)
    assert status(meeting, ADVISERS, POLICE) == ("completed", True)
    assert status(meeting, POLICE, ADVISERS) == ("completed", True)
    assert all(member.verify_log() for member in meeting.members.values())


ACCEPTED: dict[str, JSON | None] = {
    "referral_id": REFERRAL,
    "version": 2,
    "previous_status": "requested",
    "status": "accepted",
    "business_status": None,
    "reason": None,
    "note": None,
}


async def test_the_agencies_that_meet_learn_what_became_of_a_referral(
    meeting: MemoryPartnership,
) -> None:
    await meeting.send(ADVISERS, "marac.referred")
    to = (ADVISERS, COUNCIL, PROBATION)
    told = await meeting.send(POLICE, "marac.status-changed", to, **ACCEPTED)
    assert {reader: one.flat["status"] for reader, one in told.items()} == dict.fromkeys(
        to, "accepted"
    )
    assert status(meeting, ADVISERS, POLICE) == ("accepted", False)
    assert status(meeting, COUNCIL, ADVISERS) == ("requested", False)  # its own referral
    for member in (COUNCIL, PROBATION):
        with meeting.members[member].store.reading() as tx:
            assert tx.referrals.get(key(REFERRAL, POLICE)) is None
    done = {**ACCEPTED, "version": 3, "previous_status": "accepted", "status": "completed"}
    assert len(await meeting.send(POLICE, "marac.status-changed", to, **done)) == len(to)


@pytest.mark.parametrize("to", [(COUNCIL,), (COUNCIL, PROBATION)], ids=len)
async def test_others_learn_of_a_change_together_with_the_referrer(
    meeting: MemoryPartnership, to: tuple[str, ...]
) -> None:
    await meeting.send(ADVISERS, "marac.referred")
    with pytest.raises(EventError) as refusal:
        await meeting.send(POLICE, "marac.status-changed", to, **ACCEPTED)
    assert refusal.value.code == "referral_unknown"


async def test_a_referrer_informs_no_others(meeting: MemoryPartnership) -> None:
    await meeting.send(ADVISERS, "marac.referred", (POLICE, COUNCIL, NHS))
    withdrawn = {**ACCEPTED, "status": "entered-in-error"}
    with pytest.raises(EventError) as refusal:
        await meeting.send(ADVISERS, "marac.status-changed", (POLICE, PROBATION), **withdrawn)
    assert refusal.value.code == "referral_unknown"


def with_terms(contract: Contract, event_type: str, **terms: object) -> Contract:
    types = dict(contract.event_types)
    types[event_type] = types[event_type].model_copy(update=terms)
    changed = contract.model_copy(update={"event_types": types})
    changed.__dict__["vocabulary"] = contract.vocabulary
    return changed


@pytest.mark.parametrize(
    ("informed", "new", "taken"),
    [
        (("council",), "accepted", True),
        (("health", "support"), "accepted", False),
        ((), "accepted", False),
        (("council",), "entered-in-error", False),  # a referrer's change: its referral is missing
        (("council",), "completed", False),  # no fulfiller may complete what is only requested
    ],
)
def test_a_reader_takes_a_change_between_others_only_if_its_role_is_informed(
    meeting: MemoryPartnership,
    marac: FoundedPartnership,
    informed: tuple[str, ...],
    new: str,
    taken: bool,
) -> None:
    contract = with_terms(marac.contract, "marac.status-changed", informed=informed)
    flat = {name: value for name, value in ACCEPTED.items() if value is not None}
    event = opened("marac.status-changed", {**flat, "case_id": REFERRAL, "status": new})
    with meeting.members[COUNCIL].store.transaction() as tx:
        referrals = Referrals(tx)
        if taken:
            referrals.received(event, contract, 0, COUNCIL)
            referrals.write()
            assert tx.referrals.get(key(REFERRAL, event.source)) is None
        else:
            with pytest.raises(EventError) as refusal:
                referrals.received(event, contract, 0, COUNCIL)
            assert refusal.value.code == "referral_unknown"


def made_referral(id_: str, counterparty: str) -> ReferralRow:
    return ReferralRow(
        key(id_, counterparty), REFERRAL, "referrer", counterparty, "requested", None, 1,
        0, None, None, 0, False, "", REFERRAL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made_with", "id_", "taken"),
    [
        (None, REFERRAL, True),
        (POLICE, REFERRAL, False),  # only the police may change it
        (POLICE, REFERRAL[:-1] + "5", True),
    ],
)
@pytest.mark.parametrize("new", ["accepted", "rejected"])
def test_a_referrer_takes_no_change_of_its_own_referral_from_a_third_agency(
    meeting: MemoryPartnership,
    marac: FoundedPartnership,
    made_with: str | None,
    id_: str,
    taken: bool,
    new: str,
) -> None:
    contract = with_terms(marac.contract, "marac.status-changed", informed=("support",))
    flat: dict[str, Any] = {name: value for name, value in ACCEPTED.items() if value is not None}
    flat |= {"case_id": REFERRAL, "status": new}
    if new == "rejected":
        rules = referral_rules(contract.vocabulary)
        assert rules is not None
        flat["reason"] = min(rules.reasons)
    change = replace(opened("marac.status-changed", flat), source=PROBATION)
    with meeting.members[ADVISERS].store.transaction() as tx:
        if made_with is not None:
            tx.referrals.save(made_referral(id_, made_with))
        referrals = Referrals(tx)
        if taken:
            referrals.received(change, contract, 0, ADVISERS)
        else:
            with pytest.raises(EventError) as refusal:
                referrals.received(change, contract, 0, ADVISERS)
            assert refusal.value.code == "referral_unknown"


def test_to_inform_a_role_widens_the_agreement(marac: FoundedPartnership) -> None:
    fewer = with_terms(marac.contract, "marac.status-changed", informed=("police",))
    changes = compare(marac.contract, fewer).changes
    assert {change.effect for change in changes} == {"narrows"}
    assert {change.effect for change in compare(fewer, marac.contract).changes} == {"widens"}


def test_only_a_change_of_a_referral_informs_others(marac: FoundedPartnership) -> None:
    changed = with_terms(marac.contract, "safety.warned", informed=("police",))
    assert [at for at, _ in misfitting(changed)] == [("event_types", "safety.warned", "informed")]


async def test_a_code_that_its_list_lacks_is_handed_over_with_a_mark(
    meeting: MemoryPartnership,
) -> None:
    listed = await meeting.send(PROBATION, "safety.warned")
    assert all(one.unlisted == () for one in listed.values())
    assert all("unlisted" not in one.as_json() for one in listed.values())
    warned = await meeting.send(PROBATION, "safety.warned", event="seen_near_the_school")
    for one in warned.values():
        assert one.flat["event"] == "seen_near_the_school"
        assert one.as_json()["unlisted"] == ["event"]
        assert parse_payload(format_payload(one)) == one
    action: dict[str, JSON] = {
        "id": "a7f2b390-51c8-4de6-93a1-4f0d6c82e715",
        "action": "move_the_school",
        "owner": COUNCIL,
        "due": "2026-11-21",
    }
    agreed = await meeting.send(POLICE, "marac.actions-agreed", actions=[action])
    assert {one.unlisted for one in agreed.values()} == {("actions",)}


@pytest.mark.parametrize(
    "missing", ["sharing.reason", "sharing.decided_by", "sharing.decided_on", "sharing.answer"]
)
def test_no_referral_goes_without_the_decision_to_share(
    marac: FoundedPartnership, missing: str
) -> None:
    event = example(marac.contract, ADVISERS, "marac.referred")
    of_type = marac.contract.vocabulary.type("marac.referred")
    flat = of_type.flatten(event.data)
    del flat[missing]
    with pytest.raises(EventError) as refusal:
        of_type.validate(unflatten(flat))
    assert (refusal.value.code, refusal.value.where) == ("event_invalid", missing)


def test_a_telephone_number_says_whether_a_message_may_be_left(marac: FoundedPartnership) -> None:
    of_type = marac.contract.vocabulary.type("marac.referred")
    reader = of_type.restricted(frozenset({"safe_contact.phone", "safe_contact.message"}))
    reader.check({"safe_contact.phone": "020 7946 0777", "safe_contact.message": "voicemail"})
    with pytest.raises(EventError) as refusal:
        reader.check({"safe_contact.phone": "020 7946 0777"})
    assert refusal.value.where == "safe_contact.message"


def test_health_alone_sends_health_and_neither_police_nor_probation_reads_it(
    marac: FoundedPartnership,
) -> None:
    sent = "marac.information-shared"
    reads = {
        (sender, reader)
        for sender in ROLES
        for reader in ROLES
        if sender != reader
        and "victim_health" in granted_from(marac.contract, sender, reader, sent)
    }
    assert reads == {(NHS, COUNCIL), (NHS, ADVISERS)}
