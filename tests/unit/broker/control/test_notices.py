"""Notices, of refused records and of what is asked for again: said, heard, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.wiring import Outside, connect_broker
from broker.control import own_statements
from broker.control.budgets import NOTICES_HEARD
from broker.control.news import News
from broker.control.replay_requests import (
    CHUNK,
    RANGES_OF_A_PARTY,
    REPLAY_AGAIN_MS,
    REPLAY_BYTES_A_MINUTE,
    REQUEST_LASTS_MS,
    Range,
)
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.observing.health import Readiness
from broker.observing.logs import logger
from broker.observing.metrics import Metrics
from broker.observing.tallies import kept
from broker.service.reporting import report_news
from broker.statements.notices import (
    NOTICES_PER_MINUTE,
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
)
from broker.tlog.checkpoint import Origin
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    MINUTE,
    NOW,
    POLICE,
    PROSECUTION,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock
from tests.support.memory_control import NOTICE, ControlNode, origin_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def stream_of_mine(world: FoundedPartnership) -> Origin:
    return Origin(world.deployment, COUNCIL, world.topic(), 0, "0" * 16 + "-" + "0" * 32)


async def test_notices_are_limited_to_so_many_a_minute_and_sender(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    log.send(value())
    theirs = replace(origin_of(log), agency=SUPPORT)
    for index in range(100):
        node.notices.refused(origin_of(log), index)
    node.notices.refused(theirs, 0)
    assert await node.notices.flush() == NOTICES_PER_MINUTE + 1
    node.notices.refused(origin_of(log), 200)
    assert await node.notices.flush() == 0
    clock.pass_(MINUTE)
    node.notices.refused(origin_of(log), 200)
    node.notices.refused(origin_of(log), 200)
    assert await node.notices.flush() == 1
    assert left_out(node) == {"refusal": 100 - NOTICES_PER_MINUTE + 1, "replay": 0}


def left_out(node: ControlNode) -> dict[str, float]:
    """Number of notices that were not sent, as /metrics and the stored counts have it."""
    shown = {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(node.metrics.text().decode())
        for sample in family.samples
        if sample.name == "concordant_notices_left_out_total"
    }
    with node.member.store.transaction() as tx:
        node.metrics.keep(tx, node.member.clock.now)
        counted = {one.code: one.count for one in kept(tx) if one.kind == "notice"}
    assert counted == {kind: count for kind, count in shown.items() if count}
    return shown


async def test_notices_that_cannot_be_sent_are_bounded_and_counted(
    node: ControlNode, log: Log, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka is away for hours: each minute more would be due, in memory only."""
    monkeypatch.setattr(own_statements, "MAX_DUE", 40)
    log.send(value())
    for minute in range(3):
        for index in range(20):
            node.notices.refused(origin_of(log), 20 * minute + index)
        clock.pass_(MINUTE)
    assert left_out(node) == {"refusal": 20, "replay": 0}
    node.notices.gap(origin_of(log), 3, 4)
    assert left_out(node) == {"refusal": 20, "replay": 1}
    node.notices.end()  # the adapter stops, and they are in memory only
    assert left_out(node) == {"refusal": 60, "replay": 1}
    assert await node.notices.flush() == 0


def test_ranges_that_are_let_go_are_counted(node: ControlNode, world: FoundedPartnership) -> None:
    mine = stream_of_mine(world)
    news = News()
    for number in range(RANGES_OF_A_PARTY + 3):
        one = Notice(REPLAY_HEADING, mine, 2 * number, 2 * number, NOW)
        news.let_go += node.control.replay_requests.ask(POLICE, one, NOW)
    report_news(news, node.metrics, logger("test"))
    assert "concordant_replay_ranges_let_go_total 3.0" in node.metrics.text().decode()


async def test_a_notice_names_a_stream_and_an_index_and_nothing_else(
    node: ControlNode, log: Log
) -> None:
    log.send(value())
    node.notices.refused(origin_of(log), 7)
    node.notices.gap(origin_of(log), 3, 2**40)
    await node.notices.flush()
    texts = [r.value.partition(b"\n\n")[0] for r in node.said() if r.value]
    name = origin_of(log).format().encode()
    assert texts == [
        b"concordant.refusal/v1\n" + name + b"\n7\n7",
        b"concordant.replay/v1\n" + name + b"\n3\n%d\n%d" % (3 + 2**20 - 1, NOW),
    ]


