"""Commands ``concordant adapter token``: tokens of the HTTP interface."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import Agency, AsJson, note

if TYPE_CHECKING:
    from adapters.http_api.tokens import StoredToken

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the tokens with which systems use the HTTP interface.",
)


class ScopeName(StrEnum):
    """Scopes of a token."""

    publish = "publish"
    read = "read"
    result = "result"
    status = "status"


@app.command("new")
def new(
    agency: Agency,
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="TEXT", help="Name of the system that uses it, such as housing."
        ),
    ],
    scope: Annotated[
        list[ScopeName],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="What it allows: publish, read, result or status; give one or more.",
        ),
    ],
    days: Annotated[int, typer.Option(help="Days after which it expires.")] = 365,
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Client certificate (PEM) that must come with the token."
        ),
    ] = None,
) -> None:
    """Make a token and print it once; only its hash is stored.

    To replace a token, make a new one of the same name, then revoke the old one.
    """
    from adapters.http_api.tokens import certificate_hash, new_token
    from broker.agency.config import load_config
    from broker.clock import now_ms

    load_config(agency)
    bound = None if certificate is None else certificate_hash(certificate)
    stored, token = new_token(
        agency, name, [one.value for one in scope], now_ms(), days=days, certificate=bound
    )
    note(
        f"Token {stored.id} of {stored.name}, valid until {stored.expires}. It is not shown again."
    )
    typer.echo(token)


@app.command("list")
def list_(agency: Agency, as_json: AsJson = False) -> None:
    """List the tokens: id, name, scopes, end and state."""
    from adapters.http_api.tokens import stored_tokens
    from broker.agency.config import load_config
    from broker.cli.output import print_json, print_table
    from broker.clock import now_ms

    load_config(agency)
    now = now_ms()
    found = stored_tokens(agency)
    if as_json:
        print_json({"tokens": [_as_json(one, now) for one in found]})
        return
    rows = [(one.id, one.name, " ".join(one.scopes), one.expires, one.state(now)) for one in found]
    print_table(("id", "name", "scopes", "expires", "state"), rows)


@app.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Id of the token; see the list.")],
    agency: Agency,
) -> None:
    """Revoke a token. A running adapter refuses it from the next request on."""
    from adapters.http_api import tokens
    from broker.agency.config import load_config
    from broker.clock import now_ms

    load_config(agency)
    revoked = tokens.revoke(agency, token, now_ms())
    note(f"Token {revoked.id} of {revoked.name} is revoked.")


def _as_json(token: StoredToken, now: int) -> dict[str, object]:
    shown = token.model_dump(mode="json", exclude={"sha256"})
    return {**shown, "state": token.state(now)}
