"""Sight of an agency's adapter from other processes: whether it runs, where it answers, its state.

A command that only asks makes no state database. An empty one would answer that nothing waits,
nothing is held and the log is unaltered, and would hide that the state has been lost. Without one
there is no answer: exit code 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant
from broker.errors import StoreError
from broker.store.database import Store, open_existing, state_exists
from broker.store.exclusion import is_held
from broker.store.place import place_name
from contracts.phrases import N_, phrase

ADAPTER_LOCK: Final = "state/adapter.lock"
"""Lock file that a running adapter holds."""
PORT_FILE: Final = "state/http-port"
"""File with the port of /livez, /readyz and /metrics."""

API_PORT_FILE: Final = "state/api-port"
"""File with the port of the HTTP interface for the agency's own system."""
API_TOKENS_FILE: Final = "api-tokens.json"
"""File with the hashes of the tokens of the HTTP interface; a backup leaves it out."""


def adapter_runs(agency: Path) -> bool:
    """Return whether an adapter runs on this agency's folder."""
    return is_held(agency / ADAPTER_LOCK)


def health_port(agency: Path) -> int | None:
    """Return the port of the adapter that ran last; None if that is not known."""
    try:
        return int((agency / PORT_FILE).read_text())
    except (OSError, ValueError):
        return None


def open_held_state(participant: Participant) -> Store:
    """Open the state of the agency's adapter.

    Raises:
        StoreError: `state_missing`, or the state cannot be opened.
    """
    place = participant.state
    if not state_exists(place):
        raise StoreError(
            N_("The adapter of this agency has not run yet: there is no state database."),
            code="state_missing",
            where=place_name(place),
            fix=phrase(
                "start it: concordant adapter run --agency %(root)s; if it has run "
                "before, restore its state from a backup",
                root=participant.root,
            ),
        )
    return open_existing(place)


@contextmanager
def held_state_if_any(participant: Participant) -> Iterator[Store | None]:
    """Open the state of the agency's adapter, None if it has not run yet; close it at the end.

    Raises:
        StoreError: the state cannot be opened.
    """
    try:
        store = open_held_state(participant)
    except StoreError as error:
        if error.code != "state_missing":
            raise
        yield None
        return
    try:
        yield store
    finally:
        store.close()
