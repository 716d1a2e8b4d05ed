"""Publishing: what was decided, sealed and logged is one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal
from uuid import uuid4

import pytest

from broker.audit.entries import parse_log_entry
from broker.audit.query import entries_of_case
from broker.envelope.layout import parse_value
from broker.envelope.sealing import WrapRecipient
from broker.errors import RegistryError
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.pseudonyms import case_key
from broker.referrals import key
from broker.registry.contract_in_force import ContractInForce
from broker.sending import publishing
from broker.sending.addressees import Addressees, find_addressees
from broker.sending.sealing import EventSealer
from contracts.errors import EventError
from contracts.policy import policy_for
from tests.support.founded_partnership import (
    CASE,
    CHANGED,
    COUNCIL,
    DAY,
    HOUR,
    MADE,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
)
from tests.support.memory_agency import MemoryAgency


def _counts(member: MemoryAgency) -> tuple[int, int]:
    with member.store.reading() as tx:
        return tx.outbox.counts().pending, tx.disclosures.size()


def test_one_transaction_writes_outbox_log_item_and_referral(police: MemoryAgency) -> None:
    event = police.event(to=(COUNCIL, SUPPORT))
    event_id = police.publish(event, source_key=b"row 1")
    assert event_id is not None
    with police.store.reading() as tx:
        (row,) = tx.outbox.pending(10)
        assert (row.event_id, row.generation, row.urgent) == (event_id, None, False)
        item = tx.items.find(b"row 1")
        assert item is not None
        assert (item.event_id, item.outcome) == (event_id, "published")
        for counterparty in (COUNCIL, SUPPORT):
            made = tx.referrals.get(key(str(event.data["referral_id"]), counterparty))
            assert made is not None
            assert (made.status, made.version, made.role) == ("requested", 1, "referrer")
        case = case_key(police.secret, str(event.data["case_id"]))
        collection, entry = entries_of_case(tx, case)
        assert (collection.entry.kind, entry.entry.kind) == ("collection", "disclosure")
        assert collection.entry.event_id == entry.entry.event_id == event_id
        readers = {share.recipients for share in entry.entry.shares}
        assert (COUNCIL, SUPPORT) in readers
    assert police.verify_log() == 1


def test_a_failure_after_sealing_writes_nothing(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise OSError("the disk is full")

    event = police.event()
    monkeypatch.setattr(publishing, "append_entries", broken)
    with pytest.raises(OSError, match="full"):
        police.publish(event, source_key=b"row 1")
    assert _counts(police) == (0, 0)
    with police.store.reading() as tx:
        assert tx.items.find(b"row 1") is None
        assert tx.referrals.get(key(str(event.data["referral_id"]), COUNCIL)) is None
    monkeypatch.undo()
    assert police.publish(event, source_key=b"row 1") is not None


def test_an_item_that_was_published_is_not_again(police: MemoryAgency) -> None:
    event = police.event()
    assert police.publish(event, source_key=b"row 1") is not None
    assert police.publish(event, source_key=b"row 1") is None
    assert _counts(police) == (1, 2)


def test_the_same_item_has_the_same_id_after_a_restore(police: MemoryAgency) -> None:
    """The outbox of yesterday's backup does not know it; the id does."""
    event = police.event(CASE)
    first = police.sealer().seal(event, police.clock.now, b"row 1").event_id
    again = police.sealer().seal(event, police.clock.now, b"row 1").event_id
    other = police.sealer().seal(event, police.clock.now, b"row 2").event_id
    assert first == again != other


def test_a_refusal_is_logged_with_its_reason_and_may_be_offered_again(police: MemoryAgency) -> None:
    event = police.event()
    wrong = replace(event, recipients=(PROSECUTION,))
    with police.store.transaction() as tx, pytest.raises(EventError) as refused:
        police.publisher.publish(tx, wrong, police.clock.now, source_key=b"row 1")
    assert refused.value.code == "recipient_not_permitted"
    with police.store.reading() as tx:
        item = tx.items.find(b"row 1")
        assert item is not None
        assert (item.outcome, item.code, item.event_id) == (
            "refused",
            "recipient_not_permitted",
            None,
        )
    assert _counts(police) == (0, 1)
    assert police.publish(event, source_key=b"row 1") is not None
    assert _counts(police) == (1, 3)


def test_the_log_of_a_refusal_names_no_type_that_is_not_ours(police: MemoryAgency) -> None:
    odd = replace(police.event(), type="Zephyrine Quillfeather")
    with police.store.transaction() as tx, pytest.raises(EventError):
        police.publisher.publish(tx, odd, police.clock.now)
    with police.store.reading() as tx:
        (row,) = tx.disclosures.read(0, 10)
        assert b"Zephyrine" not in row.entry


