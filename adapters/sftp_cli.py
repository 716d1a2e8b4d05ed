"""Commands ``concordant adapter sftp``: the pinned host key, and a test of login and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, confirmed, note

if TYPE_CHECKING:
    from adapters.sftp.client import SftpSettings
    from broker.agency.delivery_sections import SftpSection

app = typer.Typer(no_args_is_help=True, help="Pin the host key of the SFTP server, and test it.")


@app.command("pin")
def pin(
    agency: Agency,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            metavar="SHA256:...",
            help="Fingerprint that the administrator of the server gave you; without it you are "
            "asked.",
        ),
    ] = None,
) -> None:
    """Pin the server's host key, after you compared its fingerprint with its administrator."""
    settings, _ = _settings(agency)
    from adapters.sftp import pinning

    offered = pinning.offered_key(settings)
    note(f"{settings.address} shows the host key {offered.fingerprint}")
    if fingerprint is not None:
        pinning.require_fingerprint(offered, fingerprint)
    elif not confirmed(
        "Does the administrator of the server name the same fingerprint by telephone?", "pin it"
    ):
        note("Nothing was pinned.")
        raise typer.Exit(NO)
    pinning.pin(settings, offered)
    note(f"The key is pinned in {settings.known_hosts}.")


@app.command("test")
def look(agency: Agency, as_json: AsJson = False) -> None:
    """Log in to the server, and look for each folder; exit code 1 if one is missing."""
    settings, section = _settings(agency)
    from adapters.sftp import pinning
    from broker.cli.output import print_json, print_table

    found = pinning.usable_folders(settings, section)
    if as_json:
        print_json({"folders": found})
    else:
        rows = [(name, "there" if there else "missing") for name, there in found.items()]
        print_table(("folder", "state"), rows)
    if not all(found.values()):
        raise typer.Exit(NO)


def _settings(agency: Path) -> tuple[SftpSettings, SftpSection]:
    from adapters.sftp.side import require_ssh_client, sftp_section
    from broker.agency.config import load_config

    section = sftp_section(load_config(agency))
    require_ssh_client()
    from adapters.sftp.client import sftp_settings

    return sftp_settings(section, agency), section
