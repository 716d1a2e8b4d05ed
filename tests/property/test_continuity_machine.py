"""Step 4 against every order in which honest and dishonest streams can reach a reader.

An honest sender restarts, is restored from backups and publishes again; Kafka loses, repeats and
reorders. None of that is ever equivocation, each gap is told once, and fills heal all of them. A
sender that signs two histories is found out as soon as both sides are shown.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from broker.judging.continuity_types import ContinuityError, EquivocationError, LogPosition
from broker.judging.partition_state import receiptable
from broker.tlog.merkle import Frontier

# Test folders have no __init__.py; this module stands beside the unit tests of streams.
from tests.support.stream_world import SenderLog, StreamReader, as_leaf

EXPECTED_REFUSALS = {"superseded", "unlinked", "leaf_not_wanted"}


class HonestStream(RuleBasedStateMachine):
    """One honest sender, a Kafka that loses and reorders, one reader."""

    @initialize()
    def begin(self) -> None:
        self.log = SenderLog()
        self.backups = [self.log.copy()]
        self.branches = 0
        self.kafka: list[LogPosition] = []
        self.read = 0
        self.reader = StreamReader()
        self.told: set[tuple[str, int]] = set()
        self.filled: set[tuple[str, int]] = set()

    # --- the sender ------------------------------------------------------------------------------

    @rule(counts=st.lists(st.integers(1, 5), min_size=1, max_size=3), seconds=st.integers(0, 2))
    def send(self, counts: list[int], seconds: int) -> None:
        for count in counts:
            self.kafka += self.log.send(count, seconds=seconds)

    @rule()
    def restart(self) -> None:
        self.log.now += 1
        self.log.restart()

    @rule()
    def back_up(self) -> None:
        self.backups.append(self.log.copy())

    @rule(which=st.integers(min_value=0))
    def restore(self, which: int) -> None:
        self.branches += 1
        now = self.log.now
        self.log = self.backups[which % len(self.backups)].copy(branch=self.branches)
        self.log.now = now + 1
        self.log.restart()

    # --- Kafka -----------------------------------------------------------------------------------

    @rule(count=st.integers(1, 8))
    def deliver(self, count: int) -> None:
        for position in self.kafka[self.read : self.read + count]:
            self.take(position)
        self.read = min(self.read + count, len(self.kafka))

    @rule(count=st.integers(1, 4))
    def lose(self, count: int) -> None:
        self.read = min(self.read + count, len(self.kafka))

    @rule(which=st.lists(st.integers(min_value=0), min_size=1, max_size=4), leaf=st.booleans())
    def deliver_out_of_order(self, which: list[int], leaf: bool) -> None:
        if self.kafka:
            for at in which:
                position = self.kafka[at % len(self.kafka)]
                self.take(as_leaf(position) if leaf else position)

    def take(self, position: LogPosition) -> str:
        try:
            placement = self.reader.take(position)  # an EquivocationError here fails the machine
        except ContinuityError as error:
            if error.code not in EXPECTED_REFUSALS:
                raise
            return error.code
        if placement.gap is not None:
            generation, first, last = placement.gap
            told = {(generation, index) for index in range(first, last + 1)}
            assert not told & self.told, "a gap is told once"
            self.told |= told
        if placement.verdict == "fill":
            assert (position.generation, position.index) in self.told
            self.filled.add((position.generation, position.index))
        return placement.verdict

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def every_open_gap_was_told_and_is_open(self) -> None:
        if self.reader.state is None:
            return
        for generation, held in self.reader.state.generations.items():
            ranges = [(gap.first, gap.last) for gap in held.gaps]
            assert ranges == sorted(ranges)
            for gap in held.gaps:
                assert held.start <= gap.first <= gap.last < held.size
                assert held.end is None or gap.last < held.end
                assert gap.before.size == gap.first
                assert gap.after is None or gap.after.size == gap.last + 1
                assert (gap.after is None) != (gap.root is None)
                for index in range(gap.first, gap.last + 1):
                    assert (generation, index) in self.told
                    assert (generation, index) not in self.reader.history.leaves

    @invariant()
    def what_is_neither_held_nor_missing_is_above_an_end(self) -> None:
        if self.reader.state is None:
            return
        for generation, held in self.reader.state.generations.items():
            missing = {i for gap in held.gaps for i in range(gap.first, gap.last + 1)}
            for index in range(held.start, held.size):
                if index not in missing and (generation, index) not in self.reader.history.leaves:
                    assert held.end is not None
                    assert index >= held.end

    def teardown(self) -> None:
        """One more record, and all that was ever sent again, until nothing changes: no gap."""
        self.kafka += self.log.send()
        state = object()
        while state != self.reader.state:
            state = self.reader.state
            for position in self.kafka:
                self.take(position)
        assert self.reader.open_gaps == []
        assert self.reader.state is not None
        for name, held in self.reader.state.generations.items():
            assert name <= self.reader.state.start or held.linked
        row = self.log.rows.get(self.reader.state.newest)
        assert row is not None
        newest = self.reader.state.generations[row.name]
        assert newest.frontier == Frontier.from_bytes(row.frontier)
        assert receiptable(self.reader.state) == (row.name, row.size, row.root)


TestHonestStream = HonestStream.TestCase
TestHonestStream.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

batches = st.lists(st.integers(1, 4), min_size=1, max_size=4)


def show(reader: StreamReader, facts: list[LogPosition]) -> None:
    """Show facts until nothing changes; refusals that are not contradictions do not matter."""
    state = object()
    while state != reader.state:
        state = reader.state
        for position in facts:
            try:
                reader.take(position)
            except ContinuityError as error:
                if error.code not in EXPECTED_REFUSALS | {"log_time_fell"}:
                    raise


@settings(max_examples=120, deadline=None)
@given(
    before=batches,
    mine=batches,
    others=batches,
    restarts=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    content=st.booleans(),
    data=st.data(),
)
def test_a_fork_is_found_once_both_sides_were_shown(
    before: list[int],
    mine: list[int],
    others: list[int],
    restarts: tuple[bool, bool, bool],
    content: bool,
    data: st.DataObject,
) -> None:
    log = SenderLog()
    common = [position for count in before for position in log.send(count)]
    if restarts[0]:
        log.restart()
        common += log.send(2)
    other = log.copy(branch=1 if content else None)
    if not content:  # the same records in other batches are two histories as well
        shorter = min(len(mine), len(others))
        assume(mine[:shorter] != others[:shorter])
    sides = []
    for side, counts, restarted in ((log, mine, restarts[1]), (other, others, restarts[2])):
        facts = [position for count in counts for position in side.send(count)]
        if restarted:
            side.restart()
            facts += side.send(1)
        sides.append(facts)
    shown = data.draw(st.permutations(common + sides[0] + sides[1]), label="order")
    reader = StreamReader()
    reader.take(common[0])
    with pytest.raises(EquivocationError):
        show(reader, shown)
    with pytest.raises(ContinuityError, match="stopped"):
        reader.take(common[0])


@settings(max_examples=80, deadline=None)
@given(before=batches, mine=batches, others=batches, data=st.data())
def test_two_records_of_one_index_are_enough(
    before: list[int], mine: list[int], others: list[int], data: st.DataObject
) -> None:
    log = SenderLog()
    common = [position for count in before for position in log.send(count)]
    other = log.copy(branch=1)
    facts = [position for count in mine for position in log.send(count)]
    forked = [position for count in others for position in other.send(count)]
    reader = StreamReader()
    reader.take(common[0])
    taken = data.draw(st.lists(st.sampled_from(common + facts), min_size=1, unique=True))
    for position in taken:
        reader.take(position)  # one history in any order
    known = {position.index for position in taken}
    both = [position for position in forked if position.index in known]
    assume(both)
    with pytest.raises(EquivocationError):
        reader.take(data.draw(st.sampled_from(both)))
