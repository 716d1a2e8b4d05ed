"""Commands ``concordant partnership``: what all parties can do together."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, note, print_json, print_text

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
    """Answer whether the software of every party can read a version of an agreement.

    Each adapter tells its partners what its software can read. If a party cannot read the version,
    or has told nothing, the exit code is 1, and a line for each such party says what it lacks.
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
        note(
            f"Of {len(found.parties)} parties {found.unable} cannot read {name} {version}, and "
            f"{found.silent} have not stated it. Send each the files of the version, or ask it to "
            "upgrade. If it has stated nothing, its adapter may not run."
        )
    raise typer.Exit(0 if found.ready else NO)
