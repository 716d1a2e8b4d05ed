"""Commands ``concordant partnership``: what all parties can do together."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, print_json, print_text

app = typer.Typer(no_args_is_help=True, help="What all parties of an agreement can do together.")


@app.callback()
def _group() -> None:
    pass


@app.command("ready")
def ready(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the agreement.")],
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="Version, such as 1.1.0.")
    ],
    agency: Agency,
    json: AsJson = False,
) -> None:
    """Answer whether every party can read a version of an agreement.

    Each party's adapter states the versions of its software and its vocabularies. Exit code 1 with
    a line for each party that cannot read the version, or has stated nothing.
    """
    from broker.clock import now_ms
    from broker.operations.directory.readiness import partnership_ready

    found = partnership_ready(agency, name, version, now_ms())
    if json:
        parties = [
            {
                "agency": one.agency,
                "ready": one.ready,
                "software": one.software,
                "lacks": list(one.lacks),
            }
            for one in found.parties
        ]
        print_json({"name": name, "version": version, "ready": found.ready, "parties": parties})
    elif found.ready:
        print_text(f"All {len(found.parties)} parties can read {name} {version}.")
    else:
        lines = [f"{one.agency}: {'; '.join(one.lacks)}" for one in found.parties if not one.ready]
        print_text("\n".join(lines))
    raise typer.Exit(0 if found.ready else NO)
