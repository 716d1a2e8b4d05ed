"""State database of an agency for read-only commands, which never create it.

An empty database would answer that nothing waits, nothing is held and the log is unaltered, and so
hide the loss of the state. Without a database there is no answer: exit code 3.
"""

from __future__ import annotations

from broker.agency.participant import Participant
from broker.errors import StoreError
from broker.store.database import Store, open_existing


def open_held_state(participant: Participant) -> Store:
    """Open the state of the agency's adapter.

    Raises:
        StoreError: `state_missing`, or the state cannot be opened.
    """
    path = participant.path(participant.config.state.database)
    if not path.exists():
        raise StoreError(
            "The adapter of this agency has not run yet: there is no state database.",
            code="state_missing",
            where=str(path),
            fix=f"start it: concordant adapter run --agency {participant.root}; if it has run "
            "before, restore its state from a backup",
        )
    return open_existing(path)
