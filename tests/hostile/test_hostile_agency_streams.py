"""A malicious party with valid keys: its keys, its times and games with its own sequence.

Events beyond its contract are in ``test_hostile_agency.py``. Here too, records go through real
receiving, and manifests through real control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker.envelope.primitives import sha256
from broker.judging.continuity import MAX_GAPS
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ED25519, EXCHANGE, STREAM, XWING, kid
from broker.keys.manifest import ManifestKey, Revocation, manifest_text
from broker.record import CONTENT_TYPE_HEADER, RECEIPT_CONTENT_TYPE, KafkaPartition, Record
from broker.statements.receipts import format_receipt
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.generation_links import GenerationLink
from broker.tlog.merkle import leaf_hash
from broker.tlog.note import format_note, sign_note
from broker.tlog.proof import format_proof
from tests.hostile.town import manifest_record
from tests.hostile.witness import Witness, goes_on, honest
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    SECOND,
    SUPPORT,
    FoundedPartnership,
    founded,
)
from tests.support.sent_records import Log, generation, record, signed_record


@pytest.fixture
def world() -> FoundedPartnership:
    return founded()


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Witness]:
    witness = Witness(COUNCIL, tmp_path / "parties")
    yield witness
    witness.close()


@pytest.fixture
def log() -> Log:
    return Log()


def noise_only(reader: Witness, record: Record, step: int, code: str, *, now: int = NOW) -> None:
    """Refused before it has a place: a line in the log and in the noise, and nothing is kept."""
    before = len(reader.noise())
    batch = reader.take(record, now=now)
    assert [(s, c) for _, _, s, c in batch.refused] == [(step, code)]
    assert (batch.opened, batch.changed, reader.quarantined()) == ([], set(), [])
    assert reader.noise()[0] == code
    assert len(reader.noise()) == before + 1
    line = reader.lines("record_refused")[-1]
    assert (line["step"], line["code"], line["records"]) == (step, code, 1)


# --- keys -----------------------------------------------------------------------------------------


def _signed_by_the_agency(
    world: FoundedPartnership, change: Callable[[ManifestKey], ManifestKey]
) -> Record:
    """A manifest that its agency did sign, with one key changed."""
    newest = world.manifests.newest(SUPPORT)
    assert newest is not None
    keys = tuple(change(key) for key in newest.keys)
    manifest = newest.model_copy(update={"version": newest.version + 1, "keys": keys})
    signer = world.manifest_signers[SUPPORT]
    note = format_note(sign_note(manifest_text(manifest), signer.note_signers()))
    raw = signer.delegation.raw + note
    return manifest_record(raw, SUPPORT)


def _with_public(role: str, algorithm: str, public: bytes) -> Callable[[ManifestKey], ManifestKey]:
    def change(key: ManifestKey) -> ManifestKey:
        if (key.role, key.algorithm) != (role, algorithm):
            return key
        name = kid(role, algorithm, public)
        return key.model_copy(update={"public": public, "kid": name})

    return change


@pytest.mark.parametrize("y", [0, 1, 2**255 - 20])
def test_a_signing_key_of_small_order_is_not_enrolled(
    council: Witness, world: FoundedPartnership, y: int
) -> None:
    """Under such a key one signature verifies many messages."""
    public = y.to_bytes(32, "little")
    record = _signed_by_the_agency(world, _with_public(STREAM, ED25519, public))
    before = council.control.manifests
    assert council.hear(record).rejected == ["key_small_order"]
    assert council.control.manifests is before
    log = Log(SUPPORT)
    assert len(council.take(*log.send(honest(SUPPORT))).opened) == 1  # what it has goes on
    goes_on(council, log)


def test_an_exchange_key_of_small_order_is_not_enrolled(
    council: Witness, world: FoundedPartnership
) -> None:
    public = world.manifests.exchange_key(SUPPORT, NOW).public
    bad = public[:-32] + bytes(32)
    record = _signed_by_the_agency(world, _with_public(EXCHANGE, XWING, bad))
    assert council.hear(record).rejected == ["key_small_order"]
    assert len(council.control.manifests.history(SUPPORT)) == 1


def test_anothers_key_is_not_enrolled(council: Witness, world: FoundedPartnership) -> None:
    """An agency that lists another's public key cannot prove possession of it."""
    theirs = world.manifests.newest(POLICE)
    assert theirs is not None
    public = theirs.keys_of(STREAM, ED25519)[0].public
    record = _signed_by_the_agency(world, _with_public(STREAM, ED25519, public))
    assert council.hear(record).rejected == ["possession_invalid"]
    assert len(council.control.manifests.history(SUPPORT)) == 1


