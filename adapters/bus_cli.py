"""Commands ``concordant adapter bus``: messages, permissions and test of the agency's own bus."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.contract import Named
from broker.cli.output import REFUSED, Agency, AsJson, Output, print_json, print_table, print_text

if TYPE_CHECKING:
    from broker.agency.config_bus import BusSection

app = typer.Typer(
    no_args_is_help=True,
    help="Describe the agency's own bus, its messages and its accounts, and test it.",
)


RIGHT = ("subject", "use", "right")
"""Columns of ``adapter bus test``."""


class BusDocumentFormat(StrEnum):
    """Formats of ``adapter bus asyncapi``."""

    json = "json"
    html = "html"


@app.command("asyncapi")
def asyncapi(
    agency: Agency,
    contract: Named = None,
    form: Annotated[
        BusDocumentFormat, typer.Option("--format", help="JSON, or FastStream's HTML page.")
    ] = BusDocumentFormat.json,
    assets: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Address of your copy of index.js and default.min.css for the page. Without it "
            "the page loads them from unpkg.com.",
        ),
    ] = None,
    output: Output = None,
) -> None:
    """Write FastStream's AsyncAPI 3.0 document of the bus side, or its page.

    It has the subjects, and the CloudEvents with the events that this agency receives and may send.
    """
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose

    chosen = choose(None, agency, contract, now_ms())
    section, name = _bus_of(agency)
    from adapters.bus.description import bus_description

    described = bus_description(chosen.contract, name, section)
    if form is BusDocumentFormat.json:
        print_json(described.document, output)
    else:
        print_text(described.page(assets), output)


@app.command("permissions")
def permissions(
    agency: Agency,
    account: Annotated[
        str,
        typer.Option("--account", metavar="TEXT", help="Name of the account of your system."),
    ] = "system",
    output: Output = None,
) -> None:
    """Write the permissions of the adapter's account and of a system's, for this kind of bus.

    The system's account reads received events and answers, and writes events to send and results.
    Replace PASSWORD.
    """
    from adapters.bus.permissions import permissions as permissions_of

    if not account.replace("-", "").replace("_", "").isalnum() or not account.isascii():
        raise typer.BadParameter("an account has letters, digits, - and _ only")
    section, _ = _bus_of(agency)
    print_text(permissions_of(section, section.username or "adapter", account), output)


@app.command("test")
def ask(agency: Agency, as_json: AsJson = False) -> None:
    """Connect with the settings, and say for each subject whether the adapter may read or write.

    Nothing is read, written or made. "missing" is a subject that is not there; the adapter makes it
    if declare is true. Exit code 4 if a right or a subject is missing, 3 if there is no answer.
    """
    from adapters.bus.clients import bus_settings
    from adapters.bus.rights import ask_rights, needed_bus_rights
    from broker.agency.config import load_config

    section, _ = _bus_of(agency)
    needed = needed_bus_rights(section, load_config(agency).adapter)
    found = ask_rights(bus_settings(section, agency), needed)
    rows = [(one.name, one.use, right) for one, right in found]
    if as_json:
        print_json({"rights": [dict(zip(RIGHT, row, strict=True)) for row in rows]})
    else:
        print_table(RIGHT, rows)
    usable = {"allowed", "missing"} if section.declare else {"allowed"}
    if not all(right in usable for _, right in found):
        raise typer.Exit(REFUSED)


def _bus_of(agency: Path) -> tuple[BusSection, str]:
    """Return the section and the agency's id.

    Raises:
        ConfigError: `config_invalid`: there is no section.
    """
    from adapters.bus.clients import client_maker
    from broker.agency.config import load_config
    from broker.agency.config_bus import require_section

    config = load_config(agency)
    section = require_section(config.bus, str(agency / "agency.toml"))
    client_maker(section.kind)  # raises if its library is missing
    return section, config.agency
