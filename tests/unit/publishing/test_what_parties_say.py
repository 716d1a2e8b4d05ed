"""Heartbeats, receipts, notices and news: what is said back, how often, and what is believed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from desk import NOTICE, RECEIPT, Desk, beat, head, origin_of, value
from drafts import draft_event
from office import Clock, Office, at_offsets
from sent_records import Log, as_leaf
from workshop import (
    COUNCIL,
    DAY,
    HOUR,
    MADE,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    Workshop,
)

from broker.agency.participant import load_participant
from broker.control.budgets import (
    NOTICES_HEARD,
    RECEIPTS_HEARD,
    REPLAY_AGAIN_MS,
    REPLAYED_PER_MINUTE,
)
from broker.control.watch import (
    ASK_AGAIN_MS,
    JUDGE_AGAIN_MS,
    MAX_MISSING,
    NEWS_PARTS,
    WITHHELD_AFTER_MS,
)
from broker.errors import TransportError
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import Revocation
from broker.record import Record
from broker.statements.notices import (
    NOTICES_PER_MINUTE,
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
)
from broker.statements.receipts import format_receipt, parse_receipt
from broker.statements.signed_contract import pack_contract
from broker.tlog.checkpoint import Origin
from broker.tlog.note import NoteSigner


@pytest.fixture
def desk(council: Office, world: Workshop, tmp_path: Path) -> Desk:
    return Desk(council, world.directory(COUNCIL, tmp_path))


@pytest.fixture
def world() -> Workshop:
    from workshop import workshop

    return workshop()


@pytest.fixture
def log() -> Log:
    return Log()


# --- heartbeats -----------------------------------------------------------------------------------


def test_a_head_above_what_arrived_alarms_after_ten_seconds_and_asks(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(value(), value(), value()))
    desk.office.take(records[:1])
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 3)))
    assert desk.watch.look().alarms == []
    clock.pass_(WITHHELD_AFTER_MS - 1)
    assert desk.watch.look().alarms == []
    clock.pass_(1)
    found = desk.watch.look()
    assert found.alarms == [(POLICE, "withheld")]
    assert found.ask_again == [(origin_of(log), 1, 2)]
    clock.pass_(ASK_AGAIN_MS - 1)
    assert desk.watch.look().ask_again == []
    clock.pass_(1)
    again = desk.watch.look()
    assert (again.alarms, again.ask_again) == ([], [(origin_of(log), 1, 2)])
    desk.office.take(records[1:])
    assert desk.watch.look().ask_again == []
    assert WITHHELD_AFTER_MS == 10 * SECOND


def test_a_head_that_arrives_within_ten_seconds_is_no_alarm(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(value()))
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 1)))
    clock.pass_(5 * SECOND)
    desk.office.take(records)
    clock.pass_(MINUTE)
    assert [code for _, code in desk.watch.look().alarms] == []


def test_a_stream_of_which_nothing_arrived_is_withheld_whole(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value(), value())
    desk.hear(desk.topics.heartbeats, beat(world, head(log, 2)))
    clock.pass_(WITHHELD_AFTER_MS)
    found = desk.watch.look()
    assert found.alarms == [(POLICE, "withheld")]
    assert found.ask_again == [(origin_of(log), 0, 1)]


def test_what_lies_before_the_start_is_not_asked_for(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value(), value())
    before = head(log, 2)
    clock.pass_(SECOND)
    log.now = clock.now
    log.restart()
    desk.office.take(at_offsets(log.send(value(), value()))[1:])
    desk.hear(desk.topics.heartbeats, beat(world, before, at=clock.now))
    clock.pass_(WITHHELD_AFTER_MS)
    found = desk.watch.look()
    assert "withheld" not in [code for _, code in found.alarms]
    assert before.generation not in [origin.generation for origin, _, _ in found.ask_again]


def test_what_a_successor_has_cut_off_is_not_asked_for(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    desk.office.take(at_offsets(log.send(value(), value())))
    lost = log.copy()  # and never published: the sender goes on from yesterday's database
    lost.send(value(), value())
    clock.pass_(SECOND)
    log.now = clock.now
    log.restart()
    desk.office.take(at_offsets(log.send(value()), 2))
    desk.hear(desk.topics.heartbeats, beat(world, head(lost, 4), at=clock.now))
    clock.pass_(WITHHELD_AFTER_MS)
    found = desk.watch.look()
    assert "withheld" not in [code for _, code in found.alarms]
    assert found.ask_again == []


def test_three_minutes_of_silence_alarm_once_until_it_speaks(
    desk: Desk, world: Workshop, clock: Clock
) -> None:
    for agency in (POLICE, PROSECUTION, SUPPORT):
        desk.hear(desk.topics.heartbeats, beat(world, at=clock.now, agency=agency))
    clock.pass_(3 * MINUTE)
    assert desk.watch.look().alarms == []
    clock.pass_(1)
    assert {code for _, code in desk.watch.look().alarms} == {"silence"}
    assert desk.watch.look().alarms == []
    desk.hear(desk.topics.heartbeats, beat(world, at=clock.now))
    clock.pass_(3 * MINUTE + 1)
    assert desk.watch.look().alarms == [(POLICE, "silence")]


def test_who_never_spoke_is_silent_too(desk: Desk, clock: Clock) -> None:
    assert desk.watch.look().alarms == []
    clock.pass_(3 * MINUTE + 1)
    silent = {agency for agency, code in desk.watch.look().alarms if code == "silence"}
    assert silent == {POLICE, PROSECUTION, SUPPORT}


def test_an_old_heartbeat_again_is_no_news(desk: Desk, world: Workshop, clock: Clock) -> None:
    first = beat(world)
    assert len(desk.hear(desk.topics.heartbeats, first).heartbeats) == 1
    assert desk.hear(desk.topics.heartbeats, first).heartbeats == []
    older = beat(world, at=NOW + 1)
    newer = beat(world, at=NOW + 2)
    assert len(desk.hear(desk.topics.heartbeats, newer, older).heartbeats) == 1


def test_a_heartbeat_ahead_of_the_clock_is_refused(desk: Desk, world: Workshop) -> None:
    early = beat(world, at=NOW + CLOCK_SKEW_MS + 1)
    assert desk.hear(desk.topics.heartbeats, early).rejected == ["early"]
    just = beat(world, at=NOW + CLOCK_SKEW_MS)
    assert desk.hear(desk.topics.heartbeats, just).rejected == []


@pytest.mark.parametrize("generation", ["\x01", "a\n5\n9\n", "", "A", "x" * 4096])
def test_a_head_that_could_not_be_asked_for_is_refused(
    desk: Desk, world: Workshop, log: Log, clock: Clock, generation: str
) -> None:
    log.send(value())
    odd = beat(world, replace(head(log, 1), generation=generation))
    assert desk.hear(desk.topics.heartbeats, odd).rejected == ["heartbeat_malformed"]
    clock.pass_(WITHHELD_AFTER_MS)
    assert desk.watch.look().ask_again == []


def test_heads_that_an_agency_makes_up_are_bounded(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value())
    one = head(log, 1)
    twice = beat(world, one, replace(one, generation="f" + one.generation[1:]))
    assert desk.hear(desk.topics.heartbeats, twice).rejected == ["heartbeat_malformed"]
    many = [replace(one, partition=number) for number in range(MAX_MISSING + 9)]
    assert desk.hear(desk.topics.heartbeats, beat(world, *many)).rejected == []
    clock.pass_(WITHHELD_AFTER_MS)
    assert len(desk.watch.look().ask_again) == MAX_MISSING


# --- receipts -------------------------------------------------------------------------------------


async def test_a_receipt_states_what_is_held_without_a_gap(
    desk: Desk, log: Log, world: Workshop
) -> None:
    records = at_offsets(log.send(value(), value(), value(), value()))
    for taken, receipt in ((records[:1], False), (records[2:], False), (records[1:2], True)):
        desk.notices.changed(desk.office.take(taken).changed)
        await desk.notices.flush()
        assert bool(desk.said()) == receipt
    (one,) = desk.said()
    assert one.value is not None
    signed = parse_receipt(one.value)
    assert signed.checkpoint.origin == origin_of(log).format()
    assert (signed.checkpoint.size, signed.checkpoint.root) == (4, log.newest.root)  # type: ignore[union-attr]  # it was sent
    assert await desk.notices.flush() == 0


async def test_a_receipt_counts_refused_records_and_not_leaves(desk: Desk, log: Log) -> None:
    odd = draft_event(MADE, to=(COUNCIL,), urgency="whenever").value()
    records = at_offsets(log.send(value(), odd, value(), value()))
    mixed = [records[0], records[1], records[3], as_leaf(records[2])]
    desk.notices.changed(desk.office.take(at_offsets(mixed)).changed)
    assert await desk.notices.flush() == 0
    desk.notices.changed(desk.office.take(at_offsets([records[2]], 4)).changed)
    assert await desk.notices.flush() == 1


async def test_no_receipt_inside_a_batch(desk: Desk, log: Log) -> None:
    records = at_offsets(log.send(value(), value()))
    desk.notices.changed(desk.office.take(records[:1]).changed)
    assert await desk.notices.flush() == 0


async def test_a_receipt_that_could_not_be_sent_stays_due(desk: Desk, log: Log) -> None:
    desk.notices.changed(desk.office.take(at_offsets(log.send(value()))).changed)
    desk.office.kafka.up = False
    with pytest.raises(TransportError):
        await desk.notices.flush()
    desk.office.kafka.up = True
    assert await desk.notices.flush() == 1


async def test_a_stream_that_moves_while_receipts_are_sent_is_due_again(
    desk: Desk, log: Log
) -> None:
    desk.notices.changed(desk.office.take(at_offsets(log.send(value()))).changed)
    real = desk.office.transport.send

    async def meanwhile(records: Sequence[Record]) -> list[int]:
        desk.notices.changed(desk.office.take(at_offsets(log.send(value()), 1)).changed)
        return await real(records)

    desk.office.transport.send = meanwhile  # type: ignore[method-assign]  # the stream moves
    assert await desk.notices.flush() == 1
    desk.office.transport.send = real  # type: ignore[method-assign]  # as it was
    assert await desk.notices.flush() == 1
    sizes = [parse_receipt(r.value).checkpoint.size for r in desk.said() if r.value]
    assert sizes == [1, 2]


def _receipt(world: Workshop, log: Log, signer: NoteSigner, at: int = NOW) -> bytes:
    assert log.newest is not None
    return format_receipt(origin_of(log), 1, log.newest.root, signer, at // SECOND)


def test_receipts_of_others_are_verified_and_kept(desk: Desk, log: Log, world: Workshop) -> None:
    log.send(value())
    good = _receipt(world, log, world.receipt_cosigner(SUPPORT))
    stream_key = _receipt(world, log, world.cosigner(SUPPORT))
    posing = _receipt(
        world, log, replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/{COUNCIL}")
    )
    early = _receipt(world, log, world.receipt_cosigner(SUPPORT), NOW - HOUR)
    broken = good[:-6] + (b"AAA=" if not good.endswith(b"AAA=\n") else b"BBB=") + b"\n"
    news = desk.hear(
        desk.topics.receipts, good, stream_key, posing, early, broken, content_type=RECEIPT
    )
    assert news.receipts == 1
    assert set(news.rejected) <= {"key_unknown", "signature_wrong", "receipt_malformed"}
    assert len(news.rejected) == 4


def test_a_receipt_of_an_unrevoked_agency_keeps_what_a_revoked_key_signed_before(
    desk: Desk, log: Log, world: Workshop, clock: Clock
) -> None:

    before = at_offsets(log.send(value()))
    desk.hear(
        desk.topics.receipts,
        _receipt(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND),
        _receipt(world, log, world.receipt_cosigner(PROSECUTION), NOW + DAY),
        content_type=RECEIPT,
    )
    kid = world.stream_key(POLICE).kid
    clock.pass_(DAY)
    for since, believed in ((NOW + SECOND, False), (NOW + SECOND + 1, True)):
        changes = ManifestChanges(revocations=(Revocation(kid=kid, since=since, reason="lost"),))
        desk.office.believe(desk.office.contracts, world.reissue(POLICE, changes, clock.now))
        batch = desk.office.take(before)
        assert bool(batch.opened) == believed
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    changes = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, changes, clock.now, desk.office.trust.manifests)
    desk.office.believe(desk.office.contracts, book)
    again = desk.office.take(before)
    assert [code for _, _, _, code in again.refused] == ["key_revoked"]


def test_nobodys_receipt_speaks_for_its_own_stream(desk: Desk, world: Workshop, log: Log) -> None:
    trust = desk.office.trust
    log.send(value())
    stranger = replace(world.receipt_cosigner(SUPPORT), name=f"{world.deployment}/nobody-here")
    own, theirs, good = (
        _receipt(world, log, signer)
        for signer in (world.receipt_cosigner(POLICE), stranger, world.receipt_cosigner(SUPPORT))
    )
    assert not trust.receipt_believed(own, NOW + SECOND)
    assert not trust.receipt_believed(theirs, NOW + SECOND)
    assert trust.receipt_believed(good, NOW + SECOND)
    assert not trust.receipt_believed(good, NOW), "not of the time from which it would count"
    assert not trust.receipt_believed(b"damaged", NOW + SECOND)


def test_a_revoked_receipt_key_does_not_count_again_once_it_is_listed_no_more(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value())
    receipt = _receipt(world, log, world.receipt_cosigner(SUPPORT), NOW + SECOND)
    theirs = world.participants[SUPPORT].receipt_signer(NOW).kid
    clock.pass_(DAY)
    revoked = ManifestChanges(revocations=(Revocation(kid=theirs, since=NOW, reason="lost"),))
    book = world.reissue(SUPPORT, revoked, clock.now)
    dropped = ManifestChanges(drop_keys=frozenset({theirs}))
    book = world.reissue(SUPPORT, dropped, clock.now + MINUTE, book)
    desk.office.believe(desk.office.contracts, book)
    assert not desk.office.trust.receipt_believed(receipt, NOW + DAY)


# --- notices --------------------------------------------------------------------------------------


async def test_notices_are_limited_to_so_many_a_minute_and_sender(
    desk: Desk, log: Log, clock: Clock
) -> None:
    log.send(value())
    theirs = replace(origin_of(log), agency=SUPPORT)
    for index in range(100):
        desk.notices.refused(origin_of(log), index)
    desk.notices.refused(theirs, 0)
    assert await desk.notices.flush() == NOTICES_PER_MINUTE + 1
    desk.notices.refused(origin_of(log), 200)
    assert await desk.notices.flush() == 0
    clock.pass_(MINUTE)
    desk.notices.refused(origin_of(log), 200)
    desk.notices.refused(origin_of(log), 200)
    assert await desk.notices.flush() == 1


async def test_a_notice_names_a_stream_and_an_index_and_nothing_else(desk: Desk, log: Log) -> None:
    log.send(value())
    desk.notices.refused(origin_of(log), 7)
    desk.notices.gap(origin_of(log), 3, 2**40)
    await desk.notices.flush()
    texts = [r.value.partition(b"\n\n")[0] for r in desk.said() if r.value]
    name = origin_of(log).format().encode()
    assert texts == [
        b"concordant.refusal/v1\n" + name + b"\n7\n7",
        b"concordant.replay/v1\n" + name + b"\n3\n%d" % (3 + 2**20 - 1),
    ]


def test_a_notice_is_never_answered(desk: Desk, world: Workshop) -> None:
    """Whatever arrives on that topic, nothing is said because of it."""
    mine = Origin(world.deployment, COUNCIL, world.topic(), 0, "0" * 16 + "-" + "0" * 32)
    signer = world.author(POLICE, receipts=True)
    refusal = format_notice(Notice(REFUSAL_HEADING, mine, 4, 4), signer)
    news = desk.hear(desk.topics.receipts, refusal, b"noise", content_type=NOTICE)
    assert [(who, one.first) for who, one in news.refusals] == [(POLICE, 4)]
    assert news.rejected == ["note_malformed"]
    assert desk.notices._notices == []


def test_a_notice_for_another_agency_is_not_mine(desk: Desk, log: Log, world: Workshop) -> None:
    log.send(value())
    asked = Notice(REPLAY_HEADING, origin_of(log), 0, 1)
    signer = world.author(SUPPORT, receipts=True)
    news = desk.hear(desk.topics.receipts, format_notice(asked, signer), content_type=NOTICE)
    assert (news.replays, news.refusals, news.rejected) == ([], [], [])


def test_a_request_that_no_party_signed_is_refused(desk: Desk, world: Workshop) -> None:
    mine = Origin(world.deployment, COUNCIL, world.topic(), 0, "0" * 16 + "-" + "0" * 32)
    asked = Notice(REPLAY_HEADING, mine, 0, 1)
    stream_key = format_notice(asked, world.author(POLICE))
    posing = format_notice(
        asked,
        replace(world.author(SUPPORT, receipts=True), name=f"{world.deployment}/{POLICE}"),
    )
    good = format_notice(asked, world.author(POLICE, receipts=True))
    news = desk.hear(desk.topics.receipts, stream_key, posing, good, content_type=NOTICE)
    assert news.rejected == ["key_unknown", "key_unknown"]
    assert news.replays == [asked]


# --- news of manifests and contracts --------------------------------------------------------------


def test_a_newer_manifest_is_taken_stored_and_stays(
    desk: Desk, world: Workshop, tmp_path: Path
) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW + HOUR)
    desk.office.clock.pass_(HOUR)
    known = desk.control.manifests
    desk.hear(desk.topics.manifests, issued.raw)
    taken = desk.control.manifests
    assert taken is not known
    desk.hear(desk.topics.manifests, issued.raw)
    assert desk.control.manifests is taken
    again = load_participant(tmp_path / COUNCIL, NOW + HOUR)
    newest = again.manifests.newest(POLICE)
    assert newest is not None
    assert newest.version == 2


def test_a_stale_manifest_is_refused(desk: Desk, world: Workshop) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    desk.hear(desk.topics.manifests, issued.raw)
    stale = world.newer_manifest(POLICE, ManifestChanges(contacts={"a": "b"}), NOW)
    taken = desk.control.manifests
    news = desk.hear(desk.topics.manifests, stale.raw)
    assert news.rejected == ["manifest_conflict"]
    assert desk.control.manifests is taken


def test_a_manifest_that_its_agency_did_not_sign_is_refused(desk: Desk, world: Workshop) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    theirs = world.newer_manifest(SUPPORT, ManifestChanges(), NOW)
    text = issued.raw.partition(b"\n\n")[0]
    lines = theirs.raw.partition(b"\n\n")[2]
    news = desk.hear(desk.topics.manifests, text + b"\n\n" + lines, b"\xff", b"")
    assert len(news.rejected) == 2


def test_a_contract_that_we_have_not_signed_is_not_taken_from_kafka(
    desk: Desk, world: Workshop
) -> None:
    proposal = world.another_contract(parties=(POLICE, COUNCIL))
    text = proposal.text.raw
    unsigned = b"\n".join(
        line for line in proposal.note.split(b"\n") if COUNCIL.encode() not in line
    )
    known = desk.control.contracts
    news = desk.hear(desk.topics.contracts, pack_contract(text, unsigned), b"short", b"\x00" * 40)
    assert desk.control.contracts is known
    assert news.rejected[0] == "contract_unsigned"
    assert len(news.rejected) == 3


def test_known_contracts_are_no_news(desk: Desk, world: Workshop) -> None:
    packed = pack_contract(world.signed.text.raw, world.signed.note)
    known = desk.control.contracts
    news = desk.hear(desk.topics.contracts, packed)
    assert (desk.control.contracts is known, news.rejected) == (True, [])


# --- the watch ------------------------------------------------------------------------------------


def test_an_open_gap_is_asked_for_again(desk: Desk, log: Log, clock: Clock) -> None:
    records = at_offsets(log.send(value(), value(), value()))
    desk.office.take([records[0], records[2]])
    assert desk.watch.look().ask_again == [(origin_of(log), 1, 1)]
    assert desk.watch.look().ask_again == []
    clock.pass_(ASK_AGAIN_MS)
    assert desk.watch.look().ask_again == [(origin_of(log), 1, 1)]
    desk.office.take([records[1]])
    clock.pass_(ASK_AGAIN_MS)
    assert desk.watch.look().ask_again == []


def test_what_waits_is_judged_again_every_five_seconds(desk: Desk, log: Log, clock: Clock) -> None:
    desk.office.take(at_offsets(log.send(value(), at=clock.now + 6 * MINUTE)))
    assert desk.watch.look().judge_again == [(log.topic, 0)]
    assert desk.watch.look().judge_again == []
    clock.pass_(JUDGE_AGAIN_MS)
    assert desk.watch.look().judge_again == [(log.topic, 0)]


def test_who_makes_a_partition_wait_for_long_does_not_have_it_read_all_the_time(
    desk: Desk, log: Log, clock: Clock
) -> None:
    desk.office.take(at_offsets(log.send(value(), at=clock.now + 3 * DAY)))
    times = 0
    for _ in range(DAY // MINUTE):
        clock.pass_(MINUTE)
        times += len(desk.watch.look().judge_again)
    assert 20 < times < 40
    desk.office.believe(desk.office.contracts, desk.office.manifests)  # news: at once
    clock.pass_(JUDGE_AGAIN_MS)
    assert desk.watch.look().judge_again == [(log.topic, 0)]
    desk.office.believe(desk.office.contracts, desk.office.manifests)  # and not for each news
    clock.pass_(JUDGE_AGAIN_MS)
    assert desk.watch.look().judge_again == []
    clock.pass_(2 * DAY // NEWS_PARTS)
    assert desk.watch.look().judge_again == [(log.topic, 0)]


def test_a_referral_that_nobody_acknowledges_is_an_alarm_once(
    desk: Desk, log: Log, clock: Clock
) -> None:
    desk.office.take(at_offsets(log.send(value())))
    assert desk.watch.look().alarms == []
    clock.pass_(20 * DAY)
    assert (POLICE, "referral_unacknowledged") in desk.watch.look().alarms
    assert desk.watch.look().alarms == []


def test_a_notice_shown_again_and_again_is_heard_once_in_a_while(
    desk: Desk, world: Workshop, log: Log, clock: Clock
) -> None:
    log.send(value())
    mine = replace(origin_of(log), agency=COUNCIL)
    author = world.author(POLICE, receipts=True)
    replay = format_notice(Notice(REPLAY_HEADING, mine, 0, 2**40), author)
    news = desk.hear(desk.topics.receipts, *[replay] * 5, content_type=NOTICE)
    assert [notice.last for notice in news.replays] == [REPLAYED_PER_MINUTE - 1]
    clock.pass_(REPLAY_AGAIN_MS)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == []  # no budget
    clock.pass_(MINUTE)
    refusal = format_notice(Notice(REFUSAL_HEADING, mine, 0, 0), author)
    notices = [replay, *[refusal] * NOTICES_HEARD]
    news = desk.hear(desk.topics.receipts, *notices, content_type=NOTICE)
    assert len(news.replays) == 1
    assert len(news.refusals) == NOTICES_HEARD - 1
    assert news.rejected == ["notices_many"]
    other = format_notice(Notice(REFUSAL_HEADING, mine, 0, 0), world.author(SUPPORT, receipts=True))
    assert len(desk.hear(desk.topics.receipts, other, content_type=NOTICE).refusals) == 1


def test_receipts_that_an_agency_makes_up_are_bounded(
    desk: Desk, world: Workshop, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert RECEIPTS_HEARD > 2
    monkeypatch.setattr("broker.control.budgets.MOST", {"receipts": 2})
    log.send(value())
    origin = origin_of(log)
    cosigner = world.receipt_cosigner(SUPPORT)

    def said(one: Origin, size: int = 1) -> bytes:
        return format_receipt(one, size, bytes(32), cosigner, NOW // 1000)

    odd = [
        replace(origin, deployment="other"),
        replace(origin, agency="nobody"),
        replace(origin, agency=SUPPORT),
    ]
    news = desk.hear(desk.topics.receipts, *map(said, odd), content_type=RECEIPT)
    assert (news.receipts, news.rejected) == (0, ["origin_wrong"] * 3)
    many = [said(origin, size) for size in (1, 2, 3)]
    news = desk.hear(desk.topics.receipts, *many, content_type=RECEIPT)
    assert (news.receipts, news.rejected) == (2, ["receipts_many"])


def test_the_ends_of_keys_manifests_contract_and_certificate_are_metrics(desk: Desk) -> None:
    desk.watch.look()
    text = desk.metrics.text().decode()
    ending = set(re.findall(r'concordant_days_left\{name="[^"]+",what="([a-z]+)"\}', text))
    assert ending == {"manifest", "contract", "key", "certificate"}