async def test_a_refusal_that_is_heard_is_told_to_the_operator_and_never_answered(
    node: ControlNode, world: FoundedPartnership
) -> None:
    """Were notices answered with notices, two agencies would never fall silent."""
    signer = world.author(POLICE, receipts=True)
    refusal = format_notice(Notice(REFUSAL_HEADING, stream_of_mine(world), 4, 4), signer)
    news = node.hear(node.topics.receipts, refusal, b"noise", content_type=NOTICE)
    assert [(who, one.first) for who, one in news.refusals] == [(POLICE, 4)]
    assert news.rejected == ["note_malformed"]
    member = node.member
    metrics = Metrics()
    outside = Outside(member.store, member.transport, member.clock, metrics, Readiness())
    service = connect_broker(node.participant, outside, lambda: None)
    counted = 'concordant_alarms_total{code="refused_by_recipient"}'
    assert f"{counted} 0.0" in metrics.text().decode()
    service.parts.arrivals.news(news)
    assert f"{counted} 1.0" in metrics.text().decode()
    assert await service.parts.statements.flush() == 0
    assert node.said() == []


def replay(
    world: FoundedPartnership, origin: Origin, first: int, last: int, by: str, at: int
) -> bytes:
    notice = Notice(REPLAY_HEADING, origin, first, last, at)
    return format_notice(notice, world.author(by, receipts=True))


def hear(node: ControlNode, *notices: bytes) -> tuple[int, list[str]]:
    news = node.hear(node.topics.receipts, *notices, content_type=NOTICE)
    return len(news.replays), news.rejected


def due(node: ControlNode, parties: int = 1) -> tuple[str, int, int] | None:
    found = node.control.replay_requests.next(node.member.clock.now, parties)
    return found and (found[0], found[1].first, found[1].last)


def test_a_notice_for_another_agency_is_not_mine(
    node: ControlNode, log: Log, world: FoundedPartnership
) -> None:
    log.send(value())
    asked = replay(world, origin_of(log), 0, 1, SUPPORT, NOW)
    assert hear(node, asked) == (0, [])


def test_a_request_that_no_party_signed_is_refused(
    node: ControlNode, world: FoundedPartnership
) -> None:
    asked = Notice(REPLAY_HEADING, stream_of_mine(world), 0, 1, NOW)
    stream_key = format_notice(asked, world.author(POLICE))
    posing = format_notice(
        asked,
        replace(world.author(SUPPORT, receipts=True), name=f"{world.deployment}/{POLICE}"),
    )
    good = format_notice(asked, world.author(POLICE, receipts=True))
    assert hear(node, stream_key, posing, good) == (1, ["key_unknown", "key_unknown"])
    assert due(node) == (POLICE, 0, 1)


