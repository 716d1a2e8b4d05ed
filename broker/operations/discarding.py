"""Discarding of held items: content is removed permanently, and the log records it.

There are two cases. A refused record was never accepted. An export file, or an event of this
agency, can be made again from the agency's own system. They are discarded without further options.
An accepted event of another agency that this agency's system refuses is different: after a discard
this agency has no copy of it. It is discarded only if the person explicitly includes accepted
events. The log then gets two entries: a refusal, with the code of the hold, and an erasure.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from broker.agency.participant import Participant
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.entries import NewLogEntry, is_name
from broker.audit.head_signing import log_act, sign_own_head
from broker.audit.log import append_entries
from broker.audit.reasons import attributed
from broker.held.inventory import held_folders, held_items
from broker.held.items import KINDS, HeldItem
from broker.held.quarantine_folder import find_held_file
from broker.held.retrying import ask_to_try
from broker.operations.erasure import empty_journal
from broker.store.database import Store
from broker.store.transaction import Transaction
from contracts.names import require_known

Outcome: TypeAlias = Literal["discarded", "not_held", "stays", "needs_accepted", "unwritable"]
"""``discarded``: its content is removed.

``not_held``: no item has that id. ``stays``: items of this kind cannot be discarded, see
``KindOfHeld.stays``. ``needs_accepted``: it was accepted from another agency, and accepted events
were not included. ``unwritable``: the file cannot be removed.
"""

_IN_FOLDER: Final = frozenset({"file", "rows"})


@dataclass(frozen=True, slots=True)
class Discarded:
    """Result for one item.

    Attributes:
        id: id from ``quarantine list``.
        outcome: see ``Outcome``.
        code: reason of the hold.
        item: the item; None if no held item has the id.
    """

    id: str
    outcome: Outcome
    code: str | None = None
    item: HeldItem | None = None

    @property
    def settled(self) -> bool:
        """Return whether it is no longer held."""
        return self.outcome == "discarded"

    def as_json(self) -> dict[str, object]:
        """Return the result for scripts."""
        return {"id": self.id, "outcome": self.outcome, "code": self.code}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A person's request to discard.

    Attributes:
        ids: ids from ``quarantine list``.
        sender: also refused records of this agency; empty for none.
        accepted_events: whether to include events that were accepted from another agency.
    """

    ids: Sequence[str] = ()
    sender: str = ""
    accepted_events: bool = False


class Discarding:
    """Finds the requested items, and discards them after a person has agreed."""

    def __init__(self, participant: Participant, store: Store) -> None:
        self._participant = participant
        self._store = store

    def plan(self, wanted: Wanted, now: int) -> list[Discarded]:
        """Return the result for each item without changing anything.

        Args:
            wanted: the request.
            now: ms.

        Raises:
            UnknownNameError: ``agency_unknown``: not a party, and no item of it is held.
        """
        with self._store.reading() as tx:
            items = {one.id: one for one in held_items(tx, held_folders(self._participant), now)}
        ids = list(wanted.ids)
        if wanted.sender:
            senders = {one.agency for one in items.values() if one.agency}
            require_known(
                "sender",
                wanted.sender,
                {*senders, *self._participant.manifests.agencies()} - {self._participant.agency},
                code="agency_unknown",
                exact=True,
            )
            ids += [
                one.id
                for one in items.values()
                if one.kind == "record" and one.agency == wanted.sender
            ]
        return [_planned(id_, items.get(id_), wanted) for id_ in dict.fromkeys(ids)]

    def discard(self, planned: Sequence[Discarded], actor: Actor, now: int) -> list[Discarded]:
        """Carry out a plan.

        Args:
            planned: result of ``plan``; items that it does not discard stay unchanged.
            actor: the person who discards, and the reason.
            now: ms.

        Raises:
            KeyAccessError: the agency's secret is not available; nothing is discarded.
            StoreError: only files are discarded.
        """
        secret = self._participant.keyring.secret()
        in_state = [one for one in planned if one.settled and not _in_folder(one)]
        done: dict[str, Discarded] = {}
        if in_state:
            with self._store.transaction() as tx:
                done = {one.id: self._in_state(tx, one, actor, secret, now) for one in in_state}
                sign_own_head(tx, self._participant, now)
                ask_to_try(tx, now)  # a sender whose quarantine was full can continue
        for one in planned:
            if one.settled and _in_folder(one):
                done[one.id] = self._in_folder(one, actor, secret, now)
        empty_journal(self._store)
        return [done.get(one.id, one) for one in planned]

    def _in_state(
        self, tx: Transaction, planned: Discarded, actor: Actor, secret: bytes, now: int
    ) -> Discarded:
        item = planned.item
        assert item is not None
        if item.kind == "record":
            gone = tx.quarantine.end(int(item.id), "discarded", now)
            entries = [recording.erased("record_discarded", 1, now, source=item.agency)]
        elif item.kind == "event":
            gone, entries = _event(tx, item, now)
        elif item.kind == "row":
            gone = tx.refused_rows.discard(int(item.id.removeprefix("row-")))
            entries = [recording.erased("row_discarded", 1, now)]
        else:
            assert item.event_id is not None
            gone = tx.outbox.discard(item.event_id)
            entries = [recording.erased("event_discarded", 1, now, event_id=item.event_id)]
        if not gone:
            return replace(planned, outcome="not_held")
        append_entries(tx, attributed(tx, actor, secret, entries))
        return planned

    def _in_folder(self, planned: Discarded, actor: Actor, secret: bytes, now: int) -> Discarded:
        """Remove a file. The log entry comes first, so that no file is removed without one."""
        assert planned.item is not None
        path = find_held_file(held_folders(self._participant).quarantine, planned.id)
        if path is None:
            return replace(planned, outcome="not_held")
        try:
            since_ms = path.lstat().st_ctime_ns // 1_000_000
            if since_ms != planned.item.since_ms:  # another file has its name now
                return replace(planned, outcome="not_held")
            if not os.access(path.parent, os.W_OK | os.X_OK):
                return replace(planned, outcome="unwritable")
            with self._store.transaction() as tx:
                entries = [recording.erased("file_discarded", 1, now)]
                log_act(tx, self._participant, actor, secret, entries, now)
            path.unlink()
        except OSError:
            return replace(planned, outcome="unwritable")
        return planned


def _planned(id_: str, item: HeldItem | None, wanted: Wanted) -> Discarded:
    if item is None:
        return Discarded(id_, "not_held")
    outcome: Outcome = "discarded"
    if KINDS[item.kind].stays or (item.kind == "outbox" and item.event_id is None):
        outcome = "stays"
    elif item.kind == "event" and not wanted.accepted_events:
        outcome = "needs_accepted"
    return Discarded(id_, outcome, item.code, item)


def _event(tx: Transaction, item: HeldItem, now: int) -> tuple[bool, list[NewLogEntry]]:
    """Discard an accepted event; the log records a refusal and an erasure."""
    seq = int(item.id.removeprefix("event-"))
    row = tx.inbox.get(seq)
    if row is None or not tx.inbox.discard(seq, now):
        return False, []
    refusal = recording.refused(
        row.type,
        item.code if is_name(item.code) else "mapping_failed",
        now,
        recording.OPERATOR,
        event_id=row.event_id,
        source=row.source,
        case_key=row.case_key,
    )
    erasure = recording.erased(
        "event_discarded",
        1,
        now,
        case_key=row.case_key,
        event_id=row.event_id,
        source=row.source,
        kind_of_event=row.type,
    )
    return True, [refusal, erasure]


def _in_folder(one: Discarded) -> bool:
    return one.item is not None and one.item.kind in _IN_FOLDER
