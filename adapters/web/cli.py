"""Commands of ``concordant web``, and the pages inside ``concordant adapter run``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import (
    NO,
    Agency,
    AsJson,
    number_of,
    print_json,
    print_table,
    print_text,
)

app = typer.Typer(help="The pages of this agency for its people, and their sessions.")
sessions = typer.Typer(help="Sessions of people at the pages, on every server of this agency.")
app.add_typer(sessions, name="sessions")


@app.callback(invoke_without_command=True)
def web(
    context: typer.Context,
    agency: Annotated[
        Path | None,
        typer.Option("--agency", metavar="DIR", help="The agency's folder, with agency.toml."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is any free one.")
    ] = 0,
) -> None:
    """Serve the pages of this agency until you stop it with Ctrl-C or SIGTERM.

    The first line of the output is a link. It works once: open it in a browser on this machine.
    Press Enter for another one. The adapter may run beside it, and need not.
    """
    if context.invoked_subcommand is not None:
        return
    if agency is None:
        raise typer.BadParameter("give the agency's folder", param_hint="--agency")
    import asyncio

    from broker.observing.logs import configure

    configure(json=True)
    asyncio.run(_serve(agency, host, port))


@sessions.command("list")
def list_(agency: Agency, json: AsJson = False) -> None:
    """List who is signed in now: id of the person, way of the sign-in, begin and last request."""
    from adapters.web.session_files import listed_sessions
    from broker.agency.config import load_config
    from broker.keys.instant import format_instant

    load_config(agency)
    found = listed_sessions(agency)
    if json:
        print_json([one.model_dump() for one in found])
        return
    print_table(
        ("PERSON", "BY", "SIGNED IN", "LAST REQUEST"),
        [
            (one.person, one.vouched, format_instant(one.began_ms), format_instant(one.used_ms))
            for one in found
        ],
    )


@sessions.command("end")
def end(
    agency: Agency,
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="PERSON", help="Id of the person, as `list` shows it."),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="End the sessions of every person.")
    ] = False,
) -> None:
    """End all sessions of one person, or of every person. They can sign in again.

    To keep a person out, take their roles away at the provider first. Exit code 1 if no session of
    theirs was open.
    """
    from adapters.web.session_files import end_sessions
    from broker.agency.config import load_config
    from broker.clock import now_ms

    if everyone is (person is not None):
        raise typer.BadParameter("give a person or --all", param_hint="--person")
    load_config(agency)
    ended = end_sessions(agency, person, now_ms())
    print_text(f"{number_of(len(ended), 'session')} ended.\n")
    if not ended:
        raise typer.Exit(NO)


async def _serve(agency: Path, host: str, port: int) -> None:
    from adapters.runner import stop_on_signals

    stop = stop_on_signals()
    async with served_pages(agency, host, port):
        await stop.wait()


@asynccontextmanager
async def served_pages(agency: Path, host: str, port: int) -> AsyncIterator[None]:
    """Serve the pages meanwhile, and print the link that signs the person at this machine in.

    Args:
        agency: the agency's folder.
        host: address to listen on.
        port: 0 is any free one.

    Raises:
        ConcordantError: the folder, its TLS files or the port cannot be used.
        InstallationError: `package_missing`: the extra ``web`` is not installed.
    """
    from broker.clock import now_ms
    from concordant.packages import library_missing

    try:
        from adapters.web.serving import WebServer
        from adapters.web.terminal import on_enter
    except ModuleNotFoundError as error:
        raise library_missing(error, "web") from None
    server = WebServer(agency, now_ms, host, port)
    try:
        await server.start()
        typer.echo(server.new_link())
        on_enter(lambda: typer.echo(server.new_link()))
        yield
    finally:
        await server.stop()
