"""Commands `demo` and `quickstart`: fictitious agencies to try the software with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    cases: Annotated[
        int, typer.Option(min=20, max=5000, help="Number of cases besides the case of the story.")
    ] = 100,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the run, absent or empty. The default is a new temporary folder.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all figures and refusals to this file."),
    ] = None,
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Keep Kafka and all agencies running afterwards, and print a link to the pages "
            "of each. Ctrl-C ends it.",
        ),
    ] = False,
    kafka: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Use an existing Kafka. --keep DIR must hold the partnership that it was set "
            "up for. No Java is needed then, and the demo does not stop Kafka.",
        ),
    ] = None,
) -> None:
    """Run the demo: seven agencies, a real Kafka and the case of one person.

    It starts Apache Kafka and one adapter process per agency, drops exports into their folders, and
    shows what happens, what is refused and what each agency has at the end. It ends by itself. Exit
    code 1 means that an expectation did not hold, 3 means that the environment is at fault. Ctrl-C
    leaves no process behind.
    """
    from adapters.demo.playing import play

    raise typer.Exit(play(cases, keep, json, kafka, web=web))


def quickstart(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that is absent or empty.")
    ],
    year: Annotated[
        bool,
        typer.Option(
            "--year",
            help="Also give the agencies a year of invented cases, from which figures are counted, "
            "and the listings of their partners, which the directory searches.",
        ),
    ] = False,
) -> None:
    """Make a complete partnership to try things out with. Starts nothing.

    Prints one agency id per line. Each is a folder in DIR with the agency's keys, the signed
    contract, all manifests, a TLS identity, its state, and a sample of what it offers in
    directory.yaml.
    """
    from adapters.demo.sample_listings import exchange_listings, place_listings
    from adapters.trial_partnership import create_partnership
    from broker.clock import now_ms

    now = now_ms()
    partnership = create_partnership(directory, now)
    place_listings(partnership.root, partnership.agencies)
    first = directory / partnership.agencies[0]
    done, following = "A partnership in force today.", f"concordant event types --agency {first}"
    if year:
        from adapters.demo.year_in_state import record_years

        exchange_listings(partnership.root, partnership.agencies, now)
        periods = record_years(partnership, now).periods
        done += f" Its cases are of the quarters {periods[0]} to {periods[-1]}."
        following = (
            f"concordant figures --agency {first} --period {periods[-1]} --by borough,strand"
        )
    for agency in partnership.agencies:
        typer.echo(agency)
    typer.echo(f"{done} Next: {following}", err=True)
