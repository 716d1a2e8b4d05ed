"""Steps 2 to 4: whose signature, under which manifest, and where in the sender's stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.judging import verification
from broker.judging.judgements import Equivocation, NotAddressed, Opened, Unplaced
from broker.judging.verification import MAX_SIGNED_REMEMBERED
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import Revocation
from broker.registry.manifests import ManifestBook
from broker.tlog.checkpoint import Origin, Place
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.judging_agency import Reader
from tests.support.record_parts import FIRST_LINK, as_leaf, link_bytes, proof_of, with_proof
from tests.support.sent_records import Log, generation, signed_record


@pytest.fixture
def value() -> bytes:
    return draft_event().value()


# --- step 2 --------------------------------------------------------------------------------------


def test_an_agency_cannot_put_the_name_of_another_on_its_own_stream(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    theirs = world.cosigner(SUPPORT)
    under_police = signed_record(value, signer=theirs)
    assert council.deferral(under_police) == (2, "key_unknown")


def test_a_key_under_another_agencys_name_is_not_that_agencys(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    theirs = world.cosigner(SUPPORT, name=world.participants[POLICE].key_name)
    assert council.deferral(signed_record(value, signer=theirs)) == (2, "key_unknown")


def test_a_line_that_names_another_signer_is_not_this_keys(
    council: Reader, log: Log, value: bytes
) -> None:
    one = log.send_one(value)
    renamed = proof_of(one).replace(b" pan-london/csu-camden ", b" a/b ")
    assert renamed != proof_of(one)
    assert council.deferral(with_proof(one, renamed)) == (2, "key_unknown")


def test_a_signature_with_a_bit_turned_is_refused(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    signer = world.cosigner(POLICE)

    class Broken:
        public = signer.key.public if hasattr(signer.key, "public") else b""

        def sign(self, message: bytes) -> bytes:
            made = signer.key.sign(message)
            return bytes([made[0] ^ 1]) + made[1:]

    broken = replace(signer, key=Broken())
    assert council.refusal(signed_record(value, signer=broken)) == (2, "signature_wrong")


def test_a_root_that_the_sender_did_not_sign_is_refused(
    council: Reader, log: Log, value: bytes
) -> None:
    """A proof and a checkpoint of one's own under a line that was made for another."""
    line = proof_of(log.send_one(value)).rpartition(b"\n\n")[2]
    forged = signed_record(draft_event().value())
    body = proof_of(forged).rpartition(b"\n\n")[0]
    assert council.refusal(with_proof(forged, body + b"\n\n" + line)) == (2, "signature_wrong")


def test_a_record_dated_before_its_key_began_is_refused(council: Reader, value: bytes) -> None:
    back_dated = signed_record(value, at=NOW - HOUR)
    assert council.refusal(back_dated) == (2, "key_not_valid")