def test_a_request_shown_again_later_is_ignored(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    mine = stream_of_mine(world)
    asked = replay(world, mine, 0, 1, POLICE, NOW)
    ahead = replay(world, mine, 0, 1, POLICE, NOW + HOUR)
    assert hear(node, ahead) == (0, ["early"])
    clock.pass_(REQUEST_LASTS_MS)
    assert hear(node, asked) == (1, [])
    clock.pass_(1)
    assert hear(node, asked) == (0, ["request_old"])


def test_a_request_of_a_party_that_left_or_may_not_read_the_topic_is_ignored(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    mine = stream_of_mine(world)
    invented = replace(mine, topic="pan-london.made-up.a")
    police = world.author(POLICE, receipts=True)

    def refuses(origin: Origin) -> bytes:
        return format_notice(Notice(REFUSAL_HEADING, origin, 3, 3), police)

    for odd in (replay(world, invented, 0, 1, POLICE, NOW), refuses(invented)):
        assert hear(node, odd) == (0, ["party_left"])
    contract = world.contract
    left = StandingEntry(
        contract=contract.name,
        versions=(world.signed.hash,),
        state="left",
        since=clock.now,
        reason="closed",
    )
    clock.pass_(MINUTE)
    changes = ManifestChanges(standing=(left,))
    node.trust.believe(node.trust.contracts, world.reissue(POLICE, changes, clock.now))
    for late in (replay(world, mine, 0, 1, POLICE, clock.now), refuses(mine)):
        assert hear(node, late) == (0, ["party_left"])
    assert hear(node, replay(world, mine, 0, 1, SUPPORT, clock.now)) == (1, [])


def test_a_replayed_record_is_not_replayed_again_for_a_minute(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """Ranges of one party are merged, and what another party got is not sent for this one."""
    mine, requests = stream_of_mine(world), node.control.replay_requests
    asked = [replay(world, mine, *range_, POLICE, NOW) for range_ in ((0, 3), (2, 9), (20, 21))]
    assert hear(node, *asked) == (3, [])
    assert due(node) == (POLICE, 0, 9)
    requests.published(POLICE, Range(mine, 0, 9), 1000, clock.now)
    assert hear(node, replay(world, mine, 5, 12, SUPPORT, NOW)) == (1, [])
    assert due(node) == (SUPPORT, 10, 12)
    assert due(node) == (POLICE, 20, 21)
    clock.pass_(REPLAY_AGAIN_MS - 1)
    assert hear(node, replay(world, mine, 0, 9, PROSECUTION, clock.now)) == (1, [])
    assert due(node) != (PROSECUTION, 0, 9)
    clock.pass_(1)
    assert hear(node, replay(world, mine, 0, 9, PROSECUTION, clock.now)) == (1, [])
    found = {due(node) for _ in range(3)}
    assert (PROSECUTION, 0, 9) in found


def test_each_party_has_an_equal_share_of_what_is_published_again_in_a_minute(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """However much one asks for, another is served; the rest waits for the next minute."""
    mine, requests = stream_of_mine(world), node.control.replay_requests
    assert hear(node, replay(world, mine, 0, 2**40, POLICE, NOW)) == (1, [])
    served: Counter[str] = Counter()

    def publish_all() -> None:
        while (found := requests.next(clock.now, 4)) is not None:
            party, wanted = found
            assert wanted.last - wanted.first < CHUNK
            requests.published(party, wanted, 2**20, clock.now)
            served[party] += 2**20

    publish_all()
    assert served == {POLICE: REPLAY_BYTES_A_MINUTE // 4}
    assert hear(node, replay(world, mine, 2**30, 2**31, SUPPORT, NOW)) == (1, [])
    publish_all()
    assert served[SUPPORT] == REPLAY_BYTES_A_MINUTE // 4
    clock.pass_(MINUTE)
    publish_all()
    assert served == dict.fromkeys((POLICE, SUPPORT), REPLAY_BYTES_A_MINUTE // 2)


def test_a_request_for_what_never_was_ends_with_the_first_look(
    node: ControlNode, world: FoundedPartnership
) -> None:
    mine, requests = stream_of_mine(world), node.control.replay_requests
    assert hear(node, replay(world, mine, 0, 2**40, POLICE, NOW)) == (1, [])
    found = requests.next(NOW, 1)
    assert found is not None
    requests.nothing(*found)
    assert due(node) is None


def test_so_many_notices_of_an_agency_are_heard_in_a_minute(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    mine = stream_of_mine(world)
    refusals = [Notice(REFUSAL_HEADING, mine, at, at) for at in range(NOTICES_HEARD + 1)]
    police, support = (world.author(agency, receipts=True) for agency in (POLICE, SUPPORT))
    notices = [format_notice(one, police) for one in refusals]
    news = node.hear(node.topics.receipts, *notices, content_type=NOTICE)
    assert news.refusals == [(POLICE, one) for one in refusals[:-1]]
    assert news.rejected == ["notices_many"]
    assert hear(node, replay(world, mine, 0, 1, POLICE, NOW)) == (1, [])  # each kind for itself
    news = node.hear(node.topics.receipts, format_notice(refusals[0], support), content_type=NOTICE)
    assert news.refusals == [(SUPPORT, refusals[0])]
    clock.pass_(MINUTE)
    news = node.hear(node.topics.receipts, notices[-1], content_type=NOTICE)
    assert news.refusals == [(POLICE, refusals[-1])]


def test_notices_that_another_party_writes_again_do_not_silence_their_author(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    """Every party can read them and write them again, now or later."""
    mine, police = stream_of_mine(world), world.author(POLICE, receipts=True)
    said = [replay(world, mine, 0, 1, POLICE, NOW)]
    said += [format_notice(Notice(REFUSAL_HEADING, mine, at, at), police) for at in range(3)]
    news = node.hear(node.topics.receipts, *said, content_type=NOTICE)
    assert (len(news.replays), len(news.refusals), news.rejected) == (1, 3, [])
    news = node.hear(node.topics.receipts, *said * NOTICES_HEARD, content_type=NOTICE)
    assert (news.replays, news.refusals, news.rejected) == ([], [], [])
    assert hear(node, replay(world, mine, 5, 9, POLICE, NOW)) == (1, [])
    clock.pass_(REQUEST_LASTS_MS + 1)
    old = [replay(world, mine, at, at, POLICE, NOW) for at in range(NOTICES_HEARD)]
    assert hear(node, *old) == (0, ["request_old"] * NOTICES_HEARD)
    assert hear(node, replay(world, mine, 5, 9, POLICE, clock.now)) == (1, [])