def test_without_a_recipients_key_nothing_is_written(police: MemoryAgency) -> None:
    police.clock.now += 40 * DAY  # every manifest has expired
    with pytest.raises(RegistryError) as error:
        police.publish(source_key=b"row 1")
    assert error.value.code == "manifest_expired"
    assert _counts(police) == (0, 0)


def stop(police: MemoryAgency, agency: str, state: Literal["suspended", "left"]) -> None:
    """Let the sender learn that a party has suspended its part or left."""
    contract = police.world.contract
    entry = StandingEntry(
        contract=contract.name,
        versions=(police.world.signed.hash,),
        state=state,
        since=police.clock.now,
        reason="review",
    )
    changes = ManifestChanges(standing=(entry,))
    police.terms.manifests = police.world.reissue(agency, changes, police.clock.now)
    police.clock.now += HOUR


def test_an_addressee_that_left_does_not_hold_the_event_back(police: MemoryAgency) -> None:
    stop(police, COUNCIL, "left")
    with police.store.transaction() as tx, police.publisher.accepting(tx) as acceptance:
        event_id = acceptance.publish(police.event(to=(COUNCIL, SUPPORT)), police.clock.now)
        assert acceptance.not_sealed == ((COUNCIL, "contract_left"),)
    with police.store.reading() as tx:
        (row,) = tx.outbox.pending(10)
        assert row.event_id == event_id
        assert len(parse_value(row.value or b"").recipients) == 1
        (entry,) = [parse_log_entry(row.entry) for row in tx.disclosures.read(0, 10)]
    assert entry.not_sealed == {COUNCIL: "contract_left"}
    assert {one for share in entry.shares for one in share.recipients} == {SUPPORT}


def test_an_event_is_refused_only_if_no_addressee_is_left(police: MemoryAgency) -> None:
    stop(police, COUNCIL, "left")
    with pytest.raises(EventError) as refused:
        police.publish(police.event(to=(COUNCIL,)))
    assert refused.value.code == "contract_left"
    assert police.publish(police.event(to=(SUPPORT,))) is not None


