"""Commands ``concordant tail`` and ``concordant top``: an agency's flow of events, live."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Final

import typer

from broker.cli.output import Agency, AsJson, print_text

_MOST_S: Final = 86_400.0
_TAIL_REFRESH_S: Final = 60.0

Seconds = Annotated[
    float | None,
    typer.Option("--for", min=0, max=_MOST_S, help="End after this many seconds."),
]


def tail(
    agency: Agency,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Begin with the events since this day or time."),
    ] = None,
    seconds: Seconds = None,
    json: AsJson = False,
) -> None:
    """Print a line for each event as it is sent, received, delivered or refused.

    Each line has time, step, partner, type or topic, event id and reason code, and no value of a
    field. Needs no passphrase and no Kafka. It ends with Ctrl-C. With --json: JSON Lines.
    """
    from broker.cli.times import parse_moment
    from broker.cli.watching_text import json_line, tail_line
    from broker.clock import now_ms
    from broker.operations.live_state import live_state

    since_ms = None if since is None else parse_moment(since, "--since")
    with live_state(agency, now_ms) as live, suppress(KeyboardInterrupt):
        lines = live.tail(since_ms)
        form = json_line if json else tail_line

        def show() -> None:
            while found := lines():
                print_text("".join(form(one) for one in found))

        live.watch(show, seconds, _TAIL_REFRESH_S)


def top(
    agency: Agency,
    once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False,
    seconds: Seconds = None,
) -> None:
    """Show the flow of events with each partner on one screen, live.

    Its first line says whether everything flows. Each partner has a line: sent and received in the
    last 24 hours, waiting, put aside, overdue. Needs no passphrase and no Kafka. It ends with
    Ctrl-C. Without a terminal it prints one picture. `status` shows the same data with every
    detail.
    """
    from broker.cli.watching_text import LiveScreen, picture_text
    from broker.clock import now_ms
    from broker.operations.live_state import REFRESH_S, live_state

    with live_state(agency, now_ms) as live, suppress(KeyboardInterrupt):
        if once or not _on_a_terminal():
            print_text(picture_text(live.picture()))
            return
        with LiveScreen() as screen:
            live.watch(lambda: screen.show(live.picture()), seconds, REFRESH_S)


def _on_a_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
