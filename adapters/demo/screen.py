"""Output of the demo: colours and a status line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from contracts.hidden_characters import visible

PIPE_WIDTH: Final = 118


class Screen:
    """Writes to standard output."""

    def __init__(self) -> None:
        terminal = sys.stdout.isatty()
        self._console = Console(
            width=None if terminal else PIPE_WIDTH, highlight=False, emoji=False
        )
        self._status: Status | None = None
        self._what = ""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Return seconds since the start."""
        return time.monotonic() - self._started

    def act(self, title: str) -> None:
        """Start a new part of the story."""
        self._console.print()
        self._console.rule(f"[bold]{escape(title)}", align="left")

    def say(self, text: str, mark: str = " ") -> None:
        """Show one line of the story."""
        colour = {"✓": "green", "✗": "red", "!": "yellow", "⊘": "magenta"}.get(mark)
        sign = f"[{colour}]{mark}[/]" if colour else mark
        body = escape("\n".join(visible(line) for line in text.splitlines()))
        self._console.print(f"[dim]{self.seconds:5.1f} s[/] {sign} {body}", soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a table; the cells are texts of the story and of agencies' files."""
        table = Table(title=escape(title) or None, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(escape(column), overflow="fold")
        for row in rows:
            table.add_row(*(escape(visible(str(cell))) for cell in row))
        self._console.print(table)

    def line(self, text: str = "") -> None:
        """Show a line unchanged, for commands to copy."""
        self._console.print(escape(text), soft_wrap=True)

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show that something is in progress until the block ends."""
        self._what = what
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(escape(what)) as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def progress(self, detail: str) -> None:
        """Show more detail of the current activity; nothing in a pipe."""
        if self._status is not None:
            self._status.update(escape(f"{self._what}: {detail}"))
