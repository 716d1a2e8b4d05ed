"""Withheld records and missing heartbeats raise one alarm; missing records are requested."""

from __future__ import annotations

from dataclasses import replace

from broker.control.watch import (
    ASK_AGAIN_MS,
    MAX_MISSING,
    WITHHELD_AFTER_MS,
)
from tests.support.founded_partnership import (
    MINUTE,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import ControlNode, beat, head, origin_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def test_a_head_above_what_arrived_alarms_after_ten_seconds_and_asks(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(value(), value(), value()))
    node.member.take(records[:1])
    node.hear(node.topics.heartbeats, beat(world, head(log, 3)))
    assert node.watch.look().alarms == []
    clock.pass_(WITHHELD_AFTER_MS - 1)
    assert node.watch.look().alarms == []
    clock.pass_(1)
    found = node.watch.look()
    assert found.alarms == [(POLICE, "withheld")]
    assert found.ask_again == [(origin_of(log), 1, 2)]
    clock.pass_(ASK_AGAIN_MS - 1)
    assert node.watch.look().ask_again == []
    clock.pass_(1)
    again = node.watch.look()
    assert (again.alarms, again.ask_again) == ([], [(origin_of(log), 1, 2)])
    node.member.take(records[1:])
    assert node.watch.look().ask_again == []
    assert WITHHELD_AFTER_MS == 10 * SECOND


def test_a_head_that_arrives_within_ten_seconds_is_no_alarm(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    records = at_offsets(log.send(value()))
    node.hear(node.topics.heartbeats, beat(world, head(log, 1)))
    clock.pass_(5 * SECOND)
    node.member.take(records)
    clock.pass_(MINUTE)
    assert node.watch.look().alarms == []


def test_a_stream_of_which_nothing_arrived_is_withheld_whole(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    log.send(value(), value())
    node.hear(node.topics.heartbeats, beat(world, head(log, 2)))
    clock.pass_(WITHHELD_AFTER_MS)
    found = node.watch.look()
    assert found.alarms == [(POLICE, "withheld")]
    assert found.ask_again == [(origin_of(log), 0, 1)]


def test_records_before_the_start_of_reading_are_not_asked_for(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    log.send(value(), value())
    before = head(log, 2)
    clock.pass_(SECOND)
    log.now = clock.now
    log.restart()
    node.member.take(at_offsets(log.send(value(), value()))[1:])
    node.hear(node.topics.heartbeats, beat(world, before, at=clock.now))
    clock.pass_(WITHHELD_AFTER_MS)
    found = node.watch.look()
    assert "withheld" not in [code for _, code in found.alarms]
    assert found.ask_again == []


def test_records_cut_off_by_a_successor_are_not_asked_for(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value(), value())))
    lost = log.copy()  # and never published: the sender goes on from yesterday's database
    lost.send(value(), value())
    clock.pass_(SECOND)
    log.now = clock.now
    log.restart()
    node.member.take(at_offsets(log.send(value()), 2))
    node.hear(node.topics.heartbeats, beat(world, head(lost, 4), at=clock.now))
    clock.pass_(WITHHELD_AFTER_MS)
    found = node.watch.look()
    assert "withheld" not in [code for _, code in found.alarms]
    assert found.ask_again == []


def test_streams_that_an_agency_makes_up_are_missed_up_to_a_number(
    node: ControlNode, world: FoundedPartnership, log: Log, clock: Clock
) -> None:
    log.send(value())
    one = head(log, 1)
    many = [replace(one, partition=number) for number in range(MAX_MISSING + 9)]
    assert node.hear(node.topics.heartbeats, beat(world, *many)).rejected == []
    clock.pass_(WITHHELD_AFTER_MS)
    assert len(node.watch.look().ask_again) == MAX_MISSING


def test_an_open_gap_is_asked_for_again(node: ControlNode, log: Log, clock: Clock) -> None:
    records = at_offsets(log.send(value(), value(), value()))
    node.member.take([records[0], records[2]])
    assert node.watch.look().ask_again == [(origin_of(log), 1, 1)]
    assert node.watch.look().ask_again == []
    clock.pass_(ASK_AGAIN_MS)
    assert node.watch.look().ask_again == [(origin_of(log), 1, 1)]
    node.member.take([records[1]])
    clock.pass_(ASK_AGAIN_MS)
    assert node.watch.look().ask_again == []


def test_three_minutes_of_silence_alarm_once_until_it_speaks(
    node: ControlNode, world: FoundedPartnership, clock: Clock
) -> None:
    for agency in (POLICE, PROSECUTION, SUPPORT):
        node.hear(node.topics.heartbeats, beat(world, at=clock.now, agency=agency))
    clock.pass_(3 * MINUTE)
    assert node.watch.look().alarms == []
    clock.pass_(1)
    assert {code for _, code in node.watch.look().alarms} == {"silence"}
    assert node.watch.look().alarms == []
    node.hear(node.topics.heartbeats, beat(world, at=clock.now))
    clock.pass_(3 * MINUTE + 1)
    assert node.watch.look().alarms == [(POLICE, "silence")]


def test_a_sender_without_any_heartbeat_is_silent_too(node: ControlNode, clock: Clock) -> None:
    assert node.watch.look().alarms == []
    clock.pass_(3 * MINUTE + 1)
    silent = {agency for agency, code in node.watch.look().alarms if code == "silence"}
    assert silent == {POLICE, PROSECUTION, SUPPORT}
