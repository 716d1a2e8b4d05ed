"""Commands ``concordant adapter tables``: tables of the agency's own database."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from broker.cli.output import ENVIRONMENT, NO, Agency, AsJson

UNREACHED: Final = frozenset(
    {
        "database_busy",
        "database_driver_missing",
        "database_login_refused",
        "database_tls_failed",
        "database_unreachable",
    }
)
"""Codes of a database in which nothing could be checked."""

app = typer.Typer(
    no_args_is_help=True,
    help="Make and check the tables through which an application exchanges events.",
)


class DialectName(StrEnum):
    """Databases."""

    postgresql = "postgresql"
    sqlite = "sqlite"


@app.command("sql")
def sql(
    dialect: Annotated[
        DialectName, typer.Option("--dialect", metavar="DIALECT", help="postgresql or sqlite.")
    ],
    agency: Annotated[
        Path | None,
        typer.Option(
            "--agency", metavar="DIR", help="Use the names of this agency's section [database]."
        ),
    ] = None,
    application_role: Annotated[
        str, typer.Option(metavar="ROLE", help="Role of the agency's application.")
    ] = "concordant_application",
    adapter_role: Annotated[
        str, typer.Option(metavar="ROLE", help="Role with which the adapter logs in.")
    ] = "concordant_adapter",
) -> None:
    """Print the script that makes the tables, for the administrator of the database.

    It makes the outbox and the inbox, their indexes and comments. In PostgreSQL it makes two roles
    with the least rights: one for the application and one for the adapter. It runs in one
    transaction and changes no existing table.
    """
    from adapters.tables.scripts import DatabaseRoles, tables_script
    from broker.agency.config import load_config
    from broker.agency.database_section import DatabaseSection

    section = None if agency is None else load_config(agency).database
    roles = DatabaseRoles(application_role, adapter_role)
    script = tables_script(section or DatabaseSection(), dialect.value, roles)
    typer.echo(script, nl=False)


@app.command("check")
def check(agency: Agency, as_json: AsJson = False) -> None:
    """Check that the adapter can use the agency's own database; nothing is changed.

    It connects as the adapter does, and looks for the tables, their columns, the adapter's rights,
    too many rights, the encoding and the time zones. Exit code 0 if the adapter can work, 1 if it
    cannot, 3 if the database cannot be reached.
    """
    from adapters.tables.checking import check_agency
    from broker.cli.output import print_json

    findings = check_agency(agency)
    if as_json:
        print_json([one.as_json() for one in findings])
    else:
        for one in findings:
            typer.echo(f"{one.status:<5} {one.name:<11} {one.detail}")
            if one.fix:
                typer.echo(f"{'':<17} {one.code}: {one.fix}")
    failed = {one.code for one in findings if one.status == "fail"}
    if failed:
        raise typer.Exit(ENVIRONMENT if failed & UNREACHED else NO)
