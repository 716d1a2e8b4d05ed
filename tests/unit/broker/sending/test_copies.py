"""Copies: kept for an agency that may return, sent when it does, in order, once; or ended."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from broker import pseudonyms
from broker.audit.query import entries_of_log
from broker.envelope.primitives import lp
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.registry.newest_manifests import Awaited, NamedManifest, named_manifest
from broker.sending import copies
from broker.sending.addressees import NotSealed
from broker.sending.copies import CANCELLED, ERASED, CopyRelease, Kept, cancel, decrypted_copy
from broker.store.rows import CopyRow
from contracts.errors import EventError
from contracts.events import PlainEvent
from tests.support.founded_partnership import CASE, CHANGED, COUNCIL, DAY, HOUR, SUPPORT
from tests.support.memory_agency import MemoryAgency

BOTH = (COUNCIL, SUPPORT)


def suspend(police: MemoryAgency, agency: str = COUNCIL) -> None:
    entry = StandingEntry(
        contract=police.world.contract.name,
        versions=(police.world.signed.hash,),
        state="suspended",
        since=police.clock.now,
        reason="review",
    )
    changes = ManifestChanges(standing=(entry,))
    police.terms.manifests = police.world.reissue(agency, changes, police.clock.now)
    police.clock.pass_(1000)


def resume(police: MemoryAgency, agency: str = COUNCIL) -> None:
    police.terms.manifests = police.world.resume(agency, police.clock.now, police.terms.manifests)
    police.clock.pass_(1000)


def release(police: MemoryAgency) -> CopyRelease:
    return CopyRelease(police.store, police.sealer())


def waiting(police: MemoryAgency) -> list[CopyRow]:
    with police.store.reading() as tx:
        return tx.copies.waiting()


def sent_after_an_hour(police: MemoryAgency) -> int:
    """Times are set in the first look, and an hour later every copy is due."""
    looking = release(police)
    first = looking.look(police.clock.now).sent
    police.clock.pass_(HOUR)
    return first + looking.look(police.clock.now).sent


async def test_suspended_then_resumed_the_copies_arrive_once_and_in_order(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    police.relay.take_lock("test")
    case = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    suspend(police)
    ids = [
        police.publish(police.event(CASE, to=BOTH, case_id=case)),
        police.publish(police.event(CASE, to=BOTH, case_id=case)),
    ]
    await police.relay.round()
    assert release(police).look(police.clock.now).sent == 0
    resume(police)
    ids.append(police.publish(police.event(CASE, to=BOTH, case_id=case)))  # waits behind them
    assert [(row.event_id, row.reason) for row in waiting(police)] == [
        (ids[0], "suspended"),
        (ids[1], "suspended"),
        (ids[2], "earlier_waits"),
    ]
    assert sent_after_an_hour(police) == 3
    assert waiting(police) == []
    ids.append(police.publish(police.event(CASE, to=BOTH, case_id=case)))  # nothing waits now
    await police.relay.round()
    council.believe(council.contracts, police.terms.manifests)
    council.clock.now = police.clock.now
    topic = police.world.topic("b")
    batch = council.take(police.log(topic))
    assert [event.id for event in batch.opened] == ids
    assert [event.to for event in batch.opened] == [(COUNCIL,)] * 3 + [BOTH]
    assert (batch.refused, batch.repeats) == ([], 0)
    assert release(police).look(police.clock.now).sent == 0


def test_an_agency_whose_newest_manifest_is_missing_gets_a_copy_later(
    police: MemoryAgency,
) -> None:
    """The manifest may revoke its key or suspend its part (docs/spec/heartbeats.md)."""
    changes = ManifestChanges()
    manifests = police.world.reissue(COUNCIL, changes, police.clock.now)
    newest = manifests.newest_verified(COUNCIL)
    assert newest is not None
    police.terms.await_manifests({COUNCIL: Awaited(named_manifest(newest), police.clock.now)})
    with police.store.transaction() as tx, police.publisher.accepting(tx) as acceptance:
        acceptance.publish(police.event(CASE, to=BOTH), police.clock.now)
        missing = acceptance.not_sealed
    assert missing == (NotSealed(COUNCIL, "manifest_not_received"),)
    assert [(row.agency, row.reason) for row in waiting(police)] == [
        (COUNCIL, "manifest_not_received")
    ]
    assert sent_after_an_hour(police) == 0
    police.terms.manifests = manifests
    assert sent_after_an_hour(police) == 1
    assert waiting(police) == []


def test_a_copy_without_the_members_that_came_later_is_read(police: MemoryAgency) -> None:
    suspend(police)
    police.publish(police.event(to=BOTH))
    (row,) = waiting(police)
    key, aad = copies._key(police.secret), lp(row.event_id.encode(), row.agency.encode())
    assert row.content is not None
    stored = orjson.loads(key.open(row.content, aad))
    early = {name: stored[name] for name in ("type", "data", "addressed")}
    content = key.seal(orjson.dumps(early), aad)
    kept = decrypted_copy(police.secret, replace(row, content=content))
    assert kept == Kept(kept.event, BOTH, None, makes=False, consents=frozenset())


def test_a_row_for_that_agency_alone_is_accepted_and_holds_up_no_other(
    police: MemoryAgency,
) -> None:
    """An agency that names an invented manifest must not stop exports for a day."""
    now = police.clock.now
    manifests = police.world.reissue(COUNCIL, ManifestChanges(), now)
    newest = manifests.newest_verified(COUNCIL)
    assert newest is not None
    police.terms.await_manifests({COUNCIL: Awaited(named_manifest(newest), now)})
    with police.store.transaction() as tx, police.publisher.accepting(tx) as acceptance:
        alone = acceptance.publish(police.event(CASE, to=(COUNCIL,)), now, source_key=b"row 1")
        assert acceptance.not_sealed == (NotSealed(COUNCIL, "manifest_not_received"),)
        other = acceptance.publish(police.event(CASE, to=(SUPPORT,)), now, source_key=b"row 2")
    with police.store.reading() as tx:
        assert [row.event_id for row in tx.outbox.pending(10)] == [other]
    assert [row.event_id for row in waiting(police)] == [alone]
    police.terms.manifests = manifests
    assert sent_after_an_hour(police) == 1


def test_without_room_for_copies_only_that_row_is_set_aside(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.sending.publishing.MAX_COPIES_BYTES", 0)
    unknown = NamedManifest(9 * police.clock.now, 1, bytes(32))
    police.terms.await_manifests({COUNCIL: Awaited(unknown, police.clock.now)})
    for recipients in ((COUNCIL,), BOTH):
        with pytest.raises(EventError) as refused:
            police.publish(police.event(CASE, to=recipients))
        assert refused.value.code == "manifest_not_received"
    police.publish(police.event(CASE, to=(SUPPORT,)))


def test_an_agency_beside_it_that_is_suspended_waits_too(police: MemoryAgency) -> None:
    suspend(police, SUPPORT)
    unknown = NamedManifest(9 * police.clock.now, 1, bytes(32))
    police.terms.await_manifests({COUNCIL: Awaited(unknown, police.clock.now)})
    police.publish(police.event(CASE, to=BOTH))
    assert {row.agency: row.reason for row in waiting(police)} == {
        COUNCIL: "manifest_not_received",
        SUPPORT: "suspended",
    }


def test_a_waiting_copy_is_encrypted_and_cleared_when_sent(police: MemoryAgency) -> None:
    suspend(police)
    event = police.event(to=BOTH)
    police.publish(event)
    (row,) = waiting(police)
    victim = event.data["victim"]
    assert isinstance(victim, dict)
    name = str(victim["name"]).encode()
    assert name not in (row.content or b"")
    assert name not in police.backup()
    kept = decrypted_copy(police.secret, row)
    assert (kept.event, kept.addressed) == (replace(event, recipients=(COUNCIL,)), BOTH)
    resume(police)
    assert sent_after_an_hour(police) == 1
    assert waiting(police) == []
    with police.store.reading() as tx:
        entries = [placed.entry for placed in entries_of_log(tx)]
        rows = tx.outbox.pending(10)
    assert [entry.not_sealed for entry in entries] == [{COUNCIL: "suspended"}, {}]
    assert entries[0].event_id == entries[1].event_id == row.event_id
    assert {one for share in entries[1].shares for one in share.recipients} == {COUNCIL}
    assert entries[1].record == rows[-1].clear_id == rows[-1].record_id != row.event_id


def test_a_copy_goes_out_at_a_random_time_within_an_hour(
    police: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspend(police)
    for _ in range(3):
        police.publish(police.event(to=BOTH))
    resume(police)
    drawn = iter([50, 10, 30])
    monkeypatch.setattr(copies, "randbelow", lambda span: next(drawn) * span // 60)
    release(police).look(police.clock.now)
    minutes = [((row.due_ms or 0) - police.clock.now) // 60_000 for row in waiting(police)]
    assert minutes == [50, 10, 30]
    suspend(police)
    release(police).look(police.clock.now)
    assert [row.due_ms for row in waiting(police)] == [None] * 3


def test_a_cancelled_referral_cancels_its_changes(police: MemoryAgency) -> None:
    suspend(police)
    made = police.event(to=BOTH)
    police.publish(made)
    change = police.event(
        CHANGED,
        to=BOTH,
        case_id=made.data["case_id"],
        referral_id=made.data["referral_id"],
        version=2,
        previous_status="requested",
        status="entered-in-error",
    )
    for name in ("business_status", "reason"):
        change.data.pop(name, None)
    police.publish(change)
    police.publish(police.event(to=BOTH))
    first, second, other = waiting(police)
    assert [row.type for row in (first, second)] == [made.type, CHANGED]
    with police.store.transaction() as tx:
        entries = cancel(tx, police.secret, [first], CANCELLED, police.clock.now)
    assert [(one.event_id, one.reason, one.recipients) for one in entries] == [
        (first.event_id, "copy_cancelled", (COUNCIL,)),
        (second.event_id, "copy_cancelled", (COUNCIL,)),
    ]
    assert waiting(police) == [other]


def test_an_erased_case_waits_for_no_agency(police: MemoryAgency) -> None:
    suspend(police)
    event = police.event(to=BOTH)
    police.publish(event)
    key = pseudonyms.case_key(police.secret, str(event.data["case_id"]))
    with police.store.transaction() as tx:
        assert ERASED == "copy_erased"
        assert tx.copies.end_case(key, ERASED, police.clock.now) == 1
    assert waiting(police) == []


def test_withdrawn_consent_cancels_what_waits(police: MemoryAgency) -> None:
    suspend(police)
    event = police.event(to=BOTH)
    police.publish(event)
    kept = police.event(to=BOTH)
    police.publish(kept)
    consent = event.data["consent"]
    assert isinstance(consent, dict)
    answers = {**consent, "share_identity": False}
    again = {**police.event(to=BOTH).data, "case_id": event.data["case_id"], "consent": answers}
    police.publish(PlainEvent(event.type, BOTH, again))
    left = waiting(police)
    assert [decrypted_copy(police.secret, row).event.data["case_id"] for row in left] == [
        kept.data["case_id"],
        event.data["case_id"],
    ]
    assert left[1].reason == "suspended"


def test_a_copy_waits_until_the_retention_of_its_type_ends(police: MemoryAgency) -> None:
    suspend(police)
    police.publish(police.event(to=BOTH))
    (row,) = waiting(police)
    stated = police.world.contract.event_types[row.type].retention
    assert stated is not None
    assert row.expires_ms - row.added_ms == stated.kafka_days * DAY
    done = release(police).look(row.expires_ms)
    assert (done.sent, done.ended) == (0, {"copy_expired": 1})
    assert waiting(police) == []
    with police.store.reading() as tx:
        last = [placed.entry for placed in entries_of_log(tx)][-1]
    assert (last.kind, last.reason, last.recipients) == ("refusal", "copy_expired", (COUNCIL,))


def test_an_event_to_an_agency_alone_waits_behind_an_earlier_one(police: MemoryAgency) -> None:
    """It is accepted, and nothing is sealed or logged as shared before its turn."""
    case = "7d0f6a52-93c1-4e8b-a2d4-51c6e09b7f38"
    suspend(police)
    police.publish(police.event(CASE, to=BOTH, case_id=case))
    resume(police)
    alone = police.publish(police.event(CASE, to=(COUNCIL,), case_id=case))
    with police.store.reading() as tx:
        assert alone not in {row.event_id for row in tx.outbox.pending(10)}
        last = [placed.entry for placed in entries_of_log(tx)][-1]
    assert (last.event_id, last.shares, last.not_sealed) == (alone, (), {COUNCIL: "earlier_waits"})
    assert sent_after_an_hour(police) == 2