def test_a_record_dated_after_its_key_ended_is_refused(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    ends = NOW + DAY
    kid = world.stream_key(POLICE).kid
    reader = Reader(
        manifests=world.reissue(POLICE, ManifestChanges(end_keys={kid: ends}), NOW + HOUR)
    )
    # the version before listed the key for longer; what was said first stays believable until
    # that manifest's own end, so the newest says no more about the time it covers
    assert reader.take(signed_record(value, at=ends - SECOND), ends).outcome == "opened"
    late = signed_record(value, at=NOW + 95 * DAY)
    assert reader.refusal(late, NOW + 95 * DAY) == (2, "key_not_valid")
    assert council.refusal(late, NOW + 95 * DAY) == (2, "key_not_valid")


def test_a_record_under_a_manifest_that_expired_waits_for_a_newer_one(
    council: Reader, world: FoundedPartnership, log: Log, value: bytes
) -> None:
    later = NOW + 31 * DAY
    one = log.send_one(value, at=later)
    assert council.deferral(one, later) == (2, "manifest_expired")
    renewed = Reader(manifests=world.reissue(POLICE, ManifestChanges(), NOW + 29 * DAY))
    assert renewed.take(one, later).outcome in {"opened", "not_addressed"}


def test_an_expired_manifest_excuses_no_wrong_signature(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    """An outsider who borrows a key id and a time cannot make a reader wait for a manifest."""
    signer = world.cosigner(POLICE)

    class Nobody:
        def sign(self, _message: bytes) -> bytes:
            return bytes(64)

    later = NOW + 31 * DAY
    forged = signed_record(value, signer=replace(signer, key=Nobody()), at=later)
    assert council.refusal(forged, later) == (2, "signature_wrong")


def test_a_log_time_five_minutes_ahead_is_taken_and_more_is_early(
    council: Reader, log: Log, value: bytes
) -> None:
    ahead = log.copy().send_one(value, at=NOW + CLOCK_SKEW_MS)
    assert council.take(ahead, NOW).outcome == "opened"
    early = log.copy().send_one(value, at=NOW + CLOCK_SKEW_MS + SECOND)
    assert Reader().deferral(early, NOW) == (2, "early")
    assert Reader().take(early, NOW + SECOND).outcome == "opened"


@pytest.mark.parametrize("before", [(), (b"x",)])
@pytest.mark.parametrize("opened", [NOW + CLOCK_SKEW_MS + 1, 2**63, 2**64 - 1])
def test_a_generation_that_none_could_follow_is_refused(
    council: Reader, world: FoundedPartnership, value: bytes, opened: int, before: tuple[bytes, ...]
) -> None:
    name = generation(opened=opened)
    origin = Origin(world.deployment, POLICE, world.topic(), 0, name).format()
    extra = None if before else link_bytes(FIRST_LINK)
    record = signed_record(value, origin=origin, before=before, extra=extra)
    assert council.refusal(record) == (2, "generation_ahead")


def test_a_generation_may_be_opened_five_minutes_after_its_log_time(
    council: Reader, world: FoundedPartnership, value: bytes
) -> None:
    name = generation(opened=NOW + CLOCK_SKEW_MS)
    origin = Origin(world.deployment, POLICE, world.topic(), 0, name).format()
    assert council.take(signed_record(value, origin=origin)).outcome == "opened"


def test_five_minutes_of_skew_are_five_minutes() -> None:
    assert CLOCK_SKEW_MS == 5 * MINUTE


def _revoked(world: FoundedPartnership, since: int) -> ManifestBook:
    kid = world.stream_key(POLICE).kid
    changes = ManifestChanges(revocations=(Revocation(kid=kid, since=since, reason="lost"),))
    return world.reissue(POLICE, changes, since + HOUR)


def test_a_record_of_a_revoked_key_is_refused(
    world: FoundedPartnership, log: Log, value: bytes
) -> None:
    reader = Reader(manifests=_revoked(world, NOW + DAY))
    before = log.send_one(value, at=NOW + HOUR)
    assert reader.refusal(before, NOW + 2 * DAY) == (2, "key_revoked")


def test_a_record_covered_by_an_earlier_receipt_is_still_believed(
    world: FoundedPartnership, log: Log, value: bytes
) -> None:
    asked: list[tuple[str, int, int]] = []

    def receipts(*record: object) -> list[tuple[int, bytes]]:
        asked.append(record)  # type: ignore[arg-type]  # as the view passes them
        assert log.newest is not None
        return [(1, log.newest.root)]

    reader = Reader(manifests=_revoked(world, NOW + DAY), receipts=receipts)
    one = log.send_one(value, at=NOW + HOUR)
    assert reader.take(one, NOW + 2 * DAY).outcome == "opened"
    assert log.newest is not None
    origin = f"{log.stream.name}/{log.newest.name}"
    assert asked == [(origin, 0, NOW + DAY)]


def test_a_run_of_leaves_is_covered_once_a_record_of_the_receipt_shows_it(
    world: FoundedPartnership, log: Log
) -> None:
    """Batches under earlier checkpoints wait until one that the receipt itself proves has come."""
    sent = [log.send_one(draft_event().value(), at=NOW + HOUR) for _ in range(3)]
    assert log.newest is not None
    head = (log.newest.size, log.newest.root)
    manifests = _revoked(world, NOW + DAY)
    reader = Reader(manifests=manifests, receipts=lambda *_: [head])
    for one in sent[:2]:
        assert reader.deferral(one, NOW + 2 * DAY) == (2, "receipt_awaited")
    assert not reader.cache.trials.covered_more
    assert reader.take(sent[2], NOW + 2 * DAY).outcome == "opened"
    assert reader.cache.trials.covered_more
    other = Reader(manifests=manifests, receipts=lambda *_: [head])
    other.cache.trials = reader.cache.trials
    for one in sent:  # judged again, in order
        assert other.take(one, NOW + 2 * DAY).outcome == "opened"


def test_a_fork_below_a_receipt_is_dropped_and_asked_for_again(
    world: FoundedPartnership, log: Log
) -> None:
    log.restart()
    fork = log.copy()
    sent = [log.send_one(draft_event().value(), at=NOW + HOUR) for _ in range(2)]
    forged = fork.send_one(draft_event().value(), at=NOW + HOUR)
    assert log.newest is not None
    head = (log.newest.size, log.newest.root)
    reader = Reader(manifests=_revoked(world, NOW + DAY), receipts=lambda *_: [head])
    assert reader.deferral(forged, NOW + 2 * DAY) == (2, "receipt_awaited")
    assert reader.take(sent[1], NOW + 2 * DAY).outcome == "opened"
    origin = f"{log.stream.name}/{log.newest.name}"
    assert reader.cache.trials.folded_elsewhere == [(origin, 0, 0)]
    assert not reader.cache.trials.covered_more
    assert reader.deferral(forged, NOW + 2 * DAY) == (2, "receipt_awaited")


def test_a_checkpoint_is_verified_once_and_the_memory_is_bounded(
    council: Reader, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[object] = []
    real = verification.verify_cosignature

    def counting(*arguments: object) -> None:
        verified.append(arguments)
        real(*arguments)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(verification, "verify_cosignature", counting)
    for one in log.send(*(draft_event().value() for _ in range(3))):
        council.take(one)
    assert len(verified) == 1
    council.cache.signed.clear()
    council.cache.signed.update(b"%d" % n for n in range(MAX_SIGNED_REMEMBERED))
    council.take(log.send_one(draft_event().value()))
    assert len(council.cache.signed) == 1
    council.cache.signed.clear()
    council.cache.signed.update(b"%d" % n for n in range(MAX_SIGNED_REMEMBERED - 1))
    council.take(log.send_one(draft_event().value()))
    assert len(council.cache.signed) == MAX_SIGNED_REMEMBERED


def test_paths_are_remembered_for_a_bounded_number_of_streams(council: Reader, log: Log) -> None:
    limit = verification.MAX_PATHS_REMEMBERED
    path = None
    for one in log.send(draft_event().value(), draft_event().value()):
        council.take(one)
    (origin,) = council.cache.paths
    path = council.cache.paths[origin]
    council.cache.paths.update({str(n): path for n in range(limit - 1)})
    log.restart()
    council.take(log.send_one(draft_event().value()))
    assert len(council.cache.paths) == 1


# --- step 3 --------------------------------------------------------------------------------------


def test_an_altered_value_is_refused(council: Reader, log: Log, value: bytes) -> None:
    one = log.send_one(value)
    altered = replace(one, value=value[:-1] + bytes([value[-1] ^ 1]))
    assert council.refusal(altered) == (3, "not_included")


def test_a_record_under_its_neighbours_proof_is_refused(council: Reader, log: Log) -> None:
    first, second = log.send(draft_event().value(), draft_event().value())
    assert council.refusal(replace(first, headers=second.headers)) == (3, "not_included")
    assert council.refusal(replace(second, headers=first.headers)) == (3, "not_included")


def test_a_leaf_hash_that_is_another_records_is_refused(council: Reader, log: Log) -> None:
    first, second = log.send(draft_event().value(), draft_event().value())
    wrong = replace(as_leaf(first), value=as_leaf(second).value)
    assert council.refusal(wrong) == (3, "not_included")


def test_a_record_that_failed_moves_nothing(council: Reader, log: Log) -> None:
    first, second = log.send(draft_event().value(), draft_event().value())
    council.refusal(replace(first, value=b"altered"))
    place = Place(POLICE, log.topic, 0)
    assert council.context.state(place) is None
    assert council.take(first).outcome == "opened"
    assert council.take(second).outcome == "opened"


# --- step 4 (every verdict of continuity is tested in test_continuity.py) ------------------------


def test_the_same_record_again_is_a_repeat(council: Reader, log: Log, value: bytes) -> None:
    one = log.send_one(value)
    assert council.take(one).outcome == "opened"
    again = council.take(one)
    assert again.outcome == "repeat"


def test_a_refused_record_again_is_a_repeat_and_not_refused_twice(
    council: Reader, log: Log
) -> None:
    odd = log.send_one(draft_event(urgency="whenever").value())
    assert council.refusal(odd) == (10, "event_invalid")
    assert council.take(odd).outcome == "repeat"


def test_records_before_the_first_record_met_are_not_opened(council: Reader, log: Log) -> None:
    first, second = log.send(draft_event().value(), draft_event().value())
    assert council.take(second).outcome == "opened"
    before = council.take(first)
    assert before.outcome == "before_start"


def test_a_jump_is_opened_and_names_the_gap(council: Reader, log: Log) -> None:
    first, _, _, fourth = log.send(*(draft_event().value() for _ in range(4)))
    council.take(first)
    judgement = council.take(fourth)
    assert isinstance(judgement, Opened)
    assert log.newest is not None
    assert judgement.placement.gap == (log.newest.name, 1, 2)


def test_a_leaf_replay_is_never_a_start(council: Reader, log: Log, value: bytes) -> None:
    assert council.refusal(as_leaf(log.send_one(value))) == (4, "leaf_not_wanted")


def test_the_full_record_is_opened_after_its_leaf(council: Reader, log: Log) -> None:
    first, second, third = log.send(*(draft_event().value() for _ in range(3)))
    council.take(first)
    council.take(third)
    assert council.take(as_leaf(second)).outcome == "leaf"
    assert council.take(second).outcome == "opened"
    assert council.take(second).outcome == "repeat"


def test_a_leaf_after_the_full_record_takes_nothing_away(council: Reader, log: Log) -> None:
    full = log.send_one(draft_event().value())
    assert council.take(full).outcome == "opened"
    assert council.take(as_leaf(full)).outcome == "repeat"
    assert council.take(full).outcome == "repeat"
    assert council.take(full).placement.verdict == "repeat"


def test_a_log_time_that_falls_is_refused(council: Reader, log: Log, value: bytes) -> None:
    council.take(log.send_one(value, at=NOW + MINUTE))
    forked = log.copy()
    assert forked.newest is not None
    forked.newest = replace(forked.newest, log_time_s=0)
    older = forked.send_one(draft_event().value(), at=NOW)
    assert council.refusal(older) == (4, "log_time_fell")


def test_a_fork_is_equivocation_and_stops_the_partition(council: Reader, log: Log) -> None:
    council.take(log.send_one(draft_event().value()))
    fork = log.copy()
    council.take(log.send_one(draft_event().value()))
    judgement = council.take(fork.send_one(draft_event().value()))
    assert isinstance(judgement, Equivocation)  # with the evidence
    assert (judgement.refusal.step, judgement.refusal.code) == (4, "equivocation")
    honest = log.send_one(draft_event().value())
    stopped = council.take(honest)
    assert isinstance(stopped, Unplaced)
    assert stopped.refusal.code == "stream_stopped"


def test_a_stopped_sender_stops_no_other(council: Reader, log: Log) -> None:
    council.take(log.send_one(draft_event().value()))
    fork = log.copy()
    council.take(log.send_one(draft_event().value()))
    assert isinstance(council.take(fork.send_one(draft_event().value())), Equivocation)
    other = Log(SUPPORT).send_one(draft_event(source=SUPPORT, to=(COUNCIL, POLICE)).value())
    assert council.take(other).outcome == "opened"
    elsewhere = Log(partition=1).send_one(draft_event().value())
    assert council.take(elsewhere).outcome == "opened"


def test_own_events_come_back_and_are_not_opened(log: Log, value: bytes) -> None:
    police = Reader(POLICE)
    judgement = police.take(log.send_one(value))
    assert isinstance(judgement, NotAddressed)  # and its place counts


def test_own_events_are_not_missed_when_an_own_key_is_gone(
    world: FoundedPartnership, log: Log, value: bytes
) -> None:
    police = Reader(POLICE, destroyed=[world.exchange_key(POLICE).kid])
    assert police.take(log.send_one(value)).outcome == "not_addressed"
    assert police.take(log.send_one(b"not even a value")).outcome == "not_addressed"


def test_an_agency_that_is_not_addressed_follows_the_stream(log: Log, value: bytes) -> None:
    prosecution = Reader(PROSECUTION)
    assert prosecution.take(log.send_one(value)).outcome == "not_addressed"
    assert prosecution.take(log.send_one(draft_event().value())).outcome == "not_addressed"
