"""Commands ``concordant adapter`` and ``concordant subscribe``."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from adapters import bus_cli, sftp_cli, tables_cli, token_cli, webhook_cli
from broker.cli.operator_name import Operator, Reason, actor

if TYPE_CHECKING:
    from broker.audit.actor import Actor
    from broker.transport.interfaces import ReceiverTrouble

app = typer.Typer(
    no_args_is_help=True, help="Run the adapter that connects an agency's own system."
)
app.add_typer(bus_cli.app, name="bus")
app.add_typer(tables_cli.app, name="tables")
app.add_typer(token_cli.app, name="token")
app.add_typer(sftp_cli.app, name="sftp")
app.add_typer(webhook_cli.app, name="webhook")

Agency = Annotated[
    Path, typer.Option("--agency", metavar="DIR", help="The agency's folder, with agency.toml.")
]

_INSTANCE: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")


@app.command("run")
def run(
    agency: Agency,
    settle: Annotated[
        float,
        typer.Option(
            min=0.1, help="Seconds without a change after which an export counts as complete."
        ),
    ] = 2.0,
    json_logs: Annotated[
        bool,
        typer.Option("--json-logs/--console-logs", help="Format of the log on standard error."),
    ] = True,
    web: Annotated[
        bool,
        typer.Option(
            "--web",
            help="Serve the pages of this agency too; the first line of the output is a link.",
        ),
    ] = False,
    web_host: Annotated[
        str, typer.Option(help="Address to listen on for the pages.")
    ] = "127.0.0.1",
    web_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the pages; 0 is any free one.")
    ] = 0,
    instance: Annotated[
        str | None,
        typer.Option(
            help="Name of this adapter among several that share a state on a server. "
            "By default it is the name of the machine."
        ),
    ] = None,
) -> None:
    """Run this agency's adapter until you stop it with Ctrl-C or SIGTERM.

    The adapter takes complete files from the import folder, publishes what the contract permits,
    writes received events into the inbox folder, and answers /livez, /readyz and /metrics.
    """
    import asyncio

    from broker.observing.logs import configure

    if instance is not None and not _INSTANCE.fullmatch(instance):
        raise typer.BadParameter(
            "Use at most 100 letters, digits, points, hyphens and underscores.",
            param_hint="--instance",
        )
    configure(json=json_logs)
    asyncio.run(_run(agency, settle, (web_host, web_port) if web else None, instance))


async def _run(
    agency: Path, settle_s: float, pages: tuple[str, int] | None, name: str | None
) -> None:
    """Run the adapter, and serve the pages at an address if one is given."""
    from adapters.runner import run_adapter, stop_on_signals
    from adapters.web.cli import served_pages
    from broker.clock import now_ms

    stop = stop_on_signals()
    async with nullcontext() if pages is None else served_pages(agency, *pages):
        await run_adapter(agency, now_ms, settle_s=settle_s, stop=stop, name=name)


@app.command("list")
def list_() -> None:
    """List the installed kinds of adapter, one per line."""
    from adapters.catalogue import installed

    for kind in installed():
        typer.echo(kind)


def subscribe(
    agency: Agency,
    name: Annotated[
        str, typer.Option(help="Name of this subscription. It continues where it stopped.")
    ] = "subscriber",
    limit: Annotated[
        int | None, typer.Option("--max", min=1, help="Stop after this number of events.")
    ] = None,
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Print events as they arrive, verified and decrypted, as JSON Lines until Ctrl-C.

    Each event is printed once. A new name starts at the beginning of what Kafka still holds. Each
    printed event is recorded as a consultation in the agency's disclosure log.
    """
    import asyncio

    asyncio.run(_follow(agency, name, limit, actor(operator, reason)))


async def _follow(directory: Path, name: str, limit: int | None, who: Actor) -> None:
    from broker.cli.lines import write_json
    from broker.subscriber import subscribe as open_subscription

    def waiting(trouble: ReceiverTrouble) -> None:
        typer.echo(f"waiting for Kafka ({trouble.code})", err=True)

    seen = 0
    async with open_subscription(
        directory, name, on_trouble=waiting, acting_for=who.acting_for, reason=who.reason
    ) as events:
        async for event in events:
            write_json([event.as_json()])
            seen += 1
            await events.acknowledge()
            if limit is not None and seen >= limit:
                break
