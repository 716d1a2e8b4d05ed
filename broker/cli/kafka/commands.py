"""``concordant kafka``: a Kafka to try things with, and topics and rights from the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import AsJson, Output, note, print_json, print_text

app = typer.Typer(
    no_args_is_help=True,
    help="Start a local Kafka for a try-out partnership, and give Kafka the topics and rights that "
    "the contract says. Whoever hosts Kafka runs plan and apply, and is granted nothing by it.",
)

Root = Annotated[
    Path,
    typer.Option(
        "--root", "--agency-root", metavar="DIR", help="The folder that `quickstart DIR` made."
    ),
]
AnyRoot = Annotated[
    Path | None,
    typer.Option(
        "--root",
        "--agency-root",
        metavar="DIR",
        help="The folder that `quickstart DIR` made: its contract, and its kafka/tls as operator.",
    ),
]
AnyAgency = Annotated[
    Path | None,
    typer.Option(
        "--agency", metavar="DIR", help="Or an agency's folder, for its contract and manifests."
    ),
]
Tls = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The operator's TLS identity: ca.pem, cert.pem and key.pem."),
]
Bootstrap = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Kafka's address; else the one in agency.toml."),
]


@app.command("up")
def up(agency_root: Root, json: AsJson = False) -> None:
    """Start the local Kafka of a try-out partnership, and leave it running.

    A real Apache Kafka, with TLS client certificates and everything denied that no right allows. No
    Docker and no Java is needed; the first start fetches about 43 MB of jars. Prints its address.
    Then: concordant kafka apply --root DIR
    """
    from broker.cli.kafka.local import start_local

    running = start_local(agency_root, note)
    if json:
        print_json(running.as_json())
    else:
        print_text(f"{running.bootstrap}\n")
    if running.before:
        note("It was running already.")
    note(f"Log: {running.folder / 'kafka.log'}. Stop it with: concordant kafka down")


@app.command("down")
def down(agency_root: Root) -> None:
    """Stop the local Kafka of a try-out partnership; what it holds stays for the next start."""
    from broker.cli.kafka.local import stop_local

    note("Stopped." if stop_local(agency_root) else "It was not running.")


@app.command("plan")
def plan(
    agency_root: AnyRoot = None,
    agency: AnyAgency = None,
    tls: Tls = None,
    bootstrap: Bootstrap = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Print what would have to change on Kafka, and change nothing.

    Topics that are missing or set otherwise, rights to grant and to revoke. Topics are never
    deleted, and rights on topics of other deployments are left alone.
    """
    from broker.cli.kafka.changes import Administration
    from broker.clock import now_ms

    changes = Administration(agency_root, agency, tls, bootstrap, now_ms()).plan()
    if json:
        print_json([change.as_json() for change in changes], output)
    else:
        print_text("".join(f"{change}\n" for change in changes), output)
    pending = sum(change.effective for change in changes)
    note(
        f"{pending} change(s). Make them with: concordant kafka apply"
        if pending
        else "Nothing to do."
    )


@app.command("apply")
def apply(
    agency_root: AnyRoot = None,
    agency: AnyAgency = None,
    tls: Tls = None,
    bootstrap: Bootstrap = None,
    replication: Annotated[
        int, typer.Option(min=1, help="Copies of each new topic; 3 on a cluster of three or more.")
    ] = 1,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Make the changes that `kafka plan` prints, and print them. Twice changes nothing more."""
    from broker.cli.kafka.changes import Administration
    from broker.clock import now_ms

    administration = Administration(agency_root, agency, tls, bootstrap, now_ms())
    changes = administration.plan()
    administration.apply(replication)
    if json:
        print_json([change.as_json() for change in changes], output)
    else:
        print_text("".join(f"{change}\n" for change in changes), output)
    made = sum(change.effective for change in changes)
    note(f"{made} change(s) made." if made else "Nothing to do.")
