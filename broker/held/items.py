"""Types of held items, and what a person needs to know about each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.observing.metrics import HeldKind
from contracts.phrases import N_


@dataclass(frozen=True, slots=True)
class KindOfHeld:
    """Description of one kind of held item.

    Attributes:
        title: the items in words, plural.
        single: the same for one.
        retry: the command that tries it again; ``ID`` and ``DIR`` stand for its id and the agency's
            folder.
        urgent: whether ``doctor`` fails because of it; otherwise it warns.
        stays: reason why it cannot be discarded, with the next step; empty if it can.
    """

    title: str
    single: str
    retry: str
    urgent: bool = True
    stays: str = ""


UNSENT_STAYS: Final = N_(
    "Kafka has not acknowledged these events yet; they are sent again automatically."
)
"""Reason for which events that wait for Kafka cannot be discarded."""
_RETRY: Final = "concordant quarantine retry ID --agency DIR"

KINDS: Final[Mapping[HeldKind, KindOfHeld]] = {
    "record": KindOfHeld(
        N_("records of other agencies that were refused"),
        N_("record of another agency that was refused"),
        _RETRY,
    ),
    "unconfirmed": KindOfHeld(
        N_(
            "records from before the end of their sender's part, which wait for a "
            "receipt that confirms them; they are judged again automatically"
        ),
        N_(
            "record from before the end of its sender's part, which waits for a "
            "receipt that confirms it; it is judged again automatically"
        ),
        _RETRY,
        urgent=False,
        stays=N_(
            "The record is stored. It is judged again automatically, and goes to the "
            "quarantine if the leaves below the receipt do not come."
        ),
    ),
    "deferred": KindOfHeld(
        N_("senders whose records cannot be judged yet; they are judged again automatically"),
        N_("sender whose records cannot be judged yet; they are judged again automatically"),
        _RETRY,
        urgent=False,
        stays=N_(
            "The records are in Kafka and not accepted yet. They are judged again automatically."
        ),
    ),
    "stopped": KindOfHeld(
        N_("senders whose partition is stopped because their signed texts contradict each other"),
        N_("sender whose partition is stopped because its signed texts contradict each other"),
        "concordant status release AGENCY TOPIC PARTITION --agency DIR",
        stays=N_(
            "The records are in Kafka and not accepted yet. Ask the sender, then: "
            "concordant status release AGENCY TOPIC PARTITION --agency DIR"
        ),
    ),
    "event": KindOfHeld(
        N_("events that the agency's own system did not accept"),
        N_("event that the agency's own system did not accept"),
        _RETRY,
    ),
    "outbox": KindOfHeld(
        N_(
            "events that Kafka has not acknowledged for a minute, by topic, or that "
            "must be sealed again"
        ),
        N_("event that Kafka has not acknowledged for a minute, or that must be sealed again"),
        _RETRY,
    ),
    "file": KindOfHeld(
        N_("export files that were refused as a whole"),
        N_("export file that was refused as a whole"),
        _RETRY,
    ),
    "rows": KindOfHeld(
        N_("files of rows that were refused"), N_("file of rows that were refused"), _RETRY
    ),
    "row": KindOfHeld(
        N_("rows of the agency's own database that were refused"),
        N_("row of the agency's own database that was refused"),
        _RETRY,
    ),
    "entry": KindOfHeld(
        N_("entries of the import folder that are not taken"),
        N_("entry of the import folder that is not taken"),
        _RETRY,
        urgent=False,
        stays=N_(
            "It does not belong to the adapter. Move it out of the import folder, or rename it."
        ),
    ),
    "temporary": KindOfHeld(
        N_("unfinished files that a crash left; their content is written again"),
        N_("unfinished file that a crash left; its content is written again"),
        _RETRY,
        urgent=False,
        stays=N_("Remove it with: concordant quarantine retry ID --agency DIR"),
    ),
}
"""Every kind of held item.

A new kind needs its line here; the test of this table requires a status, a metric, an alert and a
retry of each.
"""


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One held item.

    Attributes:
        kind: its kind.
        id: argument of ``quarantine retry``.
        since_ms: when it was first held.
        code: stable reason code.
        detail: one sentence without personal values.
        about: event type, topic or file name, by which a person finds it. A file name may hold
            personal data: show it only on the terminal, never in a log or a metric.
        agency: the other agency it comes from, if any.
        event_id: id of an event.
        field: the field at fault, if any.
        count: number of records or events that it stands for.
    """

    kind: HeldKind
    id: str
    since_ms: int
    code: str
    detail: str = ""
    about: str = ""
    agency: str | None = None
    event_id: str | None = None
    field: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """Held items of one kind, code and agency.

    Attributes:
        kind: their kind.
        code: their reason code.
        agency: the partner they come from; None for our own.
        count: number of items.
        oldest_ms: when the oldest was first held.
    """

    kind: HeldKind
    code: str
    agency: str | None
    count: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class HeldCount:
    """Number of held items of a kind, and the time of the oldest."""

    count: int = 0
    oldest_ms: int | None = None
