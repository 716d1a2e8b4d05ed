"""Erasure of a case from this agency's adapter; everything that is left is named.

Removed: sealed values that were sent, payloads that were delivered or are held, reasons in words of
the case's log entries, the same in the databases of subscriptions, and the case's records in the
adapter's own folders. Left: hashes, which others need to close gaps, the link between the agency's
reference and the shared id, and the items of `Left`. The agency's own system and the recipients
must erase, and confirm, their own copies.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from broker import pseudonyms
from broker.agency.participant import Participant, load_participant
from broker.agency.running import open_held_state
from broker.audit import recording
from broker.audit.actor import Actor
from broker.audit.head_signing import log_act
from broker.audit.query import PlacedEntry, entries_of_case
from broker.errors import WrongInputError
from broker.operations.disclosure_log import case_id, unsent_case_id
from broker.sending.copies import ERASED
from broker.store.database import Store, open_store
from broker.store.transaction import Transaction
from contracts.hidden_characters import one_line

FOLD_TRIES: Final = 20
FOLD_WAIT_S: Final = 0.25
FEWEST_CHARACTERS: Final = 4
"""Minimum length of a reference that is only in files: a shorter one may match by chance."""
UNSEARCHED: Final = "file_unsearched"
FOLDER_UNSEARCHED: Final = "folder_unsearched"
_NOT_LOOKED_INTO: Final = frozenset({UNSEARCHED, FOLDER_UNSEARCHED})
SHOWN_FILES: Final = 3
SUBSCRIPTIONS: Final = "state/subscriber-*.db"

Folder: TypeAlias = Literal["import", "processed", "quarantine", "inbox"]
Step: TypeAlias = Literal["remove", "cut", "leave"]


@dataclass(frozen=True, slots=True)
class CaseNames:
    """Names of a case in files.

    Attributes:
        shared_id: the id that all agencies share.
        own_reference: reference in this agency's own system, if it is linked.
        events: ids of its events, our own and those received.
    """

    shared_id: str
    own_reference: str | None
    events: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that holds records of the case.

    Attributes:
        path: path of the file.
        folder: its folder.
        step: `remove` it, `cut` the case's records out of it, or `leave` it.
        records: number of records of the case, if they could be told apart; else 0.
        why: code of the reason why it is left; empty otherwise.
    """

    path: Path
    folder: Folder
    step: Step
    records: int = 0
    why: str = ""


class CaseFiles(Protocol):
    """The agency's folders, read by its adapter."""

    def find(self, tx: Transaction, names: CaseNames, *, whole_files: bool) -> list[FoundFile]:
        """Return every file that holds the case, and what can be done with it.

        Args:
            tx: the agency's state.
            names: names of the case.
            whole_files: whether to remove also refused files that cannot be cut.
        """

    def erase(self, tx: Transaction, found: FoundFile, names: CaseNames) -> None:
        """Carry out the step of one file.

        Raises:
            OSError: nothing was changed.
        """


@dataclass(frozen=True, slots=True)
class Left:
    """An item that still holds the case.

    Codes: `not_taken` (a file in the import folder), `file_shared` (a refused file that holds other
    cases and cannot be cut), `file_packed` (a compressed file with the case in it),
    `file_unsearched` (a file that cannot be searched to its end), `folder_unsearched` (a
    folder that cannot be read, or lies too deep), `file_foreign` (not written by the adapter),
    `file_unreadable`, `file_unwritable`, `not_sent` (events that Kafka does not have yet),
    `not_delivered` (events that the agency's system does not have yet), `journal_in_use` (the
    database's journal is emptied when its reader ends).
    """

    what: str
    why: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Erased:
    """Removed items, and what is left.

    Attributes:
        values: sealed values of events that were sent, and events that waited for an agency.
        payloads: payloads that were delivered, or held because the own system did not take them;
            events and drafts of the desk.
        facts: facts for figures.
        reasons: reasons in words of the case's log entries.
        files: files removed or cut.
        left: items that still hold the case.
    """

    values: int = 0
    payloads: int = 0
    facts: int = 0
    reasons: int = 0
    files: tuple[FoundFile, ...] = ()
    left: tuple[Left, ...] = field(default=())

    @property
    def anything(self) -> bool:
        """Return whether anything was removed."""
        return bool(self.values or self.payloads or self.facts or self.files)


