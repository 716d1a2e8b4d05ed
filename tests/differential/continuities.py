"""Both continuity machines, record by record (docs/spec/streams.md, "Continuity", "Order").

Compared are the answer to each record, the gap that it revealed, and after each record all that is
held of the partition: generations, sizes, ends, open gaps. Limits are lowered in some runs, and the
product's state goes through its stored form.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from random import Random
from unittest.mock import patch

from broker.judging import continuity, generations, state_limits
from broker.judging.continuity_types import ContinuityError, EquivocationError, LogPosition
from broker.judging.file_context import FileHistory
from broker.judging.partition_state import PartitionState, format_state, parse_state
from broker.tlog.merkle import left_nodes
from tests.conformance import continuity as second_continuity
from tests.conformance import merkle
from tests.conformance.continuity import Partition, Verdict
from tests.conformance.generations import Seen
from tests.conformance.proofs import Link
from tests.conformance.refusals import RefusedError
from tests.differential.comparison import Comparison, Family
from tests.differential.histories import Shown, delivered, history

Answer = tuple[str, tuple[int, int] | None]
Held = list[tuple[str, int, int, int | None, list[tuple[int, int]]]]


class Product:
    """The product's machine, and what it would have in its store."""

    def __init__(self) -> None:
        self.state: PartitionState | None = None
        self.history = FileHistory()

    def take(self, record: Shown) -> Answer:
        """As ``broker/judging/file_context.py`` takes up a judgement."""
        position = LogPosition(
            record.generation,
            record.index,
            record.leaf,
            left_nodes(record.index, record.path),
            record.size,
            record.root,
            record.time,
            record.link,
            record.leaf_only,
        )
        try:
            placement = continuity.place(self.state, position, self.history)
        except EquivocationError as error:
            assert self.state is not None
            self.state = replace(self.state, stopped=True)
            return error.code, None
        except ContinuityError as error:
            return error.code, None
        if placement.verdict == "before_start":
            return "before_start", None
        if placement.verdict != "repeat":
            self.history.leaves[position.generation, position.index] = (
                position.leaf,
                position.leaf_only,
            )
        for generation, checkpoint in placement.checkpoints:
            self.history.keep(generation, checkpoint)
        self.state = placement.state
        verdict = "repeat" if placement.verdict == "repeat" else "placed"
        return verdict, placement.gap and placement.gap[1:]

    def held(self) -> Held:
        """Everything that has a counterpart in the second machine."""
        if self.state is None:
            return []
        return [
            (one.name, one.start, one.size, one.end, sorted((g.first, g.last) for g in one.gaps))
            for _, one in sorted(self.state.generations.items())
        ]

    def store(self) -> None:
        """Write the state and read it again."""
        if self.state is not None:
            self.state = parse_state(format_state(self.state))


class Second:
    """The second reader's machine."""

    def __init__(self) -> None:
        self.partition = Partition()

    def take(self, record: Shown) -> Answer:
        """As ``tests/conformance/judging.py`` does."""
        walked = merkle.follow(record.leaf, record.index, record.size, record.path)
        assert walked is not None
        root, left = walked
        assert root == record.root
        link = record.link and Link(
            record.link.name, record.link.size, record.link.root, record.link.salt
        )
        seen = Seen(
            *(record.index, record.leaf, left, record.size, record.root, record.time),
            leaf_only=record.leaf_only,
        )
        try:
            placement = self.partition.place(record.generation, seen, link)
        except RefusedError as refusal:
            return refusal.code, None
        repeat = placement.verdict is Verdict.REPEAT
        return "repeat" if repeat else "placed", placement.gap

    def held(self) -> Held:
        """The same as of the product."""
        return [
            (name, one.start, one.size, one.end, sorted((g.first, g.last) for g in one.gaps))
            for name, one in sorted(self.partition.generations.items())
        ]


def compare(rng: Random) -> Comparison:
    """One history, to both."""
    with ExitStack() as limits:
        if rng.random() < 0.3:
            most_generations, gaps = rng.choice((2, 3)), rng.choice((1, 2))
            limits.enter_context(patch.object(generations, "MAX_GENERATIONS", most_generations))
            limits.enter_context(patch.object(continuity, "MAX_GAPS", gaps))
            limits.enter_context(
                patch.object(second_continuity, "MAX_GENERATIONS", most_generations)
            )
            if rng.random() < 0.7:
                # a newest generation alone counts as 4,544 bytes, another as some 700
                for name, most in (
                    ("MAX_STATE_BYTES", rng.choice((4600, 5200, 6000, 7000))),
                    ("MAX_STATE_GAPS", rng.choice((1, 2, 3, 9))),
                ):
                    limits.enter_context(patch.object(state_limits, name, most))
                    limits.enter_context(patch.object(second_continuity, name, most))
            limits.enter_context(patch.object(second_continuity, "MAX_GAPS", gaps))
        return _compared(rng)


def _compared(rng: Random) -> Comparison:
    product, second = Product(), Second()
    stored = rng.random() < 0.3
    told: list[str] = []
    reached: list[str] = []
    for record in delivered(history(rng), rng):
        ours, theirs = product.take(record), second.take(record)
        told.append(f"{record}: {ours[0]}")
        reached.append(ours[0])
        if ours != theirs:
            return Comparison(ours, theirs, told, tuple(reached))
        if product.held() != second.held():
            return Comparison(product.held(), second.held(), told, tuple(reached))
        if stored:
            product.store()
    return Comparison("", "", told, tuple(reached))


FAMILIES = (Family("streams", compare, 120),)
