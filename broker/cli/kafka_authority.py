"""Commands ``concordant kafka authority``: certificates for the connections to Kafka."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import AsJson, note, print_json, print_text

app = typer.Typer(
    no_args_is_help=True, help="Make the authority that Kafka trusts, and issue certificates."
)


@app.command("init")
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The authority's folder; absent or empty.")
    ],
) -> None:
    """Make a certificate authority for the connections to Kafka. The host of Kafka does this once.

    No event is believed because of a certificate. An authority that is there stays as it is.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_authority import make_authority

    made = make_authority(directory, now_ms())
    print_text(str(directory))
    note(
        "Keep key.pem private: its holder can connect to Kafka as any agency."
        if made
        else "It was there; nothing was changed."
    )


@app.command("issue")
def issue(
    authority: Annotated[
        Path, typer.Option("--authority", metavar="DIR", help="The authority's folder.")
    ],
    entries: Annotated[list[Path], typer.Argument(metavar="ENTRY...", help="Entries of agencies.")],
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="The bundle to write.")],
    json: AsJson = False,
) -> None:
    """Issue each agency's certificate from its entry, and write a bundle for all of them.

    The private key stays with the agency. Each agency adds the bundle: concordant bundle add.
    """
    from broker.clock import now_ms
    from broker.operations.kafka_authority import issue_certificates

    issued = issue_certificates(authority, entries, out, now_ms())
    if json:
        print_json({"file": str(issued.file), "agencies": list(issued.agencies)})
    else:
        print_text(str(issued.file))
    note(f"Certificates for {', '.join(issued.agencies)}.")
