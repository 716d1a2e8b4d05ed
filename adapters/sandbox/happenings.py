"""Record of a rehearsal: one line for each thing that happens, and the counts at the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

What: TypeAlias = Literal[
    "ready",  # the rehearsal runs
    "sent",  # the agency's event was sealed for partners
    "not_sent",  # the agency's event or row was refused before it was sealed
    "imported",  # a partner's system took an event of the agency
    "rejected",  # a partner's system refused it
    "reported",  # a partner's report says what became of an event of the agency
    "waiting",  # a partner that is late has it and waits
    "partner_sent",  # a partner sent an event to the agency
    "rubbish_sent",  # a partner sent a faulty record
    "received",  # the agency's adapter accepted an event of a partner
    "delivered",  # the agency's own system has the event
    "put_aside",  # the agency's adapter holds something for a person
    "refused",  # the agency's adapter refused a record
    "passed_over",  # the agency's adapter took nothing from a record, for example a repeat
    "alarm",  # the agency's adapter raised an alarm
    "state_unread",  # the state of the agency's adapter cannot be read
    "partner_failed",  # a partner could not do what it was to do
]
DONE: Final[frozenset[What]] = frozenset({"imported", "rejected", "delivered"})
"""Things after which an event counts as done, for `--events`."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened.

    Attributes:
        what: its kind.
        text: in words, without values of fields.
        facts: members of the JSON line.
        fix: what to do about it; empty for most.
    """

    what: What
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)
    fix: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the members of its JSON line."""
        shown: dict[str, object] = {"what": self.what, **self.facts, "text": self.text}
        return shown | ({"fix": self.fix} if self.fix else {})


@dataclass(slots=True)
class Summary:
    """Counts of a whole rehearsal.

    Attributes:
        counts: number of happenings by kind.
        by_partner: partner -> kind -> number.
        codes: reason code -> number, of everything that was refused or put aside.
        folder: the folder of the rehearsal; empty if it was removed.
    """

    counts: Counter[str] = field(default_factory=Counter)
    by_partner: dict[str, Counter[str]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    folder: str = ""

    @property
    def done(self) -> int:
        """Return the number of events that are done."""
        return sum(self.counts[one] for one in DONE)

    def as_json(self) -> dict[str, object]:
        """Return the members of the last JSON line."""
        return {
            "what": "summary",
            "counts": dict(sorted(self.counts.items())),
            "partners": {
                agency: dict(sorted(counts.items()))
                for agency, counts in sorted(self.by_partner.items())
            },
            "codes": dict(sorted(self.codes.items())),
            "folder": self.folder or None,
        }


class Chronicle:
    """Takes happenings from every part of a rehearsal, in any thread.

    Args:
        tell: shows one happening.
        enough: called once when so many events are done.
        events: number of events that are enough; None for no limit.
    """

    def __init__(
        self,
        tell: Callable[[Happening], None],
        enough: Callable[[], None] = lambda: None,
        events: int | None = None,
    ) -> None:
        self._tell = tell
        self._enough = enough
        self._events = events
        self._lock = threading.Lock()
        self.summary = Summary()

    def __call__(self, what: What, text: str, *, fix: str = "", **facts: object) -> None:
        """Show and count a happening; facts without a value are left out."""
        given = {name: value for name, value in facts.items() if value not in (None, "", ())}
        with self._lock:
            self.summary.counts[what] += 1
            partner, code = facts.get("partner"), facts.get("code")
            if isinstance(partner, str):
                self.summary.by_partner.setdefault(partner, Counter())[what] += 1
            if isinstance(code, str):
                self.summary.codes[code] += 1
            self._tell(Happening(what, text, given, fix))
            if self._events is not None and self.summary.done >= self._events:
                self._enough()
