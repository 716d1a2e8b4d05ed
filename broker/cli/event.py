"""``concordant event``: try out, check and read events on files, without Kafka.

These commands import neither FastStream nor aiokafka, unlock only the keys that they need and
answer within a second (README, "Commands that others script against").
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.lines import chunks, read_lines, write_json, write_raw

app = typer.Typer(
    no_args_is_help=True,
    help="Seal, open and verify events on files, without Kafka. JSON Lines in, JSON Lines out.",
)

Agency = Annotated[
    Path, typer.Option("--agency", metavar="DIR", help="The agency's folder, with agency.toml.")
]
Input = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="JSON Lines; standard input if left out.")
]

REFUSED = 4
"""Exit code: part of the input was refused."""


@app.command("types")
def types(agency: Agency) -> None:
    """List the event types that this agency may publish, one per line."""
    from broker.cli.trying import permitted

    write_raw(name.encode() for name in permitted(agency))


@app.command("example")
def example(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="See `event types`.")],  # noqa: A002 - the command's own word
    agency: Agency,
) -> None:
    """Print one valid plain event, to look at or to pipe into `event seal`."""
    from broker.cli.trying import example_of

    write_json([example_of(agency, type)])


@app.command("seal")
def seal(agency: Agency, file: Input = None) -> None:
    """Seal plain events into records, in streams of their own that no ACL permits.

    In: {"type", "recipients", "data"}. Out: {"topic", "partition", "headers", "value"}, or
    {"refused", "detail"}. Exit code 4 if any was refused.
    """
    from broker.cli.trying import Trial

    trial = Trial(agency)
    refused = False
    for chunk in chunks(read_lines(file)):
        lines, any_refused = trial.seal(chunk)
        refused |= any_refused
        write_raw(lines)
    raise typer.Exit(REFUSED if refused else 0)


@app.command("open")
def open_(
    agency: Agency,
    file: Input = None,
    operator: Annotated[
        str | None, typer.Option(help="Who reads, for the disclosure log; else the login name.")
    ] = None,
) -> None:
    """Open records as this agency: steps 0 to 10, and a log entry for each opened event.

    Out: {"id", "type", "source", "time", "data", "withheld"}, {"not_addressed"}, {"repeat"} or
    {"refused", "step"}; "gap" beside it after missing records. Exit code 4 if any was refused.
    """
    from broker.cli.reading import FileReader

    reader = FileReader(agency, operator)
    for chunk in chunks(read_lines(file)):
        write_json(reader.open(chunk))
    raise typer.Exit(REFUSED if reader.refused else 0)


@app.command("verify")
def verify(agency: Agency, file: Input = None) -> None:
    """Verify who signed records and where they stand: steps 0 to 4, without a passphrase.

    Out: {"verified", "origin", "index"} or {"refused", "step"}. Exit code 4 if any was refused.
    """
    from broker.cli.reading import FileReader

    reader = FileReader(agency, None)
    for chunk in chunks(read_lines(file)):
        write_json(reader.verify(chunk))
    raise typer.Exit(REFUSED if reader.refused else 0)
