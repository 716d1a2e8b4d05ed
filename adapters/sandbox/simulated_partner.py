"""One simulated partner: a real adapter with real keys, whose system is a behaviour.

Its broker is the same code as in `concordant adapter run`: it judges, decrypts, answers with
receipts and sends over the same transport. Only the system behind it is invented.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Final

from adapters.exchange.results import REJECTED
from adapters.sandbox.behaviours import Behaviour
from adapters.sandbox.happenings import Chronicle
from adapters.sandbox.invented_events import (
    answers_to,
    invented_case,
    invented_event,
    invented_types,
)
from adapters.sandbox.rubbish import Faulty, faulty_records, outside_vocabulary
from adapters.wiring import Outside, connect_broker
from broker.agency.participant import Participant
from broker.event import OpenedEvent
from broker.observing.health import Readiness
from broker.observing.metrics import Metrics
from broker.receiving.inbox_payload import parse_payload
from broker.record import PROOF_HEADER, Record
from broker.sending.sealing import EventSealer
from broker.sending.sealing_context import event_sealer
from broker.service.service import BrokerService
from broker.store.database import Store, open_store
from broker.store.rows import InboxRow
from broker.transport.interfaces import Transport
from broker.transport.topics import data_topics, writable_topics
from broker.waiting import run_together, set_within
from contracts.errors import ConcordantError
from contracts.events import PlainEvent
from contracts.model import Contract

ROUND_S: Final = 0.2
RUBBISH_S: Final = 2.0
ROUND_EVENTS: Final = 50
REASON: Final = "sandbox-refusal: the simulated system of the partner refuses every event"
"""Reason of a partner that rejects: a code of its system, and words."""


@dataclass(frozen=True, slots=True)
class PartnerPlan:
    """The part of one partner in a rehearsal.

    Attributes:
        agency: the rehearsed agency.
        behaviour: how it treats received events.
        every_s: seconds between two events of its own; 0 for none.
    """

    agency: str
    behaviour: Behaviour
    every_s: float


class _Remembering:
    """A transport that remembers the partner's newest data record, and can send in wrong order."""

    def __init__(self, inner: Transport, topics: frozenset[str]) -> None:
        self._inner = inner
        self._topics = topics
        self.sent: list[Record] = []
        self.turn_around = False
        self.run = inner.run
        self.pause = inner.pause
        self.resume = inner.resume
        self.visible = inner.visible
        self.read_all = inner.read_all
        self.close = inner.close

    async def send(self, records: Sequence[Record]) -> list[int]:
        """See `interfaces.Sender.send`."""
        ours = [one for one in records if one.topic in self._topics and _signed(one)]
        if self.turn_around and len({one.kafka_partition for one in ours}) < len(ours):
            self.turn_around = False
            offsets = (await self._inner.send(records[::-1]))[::-1]
        else:
            offsets = await self._inner.send(records)
        self.sent = [*self.sent, *ours][-1:]
        return offsets


def _signed(record: Record) -> bool:
    return any(name == PROOF_HEADER for name, _ in record.headers)


