"""A hostile Kafka between senders and readers, driven by Hypothesis as a state machine.

The rules are what a host (and, with its own key, a sender) can do; ``hostile_world.py`` knows what
may come of each record, and ``healing.py`` what must hold once the truth is told. A longer campaign
over the same machine: ``python -m tests.hostile.explore --seconds 300``.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from broker.record import KafkaPartition
from tests.hostile.alterations import ALTERATIONS
from tests.hostile.healing import heal
from tests.hostile.hostile_kafka import Served
from tests.hostile.hostile_world import TALLY, HostileWorld
from tests.hostile.town import (
    CASE_UPDATE,
    READERS,
    SAYINGS,
    SENDERS,
    contract_record,
    second_contract,
)
from tests.hostile.twists import STOLEN, TWISTS
from tests.support.founded_partnership import POLICE, SECOND, SUPPORT

readers = st.sampled_from(READERS)
senders = st.sampled_from(SENDERS)
places_ = st.sampled_from((0, 0, 0, 1, 2, 3))
numbers = st.integers(0, 2**16)
several = st.lists(numbers, min_size=1, max_size=4)


class HostileHost(RuleBasedStateMachine):
    """Every step keeps what the world allows; the end heals."""

    @initialize(first=several, second=several, forking=st.integers(0, 2))
    def begin(self, first: list[int], second: list[int], forking: int) -> None:
        self.world = HostileWorld()
        self.forking = forking == 0  # in most runs nobody is accused, so that they go on
        self.adopted = False
        self.world.publish([(0, 0), (0, 1), (CASE_UPDATE, 0), (CASE_UPDATE, 1)])
        self.publish(POLICE, first, 1)
        self.publish(SUPPORT, second, 0)

    def place(self, number: int) -> KafkaPartition:
        return self.world.places[number]

    # --- senders ---------------------------------------------------------------------------------

    @rule(sender=senders, whats=several, seconds=st.integers(0, 2))
    def publish(self, sender: str, whats: list[int], seconds: int) -> None:
        TALLY.steps += 1
        self.world.pass_(seconds * SECOND)
        mine = [at for at, (s, _, _) in enumerate(SAYINGS) if s == sender]
        self.world.publish([(mine[w % len(mine)], w // len(mine) % 2) for w in whats])

    @rule(
        what=st.sampled_from(("restart", "restart", "back up", "restore", "no answer")),
        sender=senders,
        number=numbers,
    )
    def trouble_a_sender(self, what: str, sender: str, number: int) -> None:
        TALLY.steps += 1
        if what == "restart":
            self.world.restart(sender)
        elif what == "back up":
            self.world.back_up()
        elif what == "restore":
            self.world.restore(number)
        else:
            self.world.kafka.failing = 1 + number % 3

    @rule(sender=senders, contract=st.booleans())
    def renew(self, sender: str, contract: bool) -> None:
        """Another stream key, or the next version of the contract, which the police adopts."""
        TALLY.steps += 1
        if not contract and len(self.world.news) < 6:
            self.world.rotate(sender)
        elif contract and not self.adopted:
            self.adopted = True
            for agency in sorted(second_contract().parties):
                record = contract_record(second_contract(), agency)
                self.world.news.append(record)
                self.world.parties[POLICE].hear(record)

    @rule(which=several, saying=st.integers(0, len(SAYINGS) - 1), a=numbers, b=numbers)
    def twist(self, which: list[int], saying: int, a: int, b: int) -> None:
        """A sender signs values that are not as they should be."""
        TALLY.steps += 1
        sender, event_type, to = SAYINGS[saying]
        there = self.world.sealed(sender, to, event_type)
        while len(there) < 2:
            self.world.publish([(saying, a % 2)])
            there = self.world.sealed(sender, to, event_type)
        at = a % len(there)
        first, second = there[at], there[(at + 1 + b % (len(there) - 1)) % len(there)]
        for number in which:
            twist = (*TWISTS, STOLEN)[number % (len(TWISTS) + 1)]
            if twist is STOLEN and sender == POLICE:
                self.world.twist(twist, first, first, SUPPORT)
            elif twist is not STOLEN and len(to) >= twist.least:
                self.world.twist(twist, first, second, sender)

    @precondition(lambda self: self.forking)
    @rule(
        back=st.integers(0, 3),
        at=places_,
        saying=st.sampled_from((0, 0, 1, 3)),
        number=st.integers(1, 3),
        same=st.booleans(),
    )
    def fork(self, back: int, at: int, saying: int, number: int, same: bool) -> None:
        TALLY.steps += 1
        place = self.place(at)
        self.world.fork(back, place, CASE_UPDATE if at > 1 else saying, number, same)

    # --- the host --------------------------------------------------------------------------------

    @rule(reader=readers, at=places_, count=st.integers(1, 6), now=st.booleans())
    def deliver(self, reader: str, at: int, count: int, now: bool) -> None:
        TALLY.steps += 1
        self.world.kafka.deliver(reader, self.place(at), count)
        if now:
            self.world.read(reader, self.place(at))

    @rule(reader=readers, at=places_, count=st.integers(1, 3))
    def drop(self, reader: str, at: int, count: int) -> None:
        TALLY.steps += 1
        self.world.kafka.withhold(reader, self.place(at), count)
        self.world.kafka.deliver(reader, self.place(at), 1)
        self.world.read(reader, self.place(at))

    @rule(reader=readers, at=places_, which=several)
    def serve_again_or_out_of_order(self, reader: str, at: int, which: list[int]) -> None:
        TALLY.steps += 1
        place = self.place(at)
        log = self.world.truth(place)
        for number in which:
            record = log[number % len(log)]
            self.world.kafka.serve(reader, Served(record, record), place)
        self.world.read(reader, place)

    @rule(
        reader=readers,
        at=places_,
        which=several,
        other=numbers,
        how=st.lists(st.integers(0, len(ALTERATIONS) - 1), min_size=1, max_size=4),
        n=numbers,
    )
    def alter(
        self, reader: str, at: int, which: list[int], other: int, how: list[int], n: int
    ) -> None:
        TALLY.steps += 1
        every = self.world.untwisted()
        here = [r for r in every if r.kafka_partition == self.place(at)]
        for number, kind in zip(which, how, strict=False):
            record, splice = here[number % len(here)], every[other % len(every)]
            self.world.alter(reader, record, splice, kind, n)
        self.world.read(reader, self.place(at))

    @rule(reader=readers, at=places_, which=several)
    def make_leaves(self, reader: str, at: int, which: list[int]) -> None:
        TALLY.steps += 1
        log = self.world.truth(self.place(at))
        for number in which:
            self.world.as_leaf(reader, log[number % len(log)])
        self.world.read(reader, self.place(at))

    @rule(reader=readers, at=places_, count=st.integers(1, 3))
    def replace_by_leaves(self, reader: str, at: int, count: int) -> None:
        """The gap closes and the reader does not know what it held, until it has asked."""
        TALLY.steps += 1
        place = self.place(at)
        hidden = self.world.kafka.withhold(reader, place, count)
        self.world.kafka.deliver(reader, place, 1)
        for record in hidden:
            self.world.as_leaf(reader, record)
        self.world.read(reader, place)

    @rule(reader=readers, at=places_, to=places_, which=several)
    def serve_elsewhere(self, reader: str, at: int, to: int, which: list[int]) -> None:
        TALLY.steps += 1
        log = self.world.truth(self.place(at))
        for number in which:
            self.world.elsewhere(reader, log[number % len(log)], self.place(to))
        self.world.read(reader, self.place(to))

    @precondition(lambda self: any(self.world.forked.values()))
    @rule(reader=readers, which=several, leaf=st.booleans())
    def show_the_other_history(self, reader: str, which: list[int], leaf: bool) -> None:
        TALLY.steps += 1
        forks = [(p, r) for p, records in self.world.forked.items() for r in records]
        for number in which:
            place, record = forks[number % len(forks)]
            if leaf:
                self.world.as_leaf(reader, record)
            else:
                self.world.kafka.serve(reader, Served(record, record), place)
            self.world.read(reader, place)

    @rule(
        reader=readers,
        at=places_,
        what=st.sampled_from(("committed", "another offset", "topic anew", "restart")),
        number=numbers,
    )
    def move_a_reader(self, reader: str, at: int, what: str, number: int) -> None:
        """Nobody reads committed offsets: a reader that begins again does so where it was."""
        TALLY.steps += 1
        place, party = self.place(at), self.world.parties[reader]
        view = self.world.kafka.views.get((reader, place), [])
        if what == "committed":
            self.world.kafka.committed[reader, place] = number
            party.at.pop(place, None)
        elif what == "another offset" and view:
            party.at[place] = view[number % len(view)].record.offset
        elif what == "topic anew":
            self.world.kafka.forget(reader, place)
        else:
            party.start_reader()
        self.world.read(reader, place)

    # --- news and silence ------------------------------------------------------------------------

    @precondition(lambda self: self.world.news)
    @rule(reader=readers, which=several, altered=st.integers(0, 3))
    def tell(self, reader: str, which: list[int], altered: int) -> None:
        """News that is late, old, told twice or altered: versions only rise."""
        TALLY.steps += 1
        for number in which:
            self.world.tell(reader, number, altered=altered == 0)

    @rule(reader=readers, wholly=st.booleans())
    def freeze(self, reader: str, wholly: bool) -> None:
        """Records are withheld, or everything is; heartbeats, or their silence, tell."""
        TALLY.steps += 1
        if wholly:
            self.world.silence(reader)
        else:
            self.world.freeze(reader)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                heal(self.world)
            finally:
                self.world.close()


TestHostileHost = HostileHost.TestCase
TestHostileHost.settings = settings(max_examples=25, stateful_step_count=35, deadline=None)
