"""Commands of ``concordant status``: the state of an agency's adapter, from its database alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, Output, note, print_json, print_text
from broker.record import MAX_PARTITION

app = typer.Typer(
    help="The state of this agency: agreement, outbox, inbox, streams, gaps, quarantine, "
    "heartbeats, referrals. Read from its database, whether or not the adapter runs.",
)


@app.callback(invoke_without_command=True)
def status(
    context: typer.Context,
    agency: Annotated[
        Path | None,
        typer.Option(
            "--agency",
            metavar="DIR",
            file_okay=False,
            readable=False,  # the code that reads the folder reports errors
            help="The agency's folder, with agency.toml.",
        ),
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Show the state of this agency. Needs no passphrase and no Kafka.

    The first line says whether everything flows, or what does not and since when.
    """
    if context.invoked_subcommand is not None:
        return
    if agency is None:
        raise typer.BadParameter("give the agency's folder", param_hint="--agency")
    from broker.cli.status_text import agency_status_text, needs, status_json
    from broker.clock import now_ms
    from broker.operations.health.agency_health import look

    found, how = look(agency, now_ms())
    if json:
        print_json(status_json(found, how), output)
    else:
        print_text(agency_status_text(found, how), output)
    for line in needs(found):
        note(line)


@app.command("release")
def release(
    sender: Annotated[
        str, typer.Argument(metavar="AGENCY", help="The agency whose stream was stopped.")
    ],
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", help="The full name of the Kafka topic.")
    ],
    partition: Annotated[int, typer.Argument(metavar="PARTITION", min=0, max=MAX_PARTITION)],
    agency: Agency,
    json: AsJson = False,
) -> None:
    """Continue a sender's partition that a contradiction between signed texts has stopped.

    Two signed texts of the sender cannot both be true; both are kept as evidence. Ask the sender
    first. The contradicting record is skipped and later ones are read again. The adapter must not
    be running. Exit code 1 if that partition is not stopped.
    """
    from broker.clock import now_ms
    from broker.operations.release import release_partition
    from broker.tlog.checkpoint import Place

    released = release_partition(agency, Place(sender, topic, partition), now_ms())
    if released is None:
        note(f"{sender} {topic} {partition} is not stopped: concordant status --agency {agency}")
        raise typer.Exit(NO)
    if json:
        print_json(released.as_json())
    else:
        print_text(f"{sender} {topic} {partition}: released\n")
    note("Start the adapter: it continues after the contradicting record. The evidence is kept.")
