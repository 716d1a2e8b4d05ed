"""Watch over the own agency: waiting items, unanswered referrals, ends of validity."""

from __future__ import annotations

import re
from dataclasses import replace

from broker.control.watch import (
    JUDGE_AGAIN_MS,
    NEWS_PARTS,
)
from tests.support.founded_partnership import (
    DAY,
    MINUTE,
    POLICE,
)
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import ControlNode
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log


def test_waiting_records_are_judged_again_every_five_seconds(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value(), at=clock.now + 6 * MINUTE)))
    assert node.watch.look().judge_again == [(log.topic, 0)]
    assert node.watch.look().judge_again == []
    clock.pass_(JUDGE_AGAIN_MS)
    assert node.watch.look().judge_again == [(log.topic, 0)]


def test_a_partition_that_waits_for_long_is_not_read_all_the_time(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value(), at=clock.now + 3 * DAY)))
    times = 0
    for _ in range(DAY // MINUTE):
        clock.pass_(MINUTE)
        times += len(node.watch.look().judge_again)
    assert 20 < times < 40
    node.member.believe(node.member.contracts, node.member.manifests)  # news: at once
    clock.pass_(JUDGE_AGAIN_MS)
    assert node.watch.look().judge_again == [(log.topic, 0)]
    node.member.believe(node.member.contracts, node.member.manifests)  # and not for each news
    clock.pass_(JUDGE_AGAIN_MS)
    assert node.watch.look().judge_again == []
    clock.pass_(2 * DAY // NEWS_PARTS)
    assert node.watch.look().judge_again == [(log.topic, 0)]


def test_an_unacknowledged_referral_is_an_alarm_once(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value())))
    assert node.watch.look().alarms == []
    clock.pass_(20 * DAY)
    assert (POLICE, "referral_unacknowledged") in node.watch.look().alarms
    assert node.watch.look().alarms == []


def test_a_referral_that_is_acknowledged_and_not_answered_is_an_alarm(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value())))
    with node.member.store.transaction() as tx:
        (row,) = tx.referrals.open()
        tx.referrals.save(replace(row, acknowledge_by_ms=None, status="received"))
    clock.pass_(20 * DAY)
    assert (POLICE, "referral_unanswered") in node.watch.look().alarms
    with node.member.store.transaction() as tx:  # the caseworkers answer it
        tx.referrals.save(replace(row, acknowledge_by_ms=None, respond_by_ms=None))
        assert tx.referrals.overdue(clock.now) == []


def test_the_ends_of_keys_manifests_contract_and_certificate_are_metrics(node: ControlNode) -> None:
    node.watch.look()
    text = node.metrics.text().decode()
    ending = set(re.findall(r'concordant_days_left\{name="[^"]+",what="([a-z]+)"\}', text))
    assert ending == {"manifest", "delegation", "contract", "key", "certificate", "authority"} | {
        "review",
        "assessment",
    }
    unsigned = re.findall(r'concordant_agreements_unsigned\{by="([a-z]+)"\} (\S+)', text)
    assert dict(unsigned) == {"us": "0.0", "others": "0.0"}


def test_a_certificate_that_is_gone_ends_now_and_stops_no_other_check(
    node: ControlNode, log: Log, clock: Clock
) -> None:
    node.member.take(at_offsets(log.send(value())))
    (node.participant.root / "tls/cert.pem").write_text("rubbish")
    (node.participant.root / "tls/ca.pem").unlink()
    clock.pass_(20 * DAY)
    assert (POLICE, "referral_unacknowledged") in node.watch.look().alarms
    text = node.metrics.text().decode()
    for what in ("certificate", "authority"):
        (days,) = re.findall(rf'days_left{{name="kafka",what="{what}"}} (\S+)', text)
        assert float(days) < 0
