"""Command ``concordant agency move-state``."""

from __future__ import annotations

from broker.cli.output import Agency, AsJson, print_json, print_text


def move_state(agency: Agency, as_json: AsJson = False) -> None:
    """Move the state from its SQLite file to the PostgreSQL server that [state] url names.

    Stop the adapter first. All rows are moved at once, then the file is removed.
    """
    from broker.operations.state_move import move_state as move

    rows = move(agency)
    if as_json:
        print_json({"rows": rows})
    else:
        print_text(f"Moved {rows:,} rows of the state to the server. The file is removed.")
