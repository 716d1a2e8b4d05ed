"""Notices, of refused records and of what is asked for again: said, heard, and how often."""

from __future__ import annotations

from dataclasses import replace

from desk import NOTICE, Desk, origin_of
from office import Clock
from sealed_referrals import value
from sent_records import Log
from workshop import (
    COUNCIL,
    MINUTE,
    POLICE,
    SUPPORT,
    Workshop,
)

from broker.control.budgets import (
    NOTICES_HEARD,
    REPLAY_AGAIN_MS,
    REPLAYED_PER_MINUTE,
)
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.service.service import BrokerService
from broker.statements.notices import (
    NOTICES_PER_MINUTE,
    REFUSAL_HEADING,
    REPLAY_HEADING,
    Notice,
    format_notice,
)
from broker.tlog.checkpoint import Origin


def stream_of_mine(world: Workshop) -> Origin:
    return Origin(world.deployment, COUNCIL, world.topic(), 0, "0" * 16 + "-" + "0" * 32)


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


async def test_a_refusal_that_is_heard_is_told_to_the_operator_and_never_answered(
    desk: Desk, world: Workshop
) -> None:
    """Were notices answered with notices, two agencies would never fall silent."""
    signer = world.author(POLICE, receipts=True)
    refusal = format_notice(Notice(REFUSAL_HEADING, stream_of_mine(world), 4, 4), signer)
    news = desk.hear(desk.topics.receipts, refusal, b"noise", content_type=NOTICE)
    assert [(who, one.first) for who, one in news.refusals] == [(POLICE, 4)]
    assert news.rejected == ["note_malformed"]
    office = desk.office
    metrics = Metrics()
    service = BrokerService(
        desk.participant, office.store, office.transport, office.clock, metrics, Readiness()
    )
    counted = 'concordant_alarms_total{code="refused_by_recipient"}'
    assert f"{counted} 0.0" in metrics.text().decode()
    await service._on_news(news)
    assert f"{counted} 1.0" in metrics.text().decode()
    assert await service._statements.flush() == 0
    assert desk.said() == []


def test_a_notice_for_another_agency_is_not_mine(desk: Desk, log: Log, world: Workshop) -> None:
    log.send(value())
    asked = Notice(REPLAY_HEADING, origin_of(log), 0, 1)
    signer = world.author(SUPPORT, receipts=True)
    news = desk.hear(desk.topics.receipts, format_notice(asked, signer), content_type=NOTICE)
    assert (news.replays, news.refusals, news.rejected) == ([], [], [])


def test_a_request_that_no_party_signed_is_refused(desk: Desk, world: Workshop) -> None:
    asked = Notice(REPLAY_HEADING, stream_of_mine(world), 0, 1)
    stream_key = format_notice(asked, world.author(POLICE))
    posing = format_notice(
        asked,
        replace(world.author(SUPPORT, receipts=True), name=f"{world.deployment}/{POLICE}"),
    )
    good = format_notice(asked, world.author(POLICE, receipts=True))
    news = desk.hear(desk.topics.receipts, stream_key, posing, good, content_type=NOTICE)
    assert news.rejected == ["key_unknown", "key_unknown"]
    assert news.replays == [asked]


def test_a_request_shown_again_and_again_is_heard_once_in_a_while(
    desk: Desk, world: Workshop, clock: Clock
) -> None:
    asked = Notice(REPLAY_HEADING, stream_of_mine(world), 0, 1)
    replay = format_notice(asked, world.author(POLICE, receipts=True))
    news = desk.hear(desk.topics.receipts, *[replay] * 5, content_type=NOTICE)
    assert (news.replays, news.rejected) == ([asked], [])
    clock.pass_(REPLAY_AGAIN_MS - 1)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == []
    clock.pass_(1)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == [asked]


def test_an_agency_may_ask_for_so_many_records_a_minute(
    desk: Desk, world: Workshop, clock: Clock
) -> None:
    mine = stream_of_mine(world)
    author = world.author(POLICE, receipts=True)
    replay = format_notice(Notice(REPLAY_HEADING, mine, 0, 2**40), author)
    first = Notice(REPLAY_HEADING, mine, 0, REPLAYED_PER_MINUTE - 1)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == [first]
    clock.pass_(REPLAY_AGAIN_MS)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == []
    other = Notice(REPLAY_HEADING, mine, 0, 1)
    theirs = format_notice(other, world.author(SUPPORT, receipts=True))
    assert desk.hear(desk.topics.receipts, theirs, content_type=NOTICE).replays == [other]
    clock.pass_(MINUTE)
    assert desk.hear(desk.topics.receipts, replay, content_type=NOTICE).replays == [first]


def test_so_many_notices_of_an_agency_are_heard_in_a_minute(
    desk: Desk, world: Workshop, clock: Clock
) -> None:
    refusal = Notice(REFUSAL_HEADING, stream_of_mine(world), 0, 0)
    police, support = (
        format_notice(refusal, world.author(agency, receipts=True)) for agency in (POLICE, SUPPORT)
    )
    notices = [police] * (NOTICES_HEARD + 1)
    news = desk.hear(desk.topics.receipts, *notices, content_type=NOTICE)
    assert news.refusals == [(POLICE, refusal)] * NOTICES_HEARD
    assert news.rejected == ["notices_many"]
    news = desk.hear(desk.topics.receipts, support, content_type=NOTICE)
    assert news.refusals == [(SUPPORT, refusal)]
    clock.pass_(MINUTE)
    news = desk.hear(desk.topics.receipts, police, content_type=NOTICE)
    assert news.refusals == [(POLICE, refusal)]
