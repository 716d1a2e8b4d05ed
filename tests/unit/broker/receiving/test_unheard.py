"""Records that came after an end of their sender (docs/spec/streams.md, "Ends")."""

from __future__ import annotations

from typing import Literal

import pytest

from broker.audit.actor import Actor
from broker.judging.ends import FOLD_WITHIN_MS
from broker.keys.issuing import ManifestChanges
from broker.keys.manifest import StandingEntry
from broker.operations.retry import RecordRetry
from broker.record import Record
from broker.statements.receipts import format_receipt
from broker.store.rows import QuarantineRow
from broker.tlog.proof import parse_proof
from tests.support.founded_partnership import NOW, POLICE, SUPPORT, FoundedPartnership
from tests.support.memory_agency import Clock, at_offsets
from tests.support.memory_control import RECEIPT, ControlNode, origin_of
from tests.support.record_parts import proof_of
from tests.support.sealed_referrals import value
from tests.support.sent_records import Log

HOUR, SECOND = 3_600_000, 1000
CHANGEOVER_MS = 7 * 24 * HOUR
END = NOW + HOUR
LATE = END + CHANGEOVER_MS + HOUR


def believe_end(
    node: ControlNode, world: FoundedPartnership, state: Literal["suspended", "left"] = "left"
) -> None:
    """The police left (or suspended its part) at `END`; this reader learns of it."""
    entry = StandingEntry(
        contract=world.contract.name,
        versions=(world.signed.hash,),
        state=state,
        since=END,
        reason="reorganisation",
    )
    manifests = world.reissue(POLICE, ManifestChanges(standing=(entry,)), END)
    node.member.believe(node.member.contracts, manifests)
    node.trust.believe(node.trust.contracts, manifests)


def hear_receipt(node: ControlNode, world: FoundedPartnership, log: Log, over: Record) -> None:
    """Another party's receipt over the checkpoint of a record, from before the end."""
    checkpoint = parse_proof(proof_of(over)).checkpoint
    signer = world.receipt_cosigner(SUPPORT)
    receipt = format_receipt(
        origin_of(log), checkpoint.size, checkpoint.root, signer, END // SECOND - 60
    )
    news = node.hear(node.topics.receipts, receipt, content_type=RECEIPT)
    assert (news.receipts, news.rejected) == (1, [])


def rows(node: ControlNode, status: str) -> list[QuarantineRow]:
    with node.member.store.reading() as tx:
        return tx.quarantine.list(status)  # type: ignore[arg-type]  # one of the statuses


def sent_before_the_end(log: Log) -> list[Record]:
    """Six records in three batches."""
    return at_offsets([one for _ in range(3) for one in log.send(value(), value(), at=NOW + 1000)])


def test_a_reader_offline_over_the_end_opens_what_a_receipt_covers(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """Each record waits until the leaves fold to the receipt's root."""
    sent = sent_before_the_end(log)
    clock.now = LATE
    hear_receipt(node, world, log, sent[5])
    believe_end(node, world)
    first = node.member.take(sent[:4])
    assert (first.opened, first.refused, first.deferred) == ([], [], [])
    assert ([row.code for row in rows(node, "waiting")], rows(node, "held")) == (
        ["fold_awaited"] * 4,
        [],
    )
    assert node.member.receiving.judge_unheard(clock.now).opened == []
    assert len(node.member.take(sent[4:]).opened) == 2  # of the receipt's own batch
    again = node.member.receiving.judge_unheard(clock.now)
    assert (len(again.opened), again.refused) == (4, [])
    assert len(node.member.inbox()) == 6
    assert (rows(node, "waiting"), rows(node, "held")) == ([], [])


def test_leaves_that_never_fold_are_not_heard_after_ten_minutes(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    """A forked fill whose last index never comes; a record that comes later ends it."""
    sent = sent_before_the_end(log)
    clock.now = LATE
    hear_receipt(node, world, log, sent[5])
    believe_end(node, world)
    node.member.take(sent[:4])
    clock.pass_(FOLD_WITHIN_MS - 1)
    assert node.member.receiving.judge_unheard(clock.now).refused == []
    clock.pass_(1)
    told = node.member.receiving.judge_unheard(clock.now).refused
    assert [(index, code) for _, index, _, code in told] == [(n, "not_heard") for n in range(4)]
    assert [row.code for row in rows(node, "held")] == ["not_heard"] * 4
    node.member.take(sent[4:])
    assert len(node.member.receiving.judge_unheard(clock.now).opened) == 4
    assert rows(node, "held") == []


def test_a_record_above_every_receipt_is_held_until_a_person_vouches_for_it(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    sent = sent_before_the_end(log)
    believe_end(node, world, "suspended")
    clock.now = END + HOUR
    batch = node.member.take(sent[:1])
    assert [code for _, _, _, code in batch.refused] == ["not_heard"]
    (row,) = rows(node, "held")
    retry = RecordRetry(
        node.participant, node.member.store, Actor("o.perator", reason="telephoned")
    )
    retry._trust = node.member.trust_store.current
    kept = retry.retry(row.id, clock.now)
    assert (kept.outcome, kept.code) == ("refused", "not_heard")
    assert retry.retry(row.id, clock.now, vouched=True).outcome == "opened"
    assert len(node.member.inbox()) == 1


def test_a_receipt_that_comes_later_opens_what_was_not_heard(
    node: ControlNode, log: Log, world: FoundedPartnership, clock: Clock
) -> None:
    sent = sent_before_the_end(log)
    believe_end(node, world, "suspended")
    clock.now = END + HOUR
    node.member.take(sent)
    assert len(rows(node, "held")) == 6
    hear_receipt(node, world, log, sent[5])
    assert len(node.member.receiving.judge_unheard(clock.now).opened) == 6


@pytest.mark.parametrize(
    ("at", "state"), [(END - HOUR // 2, "suspended"), (END + SECOND, "suspended"), (END, "left")]
)
def test_events_taken_before_the_end_was_known_stay_taken_with_an_alarm(
    node: ControlNode,
    log: Log,
    world: FoundedPartnership,
    clock: Clock,
    at: int,
    state: Literal["suspended", "left"],
) -> None:
    """The ids are in the disclosure log; the alarm comes once."""
    clock.now = END + HOUR
    sent = at_offsets(log.send(value(), at=at))
    (event,) = node.member.take(sent).opened
    assert not {code for _, code in node.watch.look().alarms} & {"taken_after_end"}
    believe_end(node, world, state)
    alarms = [one for _ in range(2) for one in node.watch.look().alarms]
    assert alarms.count((POLICE, "taken_after_end")) == 1
    assert len(node.member.inbox()) == 1
    with node.member.store.reading() as tx:
        entries = [row.entry for row in tx.disclosures.read(0, 100)]
    assert any(b"taken_after_end" in one and event.id.encode() in one for one in entries)
