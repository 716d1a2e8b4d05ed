"""Command ``concordant web``, and the pages inside ``concordant adapter run``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from adapters.web.serving import WebServer


def web(
    agency: Annotated[
        Path,
        typer.Option("--agency", metavar="DIR", help="The agency's folder, with agency.toml."),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 is any free one.")
    ] = 0,
) -> None:
    """Serve the pages of this agency until you stop it with Ctrl-C or SIGTERM.

    The first line of the output is a link. It works once: open it in a browser on this machine.
    Press Enter for another one. The adapter may run beside it, and need not.
    """
    import asyncio

    from broker.observing.logs import configure

    configure(json=True)
    asyncio.run(_serve(agency, host, port))


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
    except ModuleNotFoundError as error:
        raise library_missing(error, "web") from None
    server = WebServer(agency, now_ms, host, port)
    try:
        await server.start()
        typer.echo(server.new_link())
        _link_on_enter(server)
        yield
    finally:
        await server.stop()


def _link_on_enter(server: WebServer) -> None:
    """Print another link when the person at the terminal presses Enter."""
    import asyncio
    import sys

    if not sys.stdin.isatty():
        return

    def entered() -> None:
        if sys.stdin.readline():
            typer.echo(server.new_link())
        else:
            asyncio.get_running_loop().remove_reader(sys.stdin)

    asyncio.get_running_loop().add_reader(sys.stdin, entered)
