"""One thing that is held, and what a person needs to know of each kind of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from broker.observing.metrics import HeldKind


@dataclass(frozen=True, slots=True)
class KindOfHeld:
    """What one kind of held thing is, and how it goes on.

    Attributes:
        title: for a heading, plural.
        retry: the command that tries it again; ``ID`` and ``DIR`` stand for its id and the
            agency's folder.
        urgent: whether ``doctor`` fails because of it; otherwise it warns.
        stays: why it cannot be discarded, with the next step; empty where it can.
    """

    title: str
    retry: str
    urgent: bool = True
    stays: str = ""


_RETRY: Final = "concordant quarantine retry ID --agency DIR"

KINDS: Final[Mapping[HeldKind, KindOfHeld]] = {
    "record": KindOfHeld("records of other agencies that were refused", _RETRY),
    "deferred": KindOfHeld(
        "senders whose records cannot be judged yet; they are judged again by themselves",
        _RETRY,
        urgent=False,
        stays="The records are in Kafka and not taken yet. They are judged again by themselves.",
    ),
    "stopped": KindOfHeld(
        "senders whose partition is stopped, because they contradicted themselves",
        "concordant status release AGENCY TOPIC PARTITION --agency DIR",
        stays="The records are in Kafka and not taken yet. Ask the sender, then: concordant status "
        "release AGENCY TOPIC PARTITION --agency DIR",
    ),
    "event": KindOfHeld("events that the agency's own system did not take", _RETRY),
    "outbox": KindOfHeld(
        "events that Kafka has not taken for a minute, by topic, or that have to be sealed again",
        _RETRY,
    ),
    "file": KindOfHeld("export files that were refused as a whole", _RETRY),
    "rows": KindOfHeld("files of rows that were refused", _RETRY),
    "entry": KindOfHeld(
        "entries of the import folder that are not taken",
        _RETRY,
        urgent=False,
        stays="It is not the adapter's. Move it out of the import folder, or rename it.",
    ),
    "temporary": KindOfHeld(
        "files that a crash left half written; what they were to hold is written again",
        _RETRY,
        urgent=False,
        stays="Remove it with: concordant quarantine retry ID --agency DIR",
    ),
}
"""Every place where something that was accepted is put aside. A new one needs its line here; the
test of this table demands a status, a metric, an alert and a retry of each."""


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One thing that is held.

    Attributes:
        kind: which kind.
        id: what ``quarantine retry`` takes.
        since_ms: since when.
        code: why; stable.
        detail: one sentence without personal values.
        about: event type, topic or file name: what a person finds it by. A file name may hold
            personal data: for the terminal and never for a log or a metric.
        agency: whose it is, if it is another agency's.
        event_id: of an event.
        field: the field that is the reason, if it is one.
        count: how many records or events stand behind it.
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
class HeldCount:
    """How many things of a kind are held, and since when the oldest is."""

    count: int = 0
    oldest_ms: int | None = None
