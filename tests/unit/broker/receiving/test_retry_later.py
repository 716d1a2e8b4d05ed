"""Waiting: what time or news may cure holds its sender's place, for no longer than it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.keys.issuing import ManifestChanges, listed_key
from broker.receiving.retry_later import DEFER_UNKNOWN_MS
from broker.record import Record
from broker.registry.contracts import SignedContract
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    MADE,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    TODAY,
)
from tests.support.memory_agency import Clock, MemoryAgency, at_offsets, ids
from tests.support.sent_records import Log, signed_record

_NUMBERS = iter(range(1, 2**32))


def value(signed: SignedContract | None = None, source: str = POLICE) -> bytes:
    """One sealed referral of its own."""
    referral = f"{next(_NUMBERS):08x}-0000-4000-8000-000000000000"
    return draft_event(MADE, source, (COUNCIL,), signed=signed, referral_id=referral).value()


def forged(member: MemoryAgency, at: int = NOW) -> Record:
    """Anybody's record with a key that nobody knows, under the police's name."""
    stranger = member.world.cosigner(SUPPORT, name=member.participant.deployment + "/" + POLICE)
    return signed_record(b"noise", signer=stranger, at=at)


def taken(member: MemoryAgency, records: Sequence[Record]) -> list[str]:
    return [event.id for event in member.take(records).opened]


# --- early ----------------------------------------------------------------------------------------


def test_an_early_record_holds_the_start_and_is_taken_in_its_time(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    ahead = clock.now + 6 * MINUTE
    records = at_offsets([*log.send(value(), at=ahead), *log.send(value(), at=ahead)])
    other = at_offsets(Log(SUPPORT).send(value(source=SUPPORT)), 2)
    batch = council.take([*records, *other])
    assert batch.deferred == [(POLICE, "early")]
    assert [event.source for event in batch.opened] == [SUPPORT]
    assert council.state(POLICE, records[0]) is None
    assert council.position(records[0]) == 0
    clock.pass_(MINUTE)
    batch = council.take([*records, *other])
    assert [event.id for event in batch.opened] == ids(records)
    assert (batch.repeats, batch.gaps) == (1, [])
    assert council.position(records[0]) == 3


def test_nothing_that_would_be_a_gap_is_taken_while_a_record_waits(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    first = log.send(value())
    early = log.copy()
    hidden = early.send(value(), at=clock.now + 6 * MINUTE)
    early.now = clock.now
    records = at_offsets([*first, *hidden])
    council.take(records)
    assert council.position(records[0]) == 1
    later = at_offsets(early.send(value(), at=clock.now + 6 * MINUTE), 2)
    clock.pass_(30 * SECOND)  # still early
    batch = council.take(later)
    assert (batch.opened, batch.gaps) == ([], [])
    clock.pass_(30 * SECOND)
    batch = council.take(later)  # it would be a jump: the one before it is waited for
    assert (batch.opened, batch.gaps, batch.alarms) == ([], [], [])
    assert council.position(records[0]) == 1
    batch = council.take([records[1], *later])
    assert (len(batch.opened), batch.gaps) == (2, [])


def test_a_new_generation_is_not_taken_while_a_record_waits(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    first = log.send(value())
    early = log.copy().send(value(), at=clock.now + 6 * MINUTE)
    other = log.copy()
    other.now += SECOND
    other.restart()
    records = at_offsets([*first, *early, *other.send(value())])
    batch = council.take(records)
    assert (len(batch.opened), batch.deferred) == (1, [(POLICE, "early")])
    assert council.position(records[0]) == 1


def test_waiting_is_told_once(council: MemoryAgency, log: Log, clock: Clock) -> None:
    records = at_offsets(log.send(value(), at=clock.now + 6 * MINUTE))
    assert council.take(records).deferred == [(POLICE, "early")]
    assert council.take(records).deferred == []


def test_records_after_a_waiting_record_are_judged_with_it(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    """Its ten minutes are over, but who knows what the clock brings before it is read again."""
    noise = replace(forged(council), offset=0)
    council.take([noise])
    clock.pass_(DEFER_UNKNOWN_MS + 1)
    council.take([noise])
    early = at_offsets(log.send(value(), at=clock.now + 6 * MINUTE), 1)
    batch = council.take([*early, replace(noise, offset=2)])
    assert (batch.deferred, batch.refused) == ([(POLICE, "early")], [])


def test_records_that_continue_the_stream_are_taken_while_others_wait(
    council: MemoryAgency, log: Log
) -> None:
    first = log.send(value())
    noise = forged(council)
    second = log.send(value())
    records = at_offsets([*first, noise, *second])
    batch = council.take(records)
    assert len(batch.opened) == 2  # start, then next
    assert batch.deferred == [(POLICE, "key_unknown")]
    assert council.position(records[0]) == 1


# --- keys and manifests ---------------------------------------------------------------------------


def test_an_unknown_key_is_waited_for_ten_minutes_in_all(
    council: MemoryAgency, clock: Clock
) -> None:
    """An outsider who forges a record every minute holds a sender for ten minutes, not for ever."""
    records: list[Record] = []
    positions = []
    for minute in range(30):
        records.append(replace(forged(council, clock.now), offset=minute))
        council.take(records[council.position(records[0]) or 0 :])
        positions.append(council.position(records[0]))
        clock.pass_(MINUTE)
    assert positions == [0] * 11 + list(range(12, 31))
    assert DEFER_UNKNOWN_MS == 10 * MINUTE


def test_after_ten_minutes_the_sender_goes_on(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    noise = replace(forged(council), offset=0)
    honest = at_offsets(log.send(value(), value()), 1)
    assert council.take([noise, *honest]).opened == []  # a start would pass over what waits
    clock.pass_(DEFER_UNKNOWN_MS)
    assert council.take([noise, *honest]).opened == []
    clock.pass_(1)
    batch = council.take([noise, *honest])
    assert len(batch.opened) == 2
    assert [code for _, _, _, code in batch.refused] == ["key_unknown"]
    assert council.position(noise) == 3
    with council.store.reading() as tx:
        assert tx.quarantine.count() == 0
        assert [row.code for row in tx.quarantine.unauthenticated()] == ["key_unknown"]


def test_the_record_of_an_unknown_key_delays_no_sender(council: MemoryAgency, log: Log) -> None:
    world = council.world
    origin = f"{world.deployment}/nobody-here/{world.topic()}/0/{'0' * 16}-{'0' * 32}"
    stranger = signed_record(b"x", origin=origin, before=[b"w"])
    records = at_offsets([stranger, *log.send(value())])
    batch = council.take(records)
    assert (len(batch.opened), batch.deferred) == (1, [])
    assert council.position(records[0]) == 2


def _new_key_record(member: MemoryAgency, now: int) -> tuple[Record, ManifestChanges]:
    """A record under a stream key that the next manifest will list."""
    ring = member.world.participants[POLICE].keyring
    old = member.world.stream_key(POLICE)
    entry = ring.create("stream", "ed25519", not_before=now, not_after=now + 30 * DAY)
    listed = listed_key(entry, ring, deployment=member.world.deployment, agency=POLICE)
    changes = ManifestChanges(add_keys=(listed,), end_keys={old.kid: now})
    from broker.statements.authorship import cosigner

    signer = cosigner(member.world.participants[POLICE].key_name, ring.signer(entry.kid))
    return signed_record(value(), signer=signer, at=now), changes


def test_news_of_the_sender_ends_the_waiting(council: MemoryAgency, clock: Clock) -> None:
    clock.pass_(MINUTE)
    record, changes = _new_key_record(council, clock.now)
    one = replace(record, offset=0)
    assert council.take([one]).deferred == [(POLICE, "key_unknown")]
    manifests = council.world.reissue(POLICE, changes, clock.now)
    council.believe(council.contracts, manifests)
    batch = council.take([one])
    assert len(batch.opened) == 1
    assert council.position(one) == 1
    with council.store.reading() as tx:
        assert tx.reader.all_deferred() == []


def test_a_record_found_to_be_forged_delays_no_sender_any_longer(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    """Under a signature that is early and genuine, a value that was never in the log."""
    (early,) = log.copy().send(value(), at=clock.now + 6 * MINUTE)
    forged_ = replace(early, value=b"another value", offset=0)
    assert council.take([forged_]).deferred == [(POLICE, "early")]
    clock.pass_(MINUTE)
    honest = at_offsets(log.send(value()), 1)
    batch = council.take([forged_, *honest])
    assert [code for _, _, _, code in batch.refused] == ["not_included"]
    assert len(batch.opened) == 1
    assert council.position(forged_) == 2


def test_news_of_the_sender_gives_another_ten_minutes(council: MemoryAgency, clock: Clock) -> None:
    noise = replace(forged(council), offset=0)
    council.take([noise])
    clock.pass_(DEFER_UNKNOWN_MS + 1)
    council.take([noise])
    assert council.position(noise) == 1
    council.believe(council.contracts, council.world.reissue(POLICE, ManifestChanges(), clock.now))
    batch = council.take([replace(noise, offset=1)])
    assert batch.deferred == [(POLICE, "key_unknown")]


def test_a_manifest_that_expired_is_waited_for_as_long_as_it_takes(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    clock.pass_(31 * DAY)
    record = at_offsets(log.send(value(), at=clock.now))
    assert council.take(record).deferred == [(POLICE, "manifest_expired")]
    clock.pass_(2 * DAY)
    council.take(record)
    assert council.position(record[0]) == 0
    renewed = council.world.reissue(POLICE, ManifestChanges(), NOW + 29 * DAY)
    council.believe(council.contracts, renewed)
    batch = council.take(record)
    assert (len(batch.opened), batch.not_addressed, batch.refused) == (1, 0, [])


# --- contracts ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def newer() -> SignedContract:
    from tests.support.founded_partnership import founded

    return founded().another_contract(ends=TODAY + timedelta(days=100))


def test_a_contract_that_arrives_in_time_opens_what_waited(
    council: MemoryAgency, log: Log, clock: Clock, newer: SignedContract
) -> None:
    records = at_offsets([*log.send(value()), *log.send(value(newer)), *log.send(value())])
    batch = council.take(records)
    assert (len(batch.opened), batch.deferred) == (1, [(POLICE, "contract_unknown")])
    assert council.position(records[0]) == 1
    clock.pass_(MINUTE)
    council.believe(council.world.book(COUNCIL, newer), council.manifests)
    batch = council.take(records[1:])
    assert (len(batch.opened), batch.gaps) == (2, [])


def test_another_contract_gives_another_ten_minutes(
    council: MemoryAgency, log: Log, clock: Clock, newer: SignedContract
) -> None:
    third = council.world.another_contract(ends=TODAY + timedelta(days=50))
    records = at_offsets([*log.send(value()), *log.send(value(newer)), *log.send(value(third))])
    council.take(records[:2])
    clock.pass_(DEFER_UNKNOWN_MS + 1)
    council.take(records[1:2])
    assert council.position(records[0]) == 2
    council.believe(council.world.book(COUNCIL, newer), council.manifests)
    assert council.take(records[2:]).deferred == [(POLICE, "contract_unknown")]


def test_after_ten_minutes_an_unknown_contract_is_quarantined_in_its_place(
    council: MemoryAgency, log: Log, clock: Clock, newer: SignedContract
) -> None:
    records = at_offsets([*log.send(value()), *log.send(value(newer)), *log.send(value())])
    council.take(records)
    clock.pass_(DEFER_UNKNOWN_MS + 1)
    batch = council.take(records[1:])
    assert [(i, s, c) for _, i, s, c in batch.refused] == [(1, 6, "contract_unknown")]
    assert (len(batch.opened), batch.gaps, batch.alarms) == (1, [], [])
    with council.store.reading() as tx:
        assert tx.quarantine.count(POLICE) == 1
    assert council.position(records[0]) == 3


# --- holds that meet ------------------------------------------------------------------------------


def test_the_earliest_of_two_senders_who_wait_is_the_position(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    ahead = clock.now + 6 * MINUTE
    theirs = Log(SUPPORT).send(value(source=SUPPORT), at=ahead)
    records = at_offsets([*theirs, *log.send(value(), at=ahead)])
    batch = council.take(records)
    assert sorted(batch.deferred) == [(POLICE, "early"), (SUPPORT, "early")]
    assert council.position(records[0]) == 0
    clock.pass_(2 * MINUTE)
    council.take(records[:1])
    assert council.position(records[0]) == 1
    council.take(records[1:])
    assert council.position(records[0]) == 2


def test_an_earlier_record_of_the_same_sender_moves_the_hold_back(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    ahead = clock.now + 6 * MINUTE
    records = at_offsets([*log.send(value(), at=ahead), *log.send(value(), at=ahead)])
    council.take(records[1:])
    assert council.position(records[0]) == 1
    council.take(records[:1])
    assert council.position(records[0]) == 0


def test_a_sender_who_is_stopped_while_it_waits_stays_stopped_there(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    first = log.send(value())
    fork = log.copy()
    honest = log.send(value())
    waits = log.copy().send(value(), at=clock.now + 6 * MINUTE)
    forged_ = fork.send(value())
    records = at_offsets([*first, *honest, *waits, *forged_])
    batch = council.take(records)
    assert batch.deferred == [(POLICE, "early")]
    assert (POLICE, "equivocation") in batch.alarms
    assert council.position(records[0]) == 2
    clock.pass_(2 * MINUTE)
    batch = council.take(records[2:])
    assert batch.opened == []
    assert council.position(records[0]) == 2  # until an operator releases the sender
    with council.store.reading() as tx:
        assert [row.reason for row in tx.reader.all_deferred()] == ["equivocation"]


def test_a_stopped_sender_delays_no_sender_that_waited_at_its_place(
    council: MemoryAgency, log: Log, clock: Clock
) -> None:
    """The topic was made anew, or the host shows another record at the same offset."""
    first = log.send(value())
    fork = log.copy()
    police = at_offsets([*first, *log.send(value()), *fork.send(value())])
    assert (POLICE, "equivocation") in council.take(police).alarms
    early = Log(SUPPORT).send(value(source=SUPPORT), at=clock.now + 6 * MINUTE)
    assert council.take(at_offsets(early, 2)).deferred == [(SUPPORT, "early")]
    honest = at_offsets(Log(SUPPORT).send(value(source=SUPPORT), value(source=SUPPORT)), 3)
    batch = council.take([police[2], *honest])
    assert [event.id for event in batch.opened] == ids(honest)
    with council.store.reading() as tx:
        waiting = [(row.agency, row.reason) for row in tx.reader.all_deferred()]
    assert waiting == [(POLICE, "equivocation")]  # until an operator releases that one