def erase_case(
    agency: Path,
    case: str,
    actor: Actor,
    now: int,
    files_of: Callable[[Participant], CaseFiles],
    *,
    whole_files: bool = False,
) -> Erased:
    """Remove the adapter's copies of a case, and log it.

    Args:
        agency: its folder.
        case: the shared id, or this agency's own reference for it.
        actor: the person who erases, and the reason.
        now: milliseconds since the epoch.
        files_of: the folders of a loaded agency.
        whole_files: remove also refused files that hold other cases and cannot be cut.

    Raises:
        WrongInputError: ``case_unknown``: it is no shared id, nothing of it was sent or received,
            and no file of the agency's folders has its reference.
        StoreError: ``state_missing``, or the state cannot be written.
        KeyAccessError: the agency's secret is not available.
        ConfigError: the agency's adapter is not installed.
    """
    participant = load_participant(agency, now)
    secret = participant.keyring.secret()
    files = files_of(participant)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            shared_id, known = _shared_id(tx, secret, case)
            case_key = pseudonyms.case_key(secret, shared_id)
            entries = entries_of_case(tx, case_key)
            names = _names(tx, shared_id, entries, case)
            found = files.find(tx, names, whole_files=whole_files)
            if not known and all(one.step == "leave" and not one.records for one in found):
                _require_holding(case, found, participant)
        own = [e.entry.event_id for e in entries if e.entry.source is None and e.entry.event_id]
        planned = [one for one in found if one.step != "leave"]
        with store.transaction() as tx:
            values = tx.outbox.forget_events(own) + tx.copies.end_case(case_key, ERASED, now)
            payloads = tx.inbox.forget_case(case_key, now) + _forget_desk(tx, case_key)
            facts = tx.figure_facts.forget_case(case_key)
            facts += tx.figure_referrals.forget_case(case_key)
            facts += tx.unions.forget_case(case_key)
            reasons = 0
            if values or payloads or facts or planned:
                hashes = [e.entry.reason_text for e in entries if e.entry.reason_text]
                reasons = tx.disclosures.forget_reasons(hashes)
                tx.disclosures.forget_sources(case_key)
                count = values + payloads + facts + len(planned)
                entry = recording.erased("erasure_confirmed", count, now, case_key=case_key)
                log_act(tx, participant, actor, secret, [entry], now)
            unsent = tx.outbox.unsent_of(own)
            undelivered = tx.inbox.undelivered_of(case_key)
        done, unwritable = _erase_files(store, files, planned, names)
        folded = empty_journal(store)
    finally:
        store.close()
    left = [
        Left(_shown(participant, one.path), one.why, max(one.records, 1))
        for one in found
        if one.step == "leave"
    ]
    left += [Left(_shown(participant, one.path), "file_unwritable") for one in unwritable]
    for path in sorted(participant.root.glob(SUBSCRIPTIONS)):
        more, waiting, emptied = _erase_subscription(path, case_key, now)
        payloads += more
        undelivered += waiting
        folded = folded and emptied
    if unsent:
        left.append(Left("outbox", "not_sent", unsent))
    if undelivered:
        left.append(Left("inbox", "not_delivered", undelivered))
    if not folded:
        left.append(Left("state", "journal_in_use"))
    return Erased(values, payloads, facts, reasons, tuple(done), tuple(left))


def _forget_desk(tx: Transaction, case_key: bytes) -> int:
    """Remove what people see of a case at the desk, drafts included. Return how many items."""
    return tx.desk_events.forget_case(case_key) + tx.drafts.forget_case(case_key)


def _shared_id(tx: Transaction, secret: bytes, case: str) -> tuple[str, bool]:
    """Return the shared id of a case, and whether the state or the log knows it.

    A case of which every record was refused has none. It gets the id that a record of it would have
    got, so that the erasure can be found in the log.

    Raises:
        WrongInputError: ``case_unknown``; a reference has at least one digit.
    """
    try:
        return case_id(tx, case, secret), True
    except WrongInputError:
        if not any(char.isdigit() for char in case):
            raise
        return unsent_case_id(secret, case), False


def _require_holding(case: str, found: Sequence[FoundFile], participant: Participant) -> None:
    """Refuse a case that only appears in files to be left, where it may match by chance.

    Raises:
        WrongInputError: ``case_unknown``.
    """
    if len(case) >= FEWEST_CHARACTERS and any(one.why not in _NOT_LOOKED_INTO for one in found):
        return
    paths = [_shown(participant, one.path) for one in found if one.why in _NOT_LOOKED_INTO]
    unsearched = [os.fsencode(path).decode(errors="backslashreplace") for path in paths]
    message = "The case is neither a shared id nor a reference of this agency."
    fix = "Give the shared id (a UUID), or the reference of the agency's own system."
    if unsearched:
        named = ", ".join(one_line(path) for path in unsearched[:SHOWN_FILES])
        message += f" {len(unsearched)} files or folders could not be searched for it: {named}."
        fix += " Look into these yourself, and remove the case from them."
    raise WrongInputError(message, code="case_unknown", fix=fix)


def _erase_files(
    store: Store, files: CaseFiles, planned: Sequence[FoundFile], names: CaseNames
) -> tuple[list[FoundFile], list[FoundFile]]:
    """Return the files whose step was done, and those whose step failed."""
    done: list[FoundFile] = []
    unwritable: list[FoundFile] = []
    with store.reading() as tx:
        for one in planned:
            try:
                files.erase(tx, one, names)
            except OSError:
                unwritable.append(one)
            else:
                done.append(one)
    return done, unwritable


def _names(tx: Transaction, shared_id: str, entries: Sequence[PlacedEntry], case: str) -> CaseNames:
    events = frozenset(e.entry.event_id for e in entries if e.entry.event_id is not None)
    own = tx.links.own_for(shared_id)
    if own is None and not events and case.strip().lower() != shared_id:
        own = case.strip()  # no event of it was ever sent: only files have it
    return CaseNames(shared_id, own, events)


def _shown(participant: Participant, path: Path) -> str:
    try:
        return str(path.relative_to(participant.root))
    except ValueError:  # a folder elsewhere
        return str(path)


def _erase_subscription(path: Path, case_key: bytes, now: int) -> tuple[int, int, bool]:
    store = open_store(path)
    try:
        with store.transaction() as tx:
            payloads = tx.inbox.forget_case(case_key, now)
            waiting = tx.inbox.undelivered_of(case_key)
        return payloads, waiting, empty_journal(store)
    finally:
        store.close()


def empty_journal(store: Store) -> bool:
    """Empty the WAL, which holds copies of cleared content; a reader can prevent it."""
    for _ in range(FOLD_TRIES):
        if store.fold():
            return True
        time.sleep(FOLD_WAIT_S)
    return False
