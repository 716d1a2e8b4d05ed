"""An agency's state database, for a command that only asks it: what is not there is not made.

An empty database would answer that nothing waits, nothing is held and the log is unaltered, and
would hide that the state has been lost. So there is no answer without one: exit code 3.
"""

from __future__ import annotations

from broker.agency.participant import Participant
from broker.errors import StoreError
from broker.store.database import Store, open_existing


def open_held_state(participant: Participant) -> Store:
    """What the agency's adapter keeps.

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
