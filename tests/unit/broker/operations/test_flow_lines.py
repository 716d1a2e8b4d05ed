"""Steps of events as they happen: sent, received, delivered, put aside, refused."""

from __future__ import annotations

from uuid import uuid4

import pytest

from broker.operations import flow_lines
from broker.operations.flow_lines import FlowLine, FlowTail
from broker.operations.partner_flow import partner_flows
from contracts.durations import DAY_MS
from tests.support.founded_partnership import CASE, COUNCIL, POLICE, SUPPORT
from tests.support.memory_agency import MemoryAgency, at_offsets


class Watcher:
    """A tail of one agency."""

    def __init__(self, member: MemoryAgency, since_ms: int | None = None) -> None:
        self.member = member
        with member.store.reading() as tx:
            self.tail = FlowTail(tx, since_ms, member.clock.now)

    def look(self) -> list[FlowLine]:
        with self.member.store.reading() as tx:
            return self.tail.look(tx)

    def steps(self) -> list[tuple[str, tuple[str, ...], str]]:
        return [(one.step, one.partners, one.event_id) for one in self.look()]


async def test_each_step_of_an_event_is_one_line_once(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    here, there = Watcher(police), Watcher(council)
    police.clock.pass_(1000)
    (event,) = await police.send()
    assert here.steps() == [("sent", (COUNCIL,), event)]
    assert here.steps() == []
    council.take(at_offsets(police.log()))
    assert there.steps() == [("received", (POLICE,), event)]
    police.clock.pass_(1000)
    with council.store.transaction() as tx:
        (row,) = tx.inbox.undelivered(9)
        tx.inbox.hold(row.seq, "unknown_value", None, "no code", police.clock.now)
    (held,) = there.look()
    assert (held.step, held.code, held.about) == ("put_aside", "unknown_value", row.type)
    police.clock.pass_(1000)
    with council.store.transaction() as tx:
        tx.inbox.release(row.seq)
        tx.inbox.mark_delivered(row.seq, police.clock.now, None)
    assert there.steps() == [("delivered", (POLICE,), event)]
    assert there.steps() == []


async def test_more_steps_of_one_millisecond_than_one_look_takes_all_come(
    police: MemoryAgency, council: MemoryAgency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_lines, "MOST", 2)
    here, there = Watcher(police), Watcher(council)
    police.clock.pass_(1000)
    sent = await police.send(5)
    council.take(at_offsets(police.log()))
    with council.store.transaction() as tx:
        for row in tx.inbox.undelivered(9):
            tx.inbox.mark_delivered(row.seq, police.clock.now, None)
    mine: list[FlowLine] = []
    theirs: list[FlowLine] = []
    while found := here.look():
        mine += found
    while found := there.look():
        theirs += found
    assert [one.event_id for one in mine] == sent
    steps = sorted((one.step, one.event_id) for one in theirs)
    assert steps == sorted((step, one) for one in sent for step in ("received", "delivered"))


async def test_a_tail_begins_at_a_time(police: MemoryAgency, council: MemoryAgency) -> None:
    case = str(uuid4())
    (first,) = await police.send(case_id=case)
    police.clock.pass_(60_000)
    since = police.clock.now
    (second,) = await police.send(case_id=case)
    council.take(at_offsets(police.log()))
    assert [one.event_id for one in Watcher(police, since).look()] == [second]
    assert {one.event_id for one in Watcher(police, 0).look()} == {first, second}
    assert Watcher(police).look() == []


async def test_no_line_has_a_value_of_a_field(police: MemoryAgency, council: MemoryAgency) -> None:
    here, there = Watcher(police), Watcher(council)
    police.clock.pass_(1000)
    await police.send()
    council.take(at_offsets(police.log()))
    text = str([one.as_json() for one in (*here.look(), *there.look())])
    event = police.event()
    values = [str(one) for one in event.data.values() if isinstance(one, str) and len(one) > 3]
    assert values
    assert [one for one in values if one in text] == []


async def test_the_flow_of_each_partner_is_counted(
    police: MemoryAgency, council: MemoryAgency
) -> None:
    await police.send(2)
    police.publish(police.event(CASE, to=(COUNCIL, SUPPORT)))
    council.take(at_offsets(police.log()))
    now = police.clock.now
    with police.store.reading() as tx:
        council_line, support = partner_flows(tx, [], {SUPPORT: 3}, [SUPPORT], now)
        later = partner_flows(tx, [COUNCIL], {}, [], now + DAY_MS + 1)
    assert (council_line.agency, council_line.sent, council_line.to_send) == (COUNCIL, 2, 1)
    assert council_line.last_sent_ms == now
    assert (support.sent, support.to_send, support.put_aside, support.overdue) == (0, 1, 3, 1)
    assert {one.agency: (one.sent, one.to_send) for one in later} == {
        COUNCIL: (0, 1), SUPPORT: (0, 1),
    }  # fmt: skip
    with council.store.reading() as tx:
        (line,) = partner_flows(tx, [POLICE], {}, [], now)
    assert (line.received, line.to_deliver, line.last_received_ms) == (2, 2, now)
