"""Behind ``log erase``: what the adapter still holds of a case's content is forgotten, and logged.

A sender's archive keeps sealed values so that it can close a gap; once an erasure is confirmed it
keeps leaf hashes only, and a replay has no content (docs/spec/streams.md, "Replay"). What the
agency's own system and the recipients hold is theirs to erase, and to confirm.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker import pseudonyms
from broker.agency.participant import load_participant
from broker.audit.actor import Actor
from broker.audit.log import append_entries
from broker.audit.query import entries_of_case
from broker.audit.reasons import attributed
from broker.audit.recording import erased as erased_entry
from broker.cli.held_state import open_held_state
from broker.operations.disclosure_log import case_id


@dataclass(frozen=True, slots=True)
class Erased:
    """How many sealed values and inbox payloads were cleared."""

    values: int
    payloads: int


def erase(agency: Path, case: str, actor: Actor, now: int) -> Erased:
    """Forget the content of a case that was sent or delivered; events on their way go on.

    Args:
        agency: its folder.
        case: its shared id, or this agency's own reference for it.
        actor: who does it, and why.
        now: milliseconds since the epoch.

    Raises:
        WrongInputError: ``case_unknown``.
        StoreError: ``state_missing``, or the state cannot be written.
        KeyAccessError: the agency's secret cannot be had.
    """
    participant = load_participant(agency, now)
    secret = participant.keyring.secret()
    store = open_held_state(participant)
    try:
        with store.transaction() as tx:
            case_key = pseudonyms.case_key(secret, case_id(tx, case))
            own = [
                placed.entry.event_id
                for placed in entries_of_case(tx, case_key)
                if placed.entry.source is None and placed.entry.event_id is not None
            ]
            erased = Erased(tx.outbox.forget_events(own), tx.inbox.forget_case(case_key))
            if erased.values or erased.payloads:
                entry = erased_entry(
                    "erasure_confirmed", erased.values + erased.payloads, now, case_key=case_key
                )
                append_entries(tx, attributed(tx, actor, secret, [entry]))
        store.fold()  # the journal holds it until then
    finally:
        store.close()
    return erased