def _withdraw(reader: Witness, world: FoundedPartnership, since: int, now: int) -> None:
    key = world.stream_key(POLICE).kid
    changes = ManifestChanges(revocations=(Revocation(kid=key, since=since, reason="lost"),))
    reader.clock.now = now
    issued = world.newer_manifest(POLICE, changes, now)
    assert not reader.hear(manifest_record(issued.raw, POLICE)).rejected


def test_a_record_signed_by_a_withdrawn_key_is_not_believed(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    assert len(council.take(log.send_one(honest())).opened) == 1
    _withdraw(council, world, NOW + HOUR, NOW + 2 * HOUR)
    for dated in (NOW + MINUTE, NOW + 3 * HOUR):  # whatever time it names
        one = log.copy().send_one(honest(), dated)
        noise_only(council, one, 2, "key_revoked", now=NOW + 3 * HOUR)
    other = Log(SUPPORT)
    theirs = other.send_one(honest(SUPPORT), NOW + 3 * HOUR)
    assert len(council.take(theirs, now=NOW + 3 * HOUR).opened) == 1


def test_a_record_of_a_withdrawn_key_is_believed_if_an_earlier_receipt_covers_it(
    council: Witness, world: FoundedPartnership, log: Log
) -> None:
    one = log.send_one(honest())
    assert log.newest is not None
    origin = Origin(world.deployment, POLICE, log.topic, log.partition, log.newest.name)
    cosigner = world.receipt_cosigner(SUPPORT)
    receipt = format_receipt(origin, 1, log.newest.root, cosigner, NOW // SECOND + 60)
    headers = ((CONTENT_TYPE_HEADER, RECEIPT_CONTENT_TYPE),)
    council.clock.now = NOW + 2 * MINUTE
    assert council.hear(Record(council.topics.receipts, 0, headers, receipt)).rejected == []
    _withdraw(council, world, NOW + HOUR, NOW + 2 * HOUR)
    assert len(council.take(one, now=NOW + 3 * HOUR).opened) == 1
    goes_on(council, log)


def test_a_key_whose_time_is_over_signs_nothing_more(council: Witness, log: Log) -> None:
    late = log.send_one(honest(), NOW + 95 * DAY)
    noise_only(council, late, 2, "key_not_valid", now=NOW + 95 * DAY)


def test_another_agencys_name_over_its_own_key_is_not_believed(
    council: Witness, world: FoundedPartnership
) -> None:
    """Until it is over, it holds the agency whose name is used, for ten minutes at most."""
    name = generation(agency=SUPPORT)
    origin = Origin(world.deployment, SUPPORT, world.topic(), 0, name).format()
    posing = signed_record(honest(SUPPORT), origin=origin, signer=world.cosigner(POLICE))
    batch = council.take(posing)
    assert (batch.opened, batch.deferred) == ([], [(SUPPORT, "key_unknown")])
    council._offsets[world.topic(), 0] = 0
    noise_only(council, posing, 2, "key_unknown", now=NOW + 11 * MINUTE)
    assert council.waits() == []


# --- times ----------------------------------------------------------------------------------------


def test_a_log_time_before_the_last_one_is_refused_and_moves_nothing(
    council: Witness, log: Log
) -> None:
    log.restart()  # at NOW, so that only the record before it is against the one back-dated to it
    assert len(council.take(log.send_one(honest(), NOW + HOUR), now=NOW + HOUR).opened) == 1
    back = log.copy()
    assert back.newest is not None
    back.newest = replace(back.newest, log_time_s=0)  # an honest log would not let it fall
    noise_only(council, back.send_one(honest(), NOW), 4, "log_time_fell", now=NOW + HOUR)
    assert len(council.take(log.send_one(honest(), NOW + HOUR), now=NOW + HOUR).opened) == 1
    goes_on(council, log)


def test_a_log_time_before_its_key_is_refused(council: Witness) -> None:
    back_dated = signed_record(honest(), at=NOW - HOUR)
    noise_only(council, back_dated, 2, "key_not_valid")


def test_a_back_dated_event_shows_when_it_was_logged(council: Witness, log: Log) -> None:
    """An event's own time is its sender's word; beside it stands the log's, which cannot fall."""
    back_dated = replace(draft_event(to=(COUNCIL,)), time=NOW - 30 * DAY)
    (event,) = council.take(log.send_one(back_dated.value())).opened
    assert event.time == "2026-01-31T12:00:00.000Z"
    assert event.log_time == NOW // SECOND


def test_a_log_time_ahead_waits_for_it(council: Witness, log: Log) -> None:
    ahead = log.send_one(honest(), NOW + HOUR)
    batch = council.take(ahead)
    assert (batch.opened, batch.deferred) == ([], [(POLICE, "early")])
    council._offsets[log.topic, 0] = 0
    assert len(council.take(ahead, now=NOW + HOUR).opened) == 1
    assert council.waits() == []


# --- its own sequence -----------------------------------------------------------------------------


def test_an_index_left_out_is_a_gap_that_is_told_and_asked_for(council: Witness, log: Log) -> None:
    first, _, third = log.send(honest(), honest(), honest())
    batch = council.take(first, third)
    assert (len(batch.opened), batch.alarms) == (2, [(POLICE, "gap")])
    ((origin, low, high),) = batch.gaps
    assert (origin.agency, low, high) == (POLICE, 1, 1)
    assert [line["code"] for line in council.lines("alarm")] == ["gap"]
    assert [(o.agency, a, b) for o, a, b in council.look().ask_again] == [(POLICE, 1, 1)]


def test_an_index_used_twice_stops_it_with_evidence(council: Witness, log: Log) -> None:
    council.take(log.send_one(honest()))
    fork = log.copy()
    mine, theirs = log.send_one(honest()), fork.send_one(honest())
    batch = council.take(mine, theirs, log.send_one(honest()))
    assert (len(batch.opened), batch.alarms) == (1, [(POLICE, "equivocation")])
    assert [code for _, _, _, code in batch.refused] == ["equivocation", "stream_stopped"]
    ((text_a, text_b),) = council.evidence()
    assert text_a
    assert text_b
    assert text_a != text_b
    assert [line["code"] for line in council.lines("alarm")] == ["equivocation"]
    other, elsewhere = Log(SUPPORT), Log(partition=1)
    assert len(council.take(other.send_one(honest(SUPPORT))).opened) == 1
    assert len(council.take(elsewhere.send_one(honest())).opened) == 1


def test_the_same_records_in_other_batches_stop_it(council: Witness, log: Log) -> None:
    council.take(log.send_one(honest()))
    values, fork = (honest(), honest()), log.copy()
    together = log.send(*values)
    apart = [fork.send_one(value) for value in values]
    council.take(*together)
    batch = council.take(apart[0])
    assert batch.alarms == [(POLICE, "equivocation")]
    assert len(council.evidence()) == 1


def test_going_back_on_what_it_said_is_a_rollback_and_what_lay_above_stays(
    council: Witness, log: Log
) -> None:
    council.take(*log.send(honest()))
    back = log.copy()
    assert len(council.take(*log.send(honest(), honest())).opened) == 2
    back.now += MINUTE
    back.restart()
    batch = council.take(back.send_one(honest(), NOW + MINUTE), now=NOW + MINUTE)
    assert (len(batch.opened), batch.alarms) == (1, [(POLICE, "rollback")])
    assert council.inbox() == 4
    noise_only(council, log.send_one(honest(), NOW + MINUTE), 4, "superseded", now=NOW + MINUTE)
    goes_on(council, back)


def test_a_generation_before_the_one_it_names_is_refused(council: Witness, log: Log) -> None:
    council.take(log.send_one(honest()))
    assert log.newest is not None
    link = GenerationLink(log.newest.name, log.newest.size, log.newest.root, bytes(16))
    origin = Origin(
        founded().deployment, POLICE, log.topic, 0, generation(link, NOW - HOUR)
    ).format()
    earlier = signed_record(honest(), link=link, origin=origin)
    noise_only(council, earlier, 1, "generation_order")
    assert len(council.take(log.send_one(honest())).opened) == 1
    goes_on(council, log)


def test_a_generation_that_names_an_invented_one_is_placed_with_a_permanent_gap(
    council: Witness, log: Log
) -> None:
    """It is asked for what it says that there was, and gets no receipt until it comes."""
    council.take(log.send_one(honest()))
    made_up = GenerationLink(generation(opened=NOW + SECOND), 7, bytes(32), bytes(16))
    link_record = signed_record(
        honest(),
        link=made_up,
        origin=Origin(
            founded().deployment, POLICE, log.topic, 0, generation(made_up, NOW + MINUTE)
        ).format(),
        at=NOW + MINUTE,
    )
    batch = council.take(link_record, now=NOW + MINUTE)
    assert (len(batch.opened), batch.alarms) == (1, [(POLICE, "gap")])
    assert [(low, high) for _, low, high in batch.gaps] == [(0, 6)]


def test_every_second_index_left_out_is_bounded(council: Witness, log: Log) -> None:
    """Its gaps are kept up to a limit; then what would open another is refused."""
    own = draft_event(to=(SUPPORT,)).value()
    records = log.send(*[own] * 512)
    for _ in range(2 * MAX_GAPS // 512):
        records += log.send(*[own] * 512)
    batch = council.take(*records[::2])
    assert len(batch.gaps) == MAX_GAPS
    assert {code for _, _, _, code in batch.refused} == {"gaps_many"}
    assert len(council.take(Log(SUPPORT).send_one(honest(SUPPORT))).opened) == 1


def test_a_number_beyond_all_others_is_one_gap_and_costs_nothing(
    council: Witness, log: Log
) -> None:
    """An index of 2^62 leaves one gap in the reader's state, which is asked for in parts."""
    council.take(log.send_one(honest()))
    assert log.newest is not None
    value, index, left = honest(), 2**62, bytes(31) + b"\1"  # the one perfect subtree before it
    root = sha256(b"\1" + left + leaf_hash(value))
    origin = Origin(founded().deployment, POLICE, log.topic, 0, log.newest.name).format()
    text = signed_checkpoint(
        founded().cosigner(POLICE), NOW // SECOND, Checkpoint(origin, index + 1, root)
    )
    far = record(value, format_proof(index, [left], text), log.topic)
    batch = council.take(far)
    assert (len(batch.opened), batch.alarms) == (1, [(POLICE, "gap")])
    assert [(low, high) for _, low, high in batch.gaps] == [(1, index - 1)]
    after = council.take(log.send_one(honest()))
    assert (len(after.opened), after.alarms) == (1, [])  # what it says next lies in the gap
    state = council.state(POLICE, KafkaPartition(log.topic, 0))
    assert state is not None
    (held,) = state.generations.values()
    assert [(gap.first, gap.last) for gap in held.gaps] == [(2, index - 1)]
