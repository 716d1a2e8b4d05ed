"""Retries of held items other than records of other agencies.

Only the running adapter has the mapping, so it offers an event to the agency's system again. It
also sends to Kafka again and judges waiting records again. The request is stored in the state
database, so that it is carried out when the adapter starts, too. A file goes back into the import
folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from broker.held.import_folder import entries_not_taken, leftovers, own_inside
from broker.held.inventory import Folders
from broker.held.quarantine_folder import file_id, find_held_file
from broker.sending.sealing_again import ask_again
from broker.store.database import Store
from broker.store.transaction import Transaction

RETRY_ASKED: Final = "retry_asked_ms"
"""Name of the state entry for the last request to send and judge waiting items again."""

Outcome: TypeAlias = Literal[
    "delivered",
    "released",
    "asked",
    "moved_to_import",
    "removed",
    "held",
    "not_held",
    "needs_release",
    "needs_export",
    "waits",
]
"""``delivered``: the agency's system has the event.

``released``: the adapter has not handled it yet. ``asked``: the running adapter does it now.
``removed``: it was an unfinished file and is removed. ``held``: it is still held. ``not_held``: no
item has that id. ``needs_release``: see ``status release``. ``needs_export``: the event is sealed
again when its export is dropped again. ``waits``: it waits for another agency, for the agency's own
system or for an earlier event of its case, so that a retry changes nothing.
"""

ID: Final = re.compile(
    r"(?P<kind>event|outbox|unconfirmed|deferred|stopped|file|rows|row|entry|temporary)-(?P<rest>\S+)"
)
EVENT_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEQ: Final = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Retried:
    """Result of one retry.

    Attributes:
        id: id of the held item.
        outcome: see ``Outcome``.
        code: reason why it is held again.
        step: always None; records have one.
    """

    id: str
    outcome: Outcome
    code: str | None = None
    step: float | None = None

    @property
    def settled(self) -> bool:
        """Return whether the person need do nothing more."""
        return self.outcome in {"delivered", "released", "asked", "moved_to_import", "removed"}

    def as_json(self) -> dict[str, object]:
        """Return the result for scripts."""
        return {"id": self.id, "outcome": self.outcome, "step": self.step, "code": self.code}


Log: TypeAlias = Callable[[Transaction], None]
"""(write transaction) -> nothing; it records in the transaction that a person retries an item."""


def unlogged(_: Transaction) -> None:
    """Record nothing: no person asked for the retry."""


def retry_held(store: Store, folders: Folders, id_: str, now: int, log: Log = unlogged) -> Retried:
    """Try one item again.

    Args:
        store: the agency's state.
        folders: the agency's folders.
        id_: as ``HeldItem.id``.
        now: ms.
        log: called if there is such an item: in the transaction of the retry, or before a file is
            moved or removed.

    Raises:
        StoreError: nothing was changed.
        OSError: a file is in its old place.
    """
    found = ID.fullmatch(id_)
    if found is None:
        return Retried(id_, "not_held")
    kind, rest = found["kind"], found["rest"]
    if kind in {"file", "rows", "temporary", "entry"}:
        return _retry_in_folder(store, folders, kind, id_, now, log)
    with store.transaction() as tx:
        retried = _retry_in_state(tx, kind, rest, now)
        if retried.outcome not in {"not_held", "needs_release"}:
            log(tx)
        return retried


def _retry_in_state(tx: Transaction, kind: str, rest: str, now: int) -> Retried:
    id_ = f"{kind}-{rest}"
    outcome: Outcome = "not_held"
    numbered = _SEQ.fullmatch(rest) is not None
    if kind == "stopped":
        outcome = "needs_release"
    elif kind == "event":
        outcome = "released" if numbered and tx.inbox.release(int(rest)) else "not_held"
    elif kind == "row":
        outcome = "asked" if numbered and tx.refused_rows.ask(int(rest), now) else "not_held"
    elif kind == "outbox" and EVENT_ID.fullmatch(rest) is not None:
        outcome = "needs_export" if ask_again(tx, rest, now) else "not_held"
    elif _waits(tx, kind, rest, now):
        ask_to_try(tx, now)
        outcome = "asked"
    return Retried(id_, outcome)


def _retry_in_folder(
    store: Store, folders: Folders, kind: str, id_: str, now: int, log: Log
) -> Retried:
    if kind == "temporary":
        wanted = [
            path
            for path in leftovers(folders.written, now)
            if file_id("temporary", path.name) == id_
        ]
        if wanted:
            with store.transaction() as tx:
                log(tx)
        for path in wanted:
            path.unlink(missing_ok=True)
        return Retried(id_, "removed" if wanted else "not_held")
    if kind == "entry":
        ours = own_inside(folders.import_, folders.processed, folders.quarantine)
        for item in entries_not_taken(folders.import_, ours, now, folders.done_marker):
            if item.id == id_ and item.code == "file_waits":
                with store.transaction() as tx:
                    ask_to_try(tx, now)
                    log(tx)
                return Retried(id_, "asked")
            if item.id == id_:  # a person must move or rename it
                return Retried(id_, "held", item.code)
        return Retried(id_, "not_held")
    held = find_held_file(folders.quarantine, id_)
    if held is not None:
        with store.transaction() as tx:
            log(tx)
        export = put_back(held, folders.import_, id_.rpartition("-")[2])
        if folders.done_marker is not None:
            export.with_name(f"{export.name}{folders.done_marker}").touch()
    return Retried(id_, "not_held" if held is None else "moved_to_import")


def outcome_of_event(tx: Transaction, id_: str) -> Retried:
    """Return the present outcome of a released event."""
    row = tx.inbox.get(int(id_.removeprefix("event-")))
    if row is not None and row.delivered_ms is not None:
        return Retried(id_, "delivered")
    for event in tx.inbox.held(_ALL):
        if row is not None and event.seq == row.seq:
            return Retried(id_, "held", event.code)
    return Retried(id_, "released")


_ALL: Final = 1_000_000


def ask_to_try(tx: Transaction, now: int) -> None:
    """Ask the running adapter to send and judge waiting items again."""
    tx.meta.set(RETRY_ASKED, str(now).encode())


def asked_ms(tx: Transaction) -> int:
    """Return the time of the last request to send and judge again; 0 for never."""
    value = tx.meta.get(RETRY_ASKED)
    return int(value) if value else 0


def put_back(path: Path, folder: Path, token: str, name: str | None = None) -> Path:
    """Move a file into a folder under a name, or one with ``token``; over no other.

    Args:
        path: the file.
        folder: destination.
        token: distinguishes files of one name.
        name: its own if left out.

    Raises:
        OSError: the file is in its old place.
    """
    wanted = Path(name or path.name)
    for candidate in (wanted.name, f"{wanted.stem}.{token}{wanted.suffix}"):
        target = folder / candidate
        try:
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        try:
            _move(path, target)
        except BaseException:
            target.unlink()  # our own empty placeholder
            raise
        return target
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _move(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(path, target, follow_symlinks=False)
        path.unlink()


def _waits(tx: Transaction, kind: str, rest: str, now: int) -> bool:
    if kind == "outbox":
        return any(topic == rest for topic, _, _ in tx.outbox.waiting_since(now))
    if kind == "unconfirmed":
        return any(str(row.id) == rest for row in tx.quarantine.list("waiting", _ALL))
    return any(
        f"{row.agency}/{row.topic}/{row.partition}" == rest for row in tx.reader.all_deferred()
    )