class SimulatedPartner:
    """Runs one partner of a rehearsal.

    Args:
        participant: the partner's folder, with throw-away keys.
        plan: what it does.
        transport: its connection to Kafka.
        clock: () -> ms.
        tell: takes what happens.
    """

    def __init__(
        self,
        participant: Participant,
        plan: PartnerPlan,
        transport: Transport,
        clock: Callable[[], int],
        tell: Chronicle,
    ) -> None:
        self._participant = participant
        self._plan = plan
        self._clock = clock
        self._tell = tell
        self._contract: Contract = participant.contract_in_force(clock()).contract
        self._transport = _Remembering(transport, frozenset(data_topics(self._contract)))
        self._store: Store = open_store(participant.state)
        outside = Outside(self._store, self._transport, clock, Metrics(), Readiness())
        self._broker: BrokerService = connect_broker(participant, outside, lambda: None)
        self._arrived: dict[int, float] = {}
        self._faults: list[Faulty] = []

    @property
    def id(self) -> str:
        """Return the partner's agency id."""
        return self._participant.agency

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set."""
        loops = [
            partial(self._broker.run, stop),
            partial(self._system, stop),
            partial(self._own_events, stop),
        ]
        if self._plan.behaviour.name == "rubbish":
            loops.append(partial(self._rubbish, stop))
        try:
            await run_together(loops, stop, tell_shortage=self._broker.tell_shortage)
        finally:
            await self._transport.close()
            self._store.close()

    # --- its system takes events -----------------------------------------------------------------

    async def _system(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if await asyncio.to_thread(self._round):
                self._broker.published()
            await set_within(stop, ROUND_S)

    def _round(self) -> bool:
        """Treat what arrived; return whether the partner answered something."""
        with self._store.reading() as tx:
            rows = tx.inbox.undelivered(ROUND_EVENTS)
        answered = [self._treat(row) for row in rows]
        return any(answered)

    def _treat(self, row: InboxRow) -> bool:
        event = parse_payload(row.payload or b"")
        facts = {"partner": self.id, "type": event.type, "id": event.id}
        behaviour = self._plan.behaviour
        if behaviour.name == "late":
            since = self._arrived.get(row.seq)
            if since is None:
                self._arrived[row.seq] = time.monotonic()
                self._tell(
                    "waiting",
                    f"{self.id} has {event.type} and waits {behaviour.delay_s:g} s",
                    **facts,
                )
                return False
            if time.monotonic() - since < behaviour.delay_s:
                return False
        if behaviour.name == "reject":
            with self._store.transaction() as tx:
                tx.inbox.hold(row.seq, REJECTED, None, REASON, self._clock())
            self._tell(
                "rejected",
                f"the system of {self.id} refused {event.type}: {REASON}",
                code=REJECTED,
                **facts,
            )
            return False
        with self._store.transaction() as tx:
            tx.inbox.mark_delivered(row.seq, self._clock(), "sandbox")
        self._tell(
            "imported",
            f"the system of {self.id} imported {event.type} with {len(event.flat)} fields",
            fields=sorted(event.flat),
            withheld=list(event.withheld),
            **facts,
        )
        return self._answer(event)

    def _answer(self, event: OpenedEvent) -> bool:
        if event.source != self._plan.agency:
            return False
        answers = [
            self._publish(plain, f"{self.id} answers {event.type} with {plain.type}")
            for plain in answers_to(self._contract, self.id, event)
        ]
        return any(answers)

    # --- it sends events of its own --------------------------------------------------------------

    async def _own_events(self, stop: asyncio.Event) -> None:
        types = invented_types(self._contract, self.id, self._plan.agency)
        if not types or not self._plan.every_s:
            return
        await self._broker.parts.reader.caught_up.wait()
        for event_type in cycle(types):
            if stop.is_set():
                return
            await asyncio.to_thread(self._invent, event_type)
            self._broker.published()
            if await set_within(stop, self._plan.every_s):
                return

    def _invent(self, event_type: str) -> bool:
        plain = invented_event(self._contract, self.id, self._plan.agency, event_type)
        return self._publish(plain, f"{self.id} sends {event_type} about an invented person")

    def _publish(self, plain: PlainEvent, words: str) -> bool:
        facts = {"partner": self.id, "type": plain.type}
        try:
            with self._store.transaction() as tx:
                event_id = self._broker.parts.publisher.publish(tx, plain, self._clock())
        except ConcordantError as error:
            self._tell(
                "partner_failed",
                f"{self.id} cannot send {plain.type}: {error.detail}",
                code=error.code,
                **facts,
            )
            return False
        self._tell("partner_sent", words, id=event_id, **facts)
        return True

    # --- it sends rubbish ------------------------------------------------------------------------

    async def _rubbish(self, stop: asyncio.Event) -> None:
        sealer = event_sealer(self._participant)
        while not stop.is_set():
            if await set_within(stop, RUBBISH_S):
                return
            if self._faults:
                await self._send_faulty(self._faults.pop(0))
                continue
            for sealed in (partial(self._outside, sealer), self._reordered):
                if await asyncio.to_thread(sealed):
                    self._broker.published()
            if await set_within(stop, RUBBISH_S):  # until its own records are on Kafka
                return
            if self._transport.sent:
                topic = writable_topics(self._contract, self.id)[0]
                self._faults = list(faulty_records(self._transport.sent[-1], topic))

    async def _send_faulty(self, faulty: Faulty) -> None:
        facts = {"partner": self.id, "kind": faulty.kind}
        try:
            await self._transport.send(list(faulty.records))
        except ConcordantError as error:
            self._tell(
                "partner_failed",
                f"Kafka does not take this from {self.id}: {faulty.words}",
                code=error.code,
                **facts,
            )
            return
        self._tell("rubbish_sent", f"{self.id} sends rubbish: {faulty.words}", **facts)

    def _reordered(self) -> bool:
        """Publish two events of one case, which then reach Kafka in the wrong order."""
        types = invented_types(self._contract, self.id, self._plan.agency)
        if not types:
            return False
        first = invented_event(self._contract, self.id, self._plan.agency, types[0])
        case = invented_case(self._contract, first)
        second = invented_event(
            self._contract,
            self.id,
            self._plan.agency,
            types[0],
            {self._contract.vocabulary.case: case},
        )
        self._transport.turn_around = True
        with self._store.transaction() as tx, self._broker.parts.publisher.accepting(tx) as taken:
            for plain in (first, second):
                taken.publish(plain, self._clock())
        self._tell(
            "rubbish_sent",
            f"{self.id} sends rubbish: two events of one case in the wrong order",
            partner=self.id,
            kind="reordered",
            type=types[0],
        )
        return True

    def _outside(self, sealer: EventSealer) -> bool:
        for event_type in invented_types(self._contract, self.id, self._plan.agency):
            plain = invented_event(self._contract, self.id, self._plan.agency, event_type)
            row = outside_vocabulary(self._participant, sealer, plain, self._clock())
            if row is None:
                continue
            with self._store.transaction() as tx:
                tx.outbox.add_many([row], self._clock())
            self._tell(
                "rubbish_sent",
                f"{self.id} sends rubbish: {event_type} with a code that is in no code list",
                partner=self.id,
                kind="outside_vocabulary",
                type=event_type,
                id=row.event_id,
            )
            return True
        return False
