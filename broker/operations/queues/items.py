"""Items of the two queues: states, and what a person may do with an item in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.held.items import KINDS, HeldItem
from broker.observing.metrics import HeldKind
from broker.operations.discarding import Outcome

QueueKind: TypeAlias = HeldKind | Literal["copy"]
"""Kind of an item; a `copy` is an own event that waits for one agency."""

QueueState: TypeAlias = Literal[
    "waiting", "stopped", "sending", "later",
    "trying", "offered", "behind", "unjudged",
    "put_aside",
]  # fmt: skip
"""Reason why an item is not at its destination: see `STATES`."""


@dataclass(frozen=True, slots=True)
class StateWords:
    """A state in words.

    Attributes:
        means: what the item waits for.
        stays: why it cannot be discarded; empty if it can.
    """

    means: str
    stays: str = ""


STATES: Final[Mapping[QueueState, StateWords]] = {
    "waiting": StateWords("It waits for its turn."),
    "stopped": StateWords(
        "This agency takes no part in its agreement now. It goes out when we resume our part."
    ),
    "sending": StateWords(
        "Kafka has not acknowledged it. It is sent again automatically.",
        "It has its place in our stream, so partners expect it. It is sent again automatically.",
    ),
    "later": StateWords(
        "Its recipient cannot be reached now. A copy is sent automatically when it can be reached."
    ),
    "trying": StateWords(
        "Your own system did not take it. It is tried again automatically.",
        "It was accepted, and your own system has not refused it. Correct the connection to your "
        "own system.",
    ),
    "offered": StateWords(
        "Your own system can read it and has sent no result.",
        "It was accepted, and your own system has not refused it. Let that system send its result.",
    ),
    "behind": StateWords(
        "It waits for an earlier event of its case, which is put aside.",
        "It waits for an earlier event of its case. Retry or discard that one.",
    ),
    "unjudged": StateWords("It cannot be judged yet. It is judged again automatically."),
    "put_aside": StateWords("It waits for a person."),
}
"""What each state means."""

TO_OWN_SYSTEM_STAYS: Final = (
    "It was accepted, and your own system has not refused it. It is delivered automatically."
)
"""Reason for which an event cannot be discarded that waits for its turn at the own system."""


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One item. It has no value of a field.

    Attributes:
        id: argument of retry, discard and show.
        kind: its kind.
        state: reason why it is not at its destination.
        since_ms: when it came into the queue, or was put aside.
        agencies: its recipients, or its sender; none for files and rows.
        about: type, topic or file name. A file name may hold personal data: show it only on the
            terminal.
        code: reason code; empty if it only waits.
        detail: one sentence without personal values.
        event_id: id of the event, if it is one.
        field: the field at fault, if any.
        count: number of records, rows or events that it stands for.
        next_ms: when it is tried again, if that is known.
        stays: why it cannot be discarded; empty if it can.
    """

    id: str
    kind: QueueKind
    state: QueueState
    since_ms: int
    agencies: tuple[str, ...] = ()
    about: str = ""
    code: str = ""
    detail: str = ""
    event_id: str | None = None
    field: str | None = None
    count: int = 1
    next_ms: int | None = None
    stays: str = ""


@dataclass(frozen=True, slots=True)
class QueueDiscard:
    """Result of discarding one item, or of the plan to do so; see `discarding.Outcome`."""

    id: str
    outcome: Outcome
    item: QueueItem | None = None

    @property
    def settled(self) -> bool:
        """Return whether it is discarded, or will be."""
        return self.outcome == "discarded"

    def as_json(self) -> dict[str, object]:
        """Return the result for scripts, as `quarantine discard` prints it."""
        code = None if self.item is None else self.item.code or None
        return {"id": self.id, "outcome": self.outcome, "code": code}


def put_aside_item(item: HeldItem) -> QueueItem:
    """Return a held item as an item of a queue."""
    unjudged = item.kind in {"unconfirmed", "deferred"}
    return QueueItem(
        item.id,
        item.kind,
        "unjudged" if unjudged else "put_aside",
        item.since_ms,
        () if item.agency is None else (item.agency,),
        item.about,
        item.code,
        item.detail,
        item.event_id,
        item.field,
        item.count,
        stays=KINDS[item.kind].stays,
    )
