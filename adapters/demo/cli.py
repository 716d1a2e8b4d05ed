"""Commands `demo` and `quickstart`: fictitious agencies to try the software with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    cases: Annotated[
        int, typer.Option(min=20, max=5000, help="How many cases go through, beside the story's.")
    ] = 180,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder to leave, absent or empty; else a new temporary one."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all figures and refusals there.")
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Use a Kafka that is already there, with the partnership in --keep DIR that it "
            "was set up for; then no Java is needed, and Kafka is not stopped.",
        ),
    ] = None,
) -> None:
    """Play the main job on real input: seven agencies, a real Kafka, one person's story.

    Starts Apache Kafka and one adapter process per agency, drops exports into their folders and
    shows what happens, what is refused and what each agency has at the end. Ends by itself. Exit
    code 1 if anything did not hold, 3 if the environment is at fault. Ctrl-C leaves no process.
    """
    from adapters.demo.playing import play

    raise typer.Exit(play(cases, keep, json, kafka))


def quickstart(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Absent or empty.")],
) -> None:
    """Make a complete partnership to try things out with; starts nothing.

    Prints one agency id per line: each is a folder in DIR with its keys, the signed contract,
    all manifests, a TLS identity and its state.
    """
    from adapters.demo.partnership import create_partnership
    from broker.clock import now_ms

    partnership = create_partnership(directory, now_ms())
    for agency in partnership.agencies:
        typer.echo(agency)
    typer.echo(
        f"A partnership in force today. Next: concordant event types --agency "
        f"{directory / partnership.agencies[0]}",
        err=True,
    )
