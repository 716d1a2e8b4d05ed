"""Events that wait for an agency that could not be reached: listed, and cancelled by a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.participant import load_participant
from broker.agency.running import open_held_state
from broker.audit.actor import Actor
from broker.audit.head_signing import log_act
from broker.errors import WrongInputError
from broker.operations.unopened_events import UnopenedEvent, unopened_events
from broker.sending.copies import CANCELLED, cancel
from broker.store.rows import CopyRow
from contracts.names import require_known


@dataclass(frozen=True, slots=True)
class WaitingCopy:
    """An event that waits for one agency. Times in ms; `due_ms` is None until it is reached."""

    event_id: str
    agency: str
    type: str
    reason: str
    added_ms: int
    expires_ms: int
    due_ms: int | None


def waiting_events(directory: Path, now: int) -> tuple[list[WaitingCopy], list[UnopenedEvent]]:
    """Return the copies that wait here, and what recipients do not open now.

    Raises:
        ConcordantError: the folder cannot be loaded, or its state cannot be read.
    """
    participant = load_participant(directory, now)
    store = open_held_state(participant)
    try:
        with store.reading() as tx:
            copies = [_shown(row) for row in tx.copies.waiting()]
            return copies, unopened_events(tx, participant, now)
    finally:
        store.close()


def cancel_copies(
    directory: Path, event_id: str, agencies: tuple[str, ...], actor: Actor, now: int
) -> list[WaitingCopy]:
    """Cancel the copies of an event that wait, and log it.

    The changes of a referral that a cancelled copy makes are cancelled too.

    Args:
        directory: this agency's folder.
        event_id: id of the event.
        agencies: only the copies for these agencies; all if empty.
        actor: the person who cancels, and the reason.
        now: ms.

    Returns:
        The cancelled copies.

    Raises:
        UnknownNameError: ``agency_unknown``.
        WrongInputError: ``copy_unknown``: no copy of this event waits for these agencies.
        ConcordantError: the folder cannot be loaded, or its state cannot be written.
    """
    participant = load_participant(directory, now)
    known = participant.manifests.agencies()
    for agency in agencies:
        require_known("recipient", agency, known, code="agency_unknown", exact=True)
    secret = participant.keyring.secret()
    store = open_held_state(participant)
    try:
        with store.transaction() as tx:
            before = tx.copies.waiting()
            chosen = [
                row
                for row in before
                if row.event_id == event_id and (not agencies or row.agency in agencies)
            ]
            if not chosen:
                raise WrongInputError(
                    "No copy of this event waits for such an agency.",
                    code="copy_unknown",
                    where=event_id,
                    fix=f"See what waits: concordant event waiting --agency {directory}",
                )
            entries = cancel(tx, secret, chosen, CANCELLED, now)
            log_act(tx, participant, actor, secret, entries, now)
            left = {row.seq for row in tx.copies.waiting()}
            return [_shown(row) for row in before if row.seq not in left]
    finally:
        store.close()


def _shown(row: CopyRow) -> WaitingCopy:
    return WaitingCopy(
        row.event_id, row.agency, row.type, row.reason, row.added_ms, row.expires_ms, row.due_ms
    )
