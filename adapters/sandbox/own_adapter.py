"""Watch of the rehearsed agency's own adapter: what it sent, accepted, refused and put aside.

It reads the disclosure log, the inbox and the held items of the sandbox's state, as `status`,
`log` and `quarantine list` do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from shlex import quote
from typing import Final

from adapters.sandbox.happenings import Chronicle
from broker.agency.participant import Participant
from broker.audit.entries import NewLogEntry, parse_log_entry
from broker.codes.meanings import CODES
from broker.held.inventory import held_folders, held_items
from broker.held.items import KINDS, HeldItem
from broker.observing.metrics import Metrics, Outcome
from broker.store.database import Store, open_store, state_exists
from broker.store.rows import RecipientRow
from broker.waiting import set_within
from contracts.errors import ConcordantError

LOOK_S: Final = 0.3
FAILED_LOOKS: Final = 10
"""Looks in a row that fail before the state counts as broken and not as busy."""
PAGE_ROWS: Final = 500
MOST_AWAITED: Final = 200
"""Events whose reports are told; `event status` shows those of any event."""
_REPORTED: Final = {
    "delivered": "is in its system",
    "put_aside": "was put aside",
    "refused": "was refused",
}
_SHOWN: Final = frozenset({"repeat", "leaf", "deferred"})


class HeardMetrics(Metrics):
    """Metrics of the agency's adapter, which also tell what was refused."""

    def __init__(self, tell: Chronicle) -> None:
        super().__init__()
        self._heard = tell

    def refused(self, step: float, code: str) -> None:
        """Count and tell a refused record."""
        super().refused(step, code)
        self._heard(
            "refused",
            f"your adapter refused a record at step {step:g}: {code}. {meaning_of(code)}".strip(),
            code=code,
            step=step,
        )

    def passed_over(self, outcome: Outcome) -> None:
        """Count a record of which nothing was taken, and tell it if it is unusual."""
        super().passed_over(outcome)
        if outcome in _SHOWN:
            self._heard(
                "passed_over", f"your adapter passed a record over: {outcome}", kind=outcome
            )

    def alarm(self, code: str, agency: str) -> None:
        """Count and tell an alarm."""
        super().alarm(code, agency)
        about = f" about {agency}" if agency else ""
        self._heard(
            "alarm",
            f"your adapter raised the alarm {code}{about}. {meaning_of(code)}".strip(),
            code=code,
            partner=agency,
        )


def meaning_of(code: str) -> str:
    """Return the meaning of a reason code in words; empty for a code without one."""
    meaning = CODES.get(code)
    return "" if meaning is None else f"It means: {meaning.means}."


