"""``concordant keys``: what this agency's keys are, and their renewal."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, Output, note, print_json, print_table
from broker.cli.output_times import moment

ENVIRONMENT = 3
"""Exit code: the environment is at fault."""

app = typer.Typer(
    no_args_is_help=True,
    help="This agency's keys: which there are, until when, and their successors. Other agencies "
    "learn of them from the agency's manifest, which its governance keys sign.",
)


@app.command("list")
def list_(agency: Agency, json: AsJson = False, output: Output = None) -> None:
    """List this agency's keys, with their ids, validity and whether the private half is here.

    Governance keys belong offline once the contract is signed: that they are not here is well.
    Exit code 3 if a key that is needed now is not here.
    """
    from broker.cli.clock import now_ms
    from broker.cli.keys_held import held_keys

    held = held_keys(agency, now_ms())
    if json:
        print_json(held.as_json(), output)
    else:
        rows = [
            (
                key.role,
                key.algorithm,
                key.kid.hex()[:16],
                moment(key.not_before),
                moment(key.not_after),
                key.state,
                "yes" if key.held else "no",
            )
            for key in held.keys
        ]
        columns = ("role", "algorithm", "id", "from", "until", "state", "here")
        print_table(columns, rows, output)
    expires = moment(held.manifest_expires)
    note(f"Manifest version {held.manifest_version}, valid until {expires}.")
    for line in held.needs:
        note(line)
    raise typer.Exit(ENVIRONMENT if held.lacking else 0)


@app.command("renew")
def renew(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Replace every key, due or not.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Make the successors that are due and a new manifest that lists them, valid for 30 days.

    Due is what ends within 7 days; an exchange key's successor is published 7 days ahead. Needs the
    governance keys. The running adapter publishes the manifest; otherwise it does when it starts.
    """
    from broker.cli.clock import now_ms
    from broker.cli.keys_held import renewed_keys

    renewed = renewed_keys(agency, now_ms(), everything=everything)
    if json:
        print_json(renewed.as_json(), output)
    else:
        rows = [
            (key.role, key.algorithm, key.kid.hex()[:16], moment(key.not_before))
            for key in renewed.added
        ]
        if rows:
            print_table(("role", "algorithm", "id", "from"), rows, output)
    note(
        f"Manifest version {renewed.version}, valid until {moment(renewed.expires)}: {renewed.path}"
    )
    if not renewed.added:
        note("No key is due; the manifest alone was renewed.")
    note("The running adapter publishes it, or the next one to start.")