def test_an_event_waits_for_an_addressee_if_no_copy_can_be_kept(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out, the agency would never get the event; refused, the event is offered again."""
    stop(police, COUNCIL, "suspended")
    event = police.event(to=(COUNCIL, SUPPORT))
    monkeypatch.setattr(publishing, "MAX_COPIES_BYTES", 0)
    with pytest.raises(EventError) as refused:
        police.publish(event)
    assert refused.value.code == "suspended"
    with police.store.reading() as tx:
        assert tx.copies.count() == (0, None)


def test_one_addressee_without_a_key_does_not_hold_the_event_back(police: MemoryAgency) -> None:
    """Test 11. The leaves that only the other one may read are left out."""

    def key(agency: str, now: int) -> WrapRecipient:
        if agency == COUNCIL:
            raise RegistryError("no key", code="exchange_key_missing")
        return police.terms.exchange_key(agency, now)

    world = police.world

    def addressees(event_type: str, addressed: Sequence[str], now: int) -> Addressees:
        in_force = police.terms.contract_in_force(event_type, addressed, now)
        return find_addressees(in_force, key, addressed, now)

    sealer = EventSealer(world.deployment, POLICE, police.secret, addressees)
    event = police.event(to=(COUNCIL, SUPPORT))
    sealed = sealer.seal(event, police.clock.now)
    assert [one.as_json() for one in sealed.not_sealed] == [
        {"agency": COUNCIL, "reason": "exchange_key_missing"}
    ]
    alone = sealer.decide(replace(event, recipients=(SUPPORT, COUNCIL)), police.clock.now)
    assert sealed.decision.flat == alone.flat
    readable = policy_for(world.contract, POLICE, (SUPPORT,), MADE).fields
    assert sealed.decision.flat.keys() <= readable.keys()
    with pytest.raises(RegistryError) as missing:
        sealer.seal(police.event(to=(COUNCIL,)), police.clock.now)
    assert missing.value.code == "exchange_key_missing"


def test_an_event_waits_behind_an_earlier_one_for_the_same_agency(police: MemoryAgency) -> None:
    event = police.event(to=(COUNCIL, SUPPORT))
    one = police.sealer().prepare(event, police.clock.now, behind=[COUNCIL, PROSECUTION])
    assert one.not_sealed == ((COUNCIL, "earlier_waits"),)
    assert one.event.recipients == (SUPPORT,)
    all_wait = police.sealer().prepare(event, police.clock.now, behind=[COUNCIL, SUPPORT])
    assert (all_wait.drafts, all_wait.event.recipients) == ((), ())
    assert all_wait.decision.keys.keys() == {COUNCIL, SUPPORT}


def test_a_name_of_no_party_is_still_refused(police: MemoryAgency) -> None:
    stop(police, COUNCIL, "left")
    with pytest.raises(EventError) as refused:
        police.publish(police.event(to=(COUNCIL, SUPPORT, "haven-suport")))
    assert refused.value.code == "party_unknown"


def test_agencies_of_other_versions_are_named_with_the_reason(police: MemoryAgency) -> None:
    in_force = police.terms.contract_in_force(MADE, (COUNCIL,), police.clock.now)
    elsewhere = {"newcomer": "other_version", "former": "not_a_party"}
    known = replace_in_force(in_force, elsewhere)
    agencies = ("former", "newcomer")
    found = find_addressees(known, police.terms.exchange_key, agencies, NOW).not_reached
    assert [tuple(one) for one in found] == [
        ("former", "not_a_party"),
        ("newcomer", "other_version"),
    ]
    assert [one.later for one in found] == [False, True]


def replace_in_force(in_force: ContractInForce, elsewhere: dict[str, str]) -> ContractInForce:
    return ContractInForce(in_force.signed, in_force.departures, elsewhere=elsewhere)


def test_a_critical_incident_goes_first(police: MemoryAgency) -> None:
    police.publish()
    urgent = police.publish(police.event("critical-incident.declared"))
    with police.store.reading() as tx:
        rows = tx.outbox.pending(1)
    assert [row.event_id for row in rows] == [urgent]


# --- referrals ------------------------------------------------------------------------------------


def _change(
    member: MemoryAgency, referral: str, to: tuple[str, ...], **changes: object
) -> str | None:
    fields = {
        "referral_id": referral,
        "version": 2,
        "previous_status": "requested",
        "status": "entered-in-error",
        "reason": "entered_by_mistake",
        **changes,
    }
    event = member.event(CHANGED, to=to, **fields)  # type: ignore[arg-type]  # JSON values
    event.data.pop("business_status", None)
    event.data.pop("reason", None)
    return member.publish(event)


def test_a_change_starts_from_the_version_that_is_held(police: MemoryAgency) -> None:
    made = police.event()
    referral = str(made.data["referral_id"])
    police.publish(made)
    with pytest.raises(EventError) as conflict:
        _change(police, referral, (COUNCIL,), version=3)
    assert conflict.value.code == "version_conflict"
    assert _change(police, referral, (COUNCIL,)) is not None
    with pytest.raises(EventError) as again:
        _change(police, referral, (COUNCIL,))
    assert again.value.code == "version_conflict"


def test_a_change_of_an_unknown_referral_is_refused(police: MemoryAgency) -> None:
    with pytest.raises(EventError) as unknown:
        _change(police, "00000000-0000-4000-8000-000000000000", (COUNCIL,))
    assert unknown.value.code == "referral_unknown"


def test_a_referral_is_made_once(police: MemoryAgency) -> None:
    made = police.event()
    police.publish(made)
    with pytest.raises(EventError) as exists:
        police.publish(made)
    assert exists.value.code == "referral_exists"
    data = {**made.data, "referral_id": str(uuid4())}  # a referral of its own
    assert police.publish(replace(made, data=data))


def test_a_change_that_one_of_two_recipients_conflicts_with_changes_neither(
    police: MemoryAgency,
) -> None:
    made = police.event(to=(COUNCIL, SUPPORT))
    referral = str(made.data["referral_id"])
    police.publish(made)
    _change(police, referral, (SUPPORT,))
    with police.store.transaction() as tx:  # the refusal commits, as the intake's chunk does
        event = police.event(
            CHANGED,
            to=(COUNCIL, SUPPORT),
            referral_id=referral,
            version=2,
            previous_status="requested",
            status="entered-in-error",
        )
        event.data.pop("business_status", None)
        event.data.pop("reason", None)
        with pytest.raises(EventError):
            police.publisher.publish(tx, event, police.clock.now)
    with police.store.reading() as tx:
        council = tx.referrals.get(key(referral, COUNCIL))
        assert council is not None
        assert (council.status, council.version) == ("requested", 1)


def test_urgent_referrals_are_due_sooner(police: MemoryAgency) -> None:
    routine = police.event(urgency="routine")
    urgent = police.event(urgency="urgent")
    due = []
    for event in (routine, urgent):
        police.publish(event)
        with police.store.reading() as tx:
            row = tx.referrals.get(key(str(event.data["referral_id"]), COUNCIL))
        assert row is not None
        assert row.acknowledge_by_ms is not None
        due.append(row.acknowledge_by_ms)
    assert due[1] < due[0]
    assert MADE in police.world.contract.event_types
