"""Move of an agency's state from its SQLite file to a PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

from broker.agency.config import load_config
from broker.agency.config_secrets import agency_state
from broker.agency.running import ADAPTER_LOCK
from broker.errors import ConfigError, StoreError
from broker.store.exclusion import exclusive
from broker.store.place import PostgresPlace


def move_state(agency: Path) -> int:
    """Move the state into the schema that `[state] url` names, and remove the file.

    A backup of an agency holds its state as a file, so this is also the last step of a restore.

    Returns:
        The number of rows.

    Raises:
        ConfigError: `config_invalid` without url.
        StoreError: `already_running` while an adapter runs; `state_missing` without a file;
            `state_present` if the schema holds a state.
    """
    place = agency_state(load_config(agency), agency)
    if not isinstance(place, PostgresPlace):
        raise ConfigError(
            "The setting url is missing, so the state stays in its file.",
            code="config_invalid",
            where="agency.toml: state.url",
            fix='Add it, for example: url = "postgresql://concordant@db.example.org/concordant"',
        )
    file = place.file
    if file is None or not file.exists():
        raise StoreError(
            "This folder holds no state of the agency.",
            code="state_missing",
            where=str(file),
            fix="Give the folder with which the agency's adapter runs, or restore its state.",
        )
    from broker.store.moving import move_to_server  # with SQLite it costs nothing

    with exclusive(agency / ADAPTER_LOCK):
        return move_to_server(file, place)