class OwnAdapterWatch:
    """Looks at the state of the agency's adapter, and tells each change once.

    Args:
        participant: the agency's folder in the sandbox.
        clock: () -> ms.
        tell: takes what happens.
    """

    def __init__(self, participant: Participant, clock: Callable[[], int], tell: Chronicle) -> None:
        self._participant = participant
        self._clock = clock
        self._tell = tell
        self._next_entry = 0
        self._next_event = 1
        self._undelivered: set[int] = set()
        self._awaited: dict[str, dict[str, tuple[str, str]]] = {}
        self._held: set[str] = set()
        self._store: Store | None = None
        self._failed = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look until ``stop`` is set."""
        while not stop.is_set():
            await set_within(stop, LOOK_S)
            await asyncio.to_thread(self.look)

    def end(self) -> None:
        """Look once more, after the adapter has stopped, and close the state."""
        self.look()
        if self._store is not None:
            self._store.close()

    def look(self) -> None:
        """Tell what is new."""
        place = self._participant.state
        if self._store is None and not state_exists(place):
            return
        try:
            if self._store is None:
                self._store = open_store(place)
            with self._store.reading() as tx:
                rows = tx.disclosures.read(self._next_entry, PAGE_ROWS)
                entries = [parse_log_entry(row.entry) for row in rows]
                arrived: list[int] = []
                while (row := tx.inbox.get(self._next_event + len(arrived))) is not None:
                    arrived.append(row.seq)
                waiting = sorted(self._undelivered | set(arrived))
                found = [tx.inbox.get(seq) for seq in waiting]
                answers = [row for one in self._awaited for row in tx.recipients.of_event(one)]
                held = held_items(tx, held_folders(self._participant), self._clock())
        except ConcordantError as error:  # the state may be busy: the next look tells it
            self._unread(error.code)
            return
        self._failed = 0
        if rows:
            self._next_entry = rows[-1].index + 1
        self._next_event += len(arrived)
        self._undelivered = set(waiting)
        self._reported(answers)
        for entry in entries:
            self._entry(entry)
        for one in found:
            if one is not None and one.delivered_ms is not None:
                self._undelivered.discard(one.seq)
                self._tell(
                    "delivered",
                    f"your system has {one.type} of {one.source}"
                    + (f" ({one.sink_reference})" if one.sink_reference else ""),
                    partner=one.source,
                    type=one.type,
                    id=one.event_id,
                    reference=one.sink_reference,
                )
        self._holds(held)

    def _unread(self, code: str) -> None:
        """Count a look that failed, and tell once that the state stays unreadable."""
        self._failed += 1
        if self._failed == FAILED_LOOKS:
            self._tell(
                "state_unread",
                f"the state of your adapter cannot be read, so nothing of it is shown: {code}. "
                f"{meaning_of(code)}".strip(),
                fix=f"concordant doctor --agency {quote(str(self._participant.root))}",
                code=code,
            )

    def _entry(self, entry: NewLogEntry) -> None:
        if entry.kind == "disclosure":
            self._sent(entry)
        elif entry.kind == "refusal" and entry.source is None:
            what = entry.type or "a row or event"
            self._tell(
                "not_sent",
                f"{what} was not sent: {entry.reason}. {meaning_of(entry.reason or '')}".strip(),
                type=entry.type,
                code=entry.reason,
                partners=list(entry.recipients),
                clause=entry.clause,
            )
        elif entry.kind == "collection" and entry.source is not None:
            self._tell(
                "received",
                f"your adapter accepted {entry.type} of {entry.source} with "
                f"{len(entry.fields())} fields",
                partner=entry.source,
                type=entry.type,
                id=entry.event_id,
                fields=sorted(entry.fields()),
            )

    def _reported(self, rows: Iterable[RecipientRow]) -> None:
        """Tell what the reports of partners say about the agency's events."""
        for row in rows:
            state, code = row.state or "", row.code or ""
            known = self._awaited[row.event_id]
            if not state or known.get(row.agency) == (state, code):
                continue
            known[row.agency] = (state, code)
            words = _REPORTED[state]
            because = f": {code}. {meaning_of(code)}" if code else ""
            self._tell(
                "reported",
                f"{row.agency} reports that your event {row.event_id} {words}{because}",
                partner=row.agency,
                id=row.event_id,
                state=state,
                code=code or None,
            )

    def _sent(self, entry: NewLogEntry) -> None:
        if entry.event_id is not None and len(self._awaited) < MOST_AWAITED:
            self._awaited.setdefault(entry.event_id, {})
        fields: dict[str, list[str]] = {}
        for share in entry.shares:
            for agency in share.recipients:
                fields.setdefault(agency, []).extend(share.fields)
        for agency, paths in sorted(fields.items()):
            less = {**entry.left_out_for.get(agency, {}), **entry.left_out}
            without = f", without {', '.join(sorted(less))}" if less else ""
            self._tell(
                "sent",
                f"{entry.type} was sealed for {agency}: {', '.join(sorted(paths))}{without}",
                partner=agency,
                type=entry.type,
                id=entry.event_id,
                fields=sorted(paths),
                left_out=dict(less),
            )
        for agency, code in entry.not_sealed.items():
            self._tell(
                "not_sent",
                f"{entry.type} was not sealed for {agency}: {code}. {meaning_of(code)}".strip(),
                partner=agency,
                type=entry.type,
                id=entry.event_id,
                code=code,
            )

    def _holds(self, items: Iterable[HeldItem]) -> None:
        now = {item.id: item for item in items}
        for name, item in now.items():
            if name in self._held or item.kind in {"outbox", "temporary"}:
                continue
            self._tell(
                "put_aside",
                f"your adapter put aside {_described(item)}: {item.code}{_place(item)}",
                fix=retry_of(item, str(self._participant.root)),
                partner=item.agency,
                code=item.code,
                kind=item.kind,
                held=item.id,
                id=item.event_id,
                field=item.field,
            )
        self._held = set(now)


def retry_of(item: HeldItem, folder: str) -> str:
    """Return the command that tries a held item again."""
    return KINDS[item.kind].retry.replace("ID", item.id).replace("DIR", folder)


def _place(item: HeldItem) -> str:
    """Return the field, and the sentence of the refusal or the meaning of its code."""
    field = f" in {item.field}" if item.field else ""
    return f"{field}: {item.detail}" if item.detail else f"{field}. {meaning_of(item.code)}".strip()


def _described(item: HeldItem) -> str:
    names = {
        "record": "a record",
        "event": "an event for your system",
        "file": "a file",
        "rows": "refused rows",
        "entry": "an entry of the import folder",
        "deferred": "records that cannot be judged yet",
        "stopped": "a partition of a partner",
    }
    whose = f" of {item.agency}" if item.agency else ""
    about = f" ({item.about})" if item.about else ""
    return f"{names.get(item.kind, 'something')}{whose}{about}"
