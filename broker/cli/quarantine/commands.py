"""``concordant quarantine``: records that were refused after their signature was verified."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.output import REFUSED, Agency, AsJson, Output, note, print_json, print_table
from broker.cli.times import moment

app = typer.Typer(
    no_args_is_help=True,
    help="Records of other agencies that were refused at step 5 or later, kept with their bytes. "
    "Mend the cause (a contract, a key, the sender's mapping), then retry.",
)

MOST_ID = 2**63 - 1
"""SQLite's largest integer."""


@app.command("list")
def list_(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were retried since.")
    ] = False,
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified",
            help="Instead: what failed steps 0 to 4, of which only place, hash and code are kept.",
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ID, help="The newest so many.")] = 100,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List what is held: its id, from whom, where in whose stream, at which step and why.

    Needs no passphrase, and shows nothing of what a record says.
    """
    from broker.cli.quarantine.held import Quarantine
    from broker.clock import now_ms

    quarantine = Quarantine(agency, now_ms())
    if unverified:
        noise = quarantine.unverified(limit)
        if json:
            print_json([row.as_json() for row in noise], output)
        else:
            columns = ("seen", "topic", "partition", "offset", "code", "sha-256")
            lines = [
                (
                    moment(row.seen_ms),
                    row.topic,
                    str(row.partition),
                    str(row.offset),
                    row.code,
                    row.sha256,
                )
                for row in noise
            ]
            print_table(columns, lines, output)
        return
    rows = quarantine.records(limit, held_only=not everything)
    if json:
        print_json([row.as_json() for row in rows], output)
        return
    heads = ("id", "since", "from", "topic", "partition", "index", "step", "code", "status", "why")
    table = [
        (
            str(row.id),
            moment(row.added_ms),
            row.agency,
            row.topic,
            str(row.partition),
            str(row.index),
            f"{row.step:g}",
            row.code,
            row.status,
            row.detail,
        )
        for row in rows
    ]
    print_table(heads, table, output)


@app.command("export")
def export(
    agency: Agency,
    ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID...", min=1, max=MOST_ID, help="As `quarantine list` gives them."
        ),
    ],
) -> None:
    """Print records as they were taken from Kafka, one a line, for `event verify` of any party.

    They are sealed: whoever is given them can read what the sender addressed to them, and no more.
    """
    from broker.cli.lines import write_raw
    from broker.cli.quarantine.held import Quarantine
    from broker.clock import now_ms
    from broker.record import format_record

    quarantine = Quarantine(agency, now_ms())
    write_raw([format_record(quarantine.record(id_)) for id_ in dict.fromkeys(ids)])


@app.command("retry")
def retry(
    agency: Agency,
    ids: Annotated[
        list[int] | None,
        typer.Argument(
            metavar="[ID]...", min=1, max=MOST_ID, help="As `quarantine list` gives them."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record that is held.")] = False,
    operator: Annotated[
        str | None, typer.Option(help="Who asks, for the disclosure log; else the login name.")
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Judge records again from step 5, with today's keys and contracts.

    What opens goes to the inbox, in one transaction, and the running adapter delivers it; what is
    refused again stays held. Exit code 4 if any did not open.
    """
    from broker.cli.quarantine.held import Quarantine
    from broker.cli.quarantine.retries import Retries
    from broker.clock import now_ms

    if bool(ids) == everything:
        raise typer.BadParameter("give the ids of records, or --all")
    now = now_ms()
    quarantine = Quarantine(agency, now)
    retries = Retries(quarantine.participant, quarantine.store, operator)
    wanted = list(dict.fromkeys(ids or quarantine.held_ids()))
    outcomes = [retries.retry(id_, now) for id_ in wanted]
    if json:
        print_json([one.as_json() for one in outcomes], output)
    else:
        rows = [
            (str(one.id), one.outcome, "" if one.step is None else f"{one.step:g}", one.code or "")
            for one in outcomes
        ]
        print_table(("id", "outcome", "step", "code"), rows, output)
    opened = sum(one.settled for one in outcomes)
    note(f"{opened} of {len(outcomes)} are no longer held.")
    raise typer.Exit(0 if opened == len(outcomes) else REFUSED)
