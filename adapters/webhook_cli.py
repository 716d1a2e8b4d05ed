"""Commands ``concordant adapter webhook``: test of the endpoint, and its signing secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from broker.cli.output import ENVIRONMENT, NO, Agency, AsJson, note

if TYPE_CHECKING:
    from adapters.webhook.trial import Tested

app = typer.Typer(
    no_args_is_help=True, help="Test the webhook that takes received events, and keep its secret."
)
secret = typer.Typer(
    no_args_is_help=True, help="Make and replace the secret that signs requests of the webhook."
)
app.add_typer(secret, name="secret")

UNREACHED = frozenset(
    {
        "webhook_certificate_unusable",
        "webhook_secret_unusable",
        "webhook_slow",
        "webhook_tls_failed",
        "webhook_unreachable",
    }
)
"""Codes of a test to which the endpoint gave no answer."""


@app.command("test")
def send_invented(agency: Agency, as_json: AsJson = False) -> None:
    """Send one invented event of the type concordant.test to the endpoint, signed as every event.

    Exit code 1 if the endpoint did not take it, 3 if it gave no answer.
    """
    from adapters.webhook.side import require_http_client, webhook_section
    from broker.agency.config import load_config
    from broker.cli.output import print_json
    from broker.clock import now_ms
    from broker.codes.meanings import CODES

    config = load_config(agency)
    require_http_client()
    from adapters.webhook.endpoint import endpoint_settings, shown_address
    from adapters.webhook.trial import send_test

    settings = endpoint_settings(webhook_section(config), agency)
    tested = send_test(settings, config.agency, now_ms)
    outcome, code, detail = _described(tested, shown_address(settings.url))
    step = CODES[code].to_do if code is not None and code in CODES else None
    if as_json:
        print_json(
            {
                "outcome": outcome,
                "code": code,
                "detail": detail,
                "fix": step,
                "webhook_id": tested.message,
                "milliseconds": tested.milliseconds,
            }
        )
    else:
        named = "" if code is None else f" [{code}]"
        note(f"{detail}{named} ({tested.milliseconds} ms, webhook-id {tested.message})")
        if step is not None:
            note(f"to do: {step}")
    if outcome != "imported":
        raise typer.Exit(ENVIRONMENT if code in UNREACHED else NO)


def _described(tested: Tested, address: str) -> tuple[str, str | None, str]:
    """Return outcome, code and a sentence."""
    from adapters.exchange.results import REJECTED
    from adapters.webhook.answers import EndpointGone, Failed, Imported, RejectedRequest

    match tested.answer:
        case Imported():
            return "imported", None, f"The endpoint {address} took the test event."
        case RejectedRequest(rejection):
            return (
                "rejected",
                REJECTED,
                f"The endpoint {address} rejected the test event: {rejection.detail}.",
            )
        case EndpointGone():
            return "gone", "webhook_gone", f"The endpoint {address} answered 410."
        case Failed(code, detail):
            return "failed", code, detail


@secret.command("new")
def new(agency: Agency) -> None:
    """Make the secret, store it in the file that agency.toml names, and print it."""
    from adapters.webhook.secret_file import make_secret

    typer.echo(make_secret(agency, _file(agency)))


@secret.command("rotate")
def rotate(agency: Agency) -> None:
    """Make a new secret beside the present one, and print it; requests are signed with both."""
    from adapters.webhook.secret_file import rotate_secret

    made = rotate_secret(agency, _file(agency))
    note(
        "Each request has the signatures of both secrets now. Give the new one to the endpoint, "
        "then: concordant adapter webhook secret retire"
    )
    typer.echo(made)


@secret.command("retire")
def retire(agency: Agency) -> None:
    """Remove the older of two secrets; this ends a rotation."""
    from adapters.webhook.secret_file import retire_secret

    if retire_secret(agency, _file(agency)):
        note("The older secret is removed.")
    else:
        note("There is only one secret; nothing was removed.")
        raise typer.Exit(NO)


def _file(agency: Path) -> Path:
    from adapters.webhook.side import webhook_section
    from broker.agency.config import load_config

    return agency / webhook_section(load_config(agency)).secret
