"""Measurement of a round: process CPU time, with a check of every returned event."""

from __future__ import annotations

import gc
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench import sample_event


class Case(ABC):
    """One way to send the event."""

    name: str
    hides = True

    @abstractmethod
    def produce(self, datas: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """Messages, one for each event; ``datas`` is one batch."""

    @abstractmethod
    def consume(self, messages: Sequence[Any]) -> Sequence[Any]:
        """Result of one reader."""

    def data(self, opened: Any) -> dict[str, Any]:
        """The data of one opened event, to compare."""
        return dict(opened.model_dump())

    def readable(self, data: dict[str, Any]) -> dict[str, Any]:
        """The part of ``data`` that the reader may read."""
        return data

    def parts(self, message: Any) -> Sequence[bytes]:
        """The message's bytes."""
        return (message,)


class Round(NamedTuple):
    """Per event: microseconds of this process's CPU to produce and to consume, and bytes."""

    produce_us: float
    consume_us: float
    bytes: float


class WrongError(Exception):
    """A returned event differs from the sent one."""


_next = 0


def run_round(case: Case, batch: int, events: int) -> Round:
    """Send ``events`` new events in batches and read them, checking every one.

    Raises:
        WrongError: an event came back changed or not at all.
    """
    global _next  # noqa: PLW0603 - no two events of a run may be the same
    first = _next
    _next += events
    datas = [sample_event.plain(first + at) for at in range(events)]
    gc.collect()
    gc.freeze()  # what was made before is not walked through again and again, for any case
    clock = time.process_time_ns
    batches = []
    produced = consumed = 0
    for at in range(0, events, batch):
        part = datas[at : at + batch]
        began = clock()
        messages = case.produce(part)
        produced += clock() - began
        batches.append(messages)
    opened = []
    for messages in batches:
        began = clock()
        found = case.consume(messages)
        consumed += clock() - began
        opened += found
    # Made again, because a serializer may have encrypted what it was given in its place.
    sent = [case.readable(sample_event.plain(first + at)) for at in range(events)]
    if [case.data(one) for one in opened] != sent:
        raise WrongError(f"{case.name}: a returned event differs from the sent one")
    name = sent[0]["victim"]["name"].encode()
    if case.hides and any(name in part for part in case.parts(batches[0][0])):
        raise WrongError(f"{case.name}: a name is there to be read")
    size = sum(len(part) for messages in batches for one in messages for part in case.parts(one))
    return Round(produced / events / 1000, consumed / events / 1000, size / events)
