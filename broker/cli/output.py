"""Output shared by all commands: data to stdout or a file, notes to stderr, tables for people.

rich draws only on a terminal; redirected output is plain UTF-8 text of any width, because a table
cut at 80 columns would hide fields.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from broker.errors import ConfigError, WrongInputError
from contracts.hidden_characters import HIDDEN, one_line, visible

Agency = Annotated[
    Path,
    typer.Option(
        "--agency",
        metavar="DIR",
        file_okay=False,
        readable=False,  # the code that reads the folder reports errors
        help="The agency's folder, with agency.toml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write to FILE instead of stdout."),
]

NO = 1
"""Exit code: the answer is no."""
ENVIRONMENT = 3
"""Exit code: the environment is at fault."""
REFUSED = 4
"""Exit code: part of the input was refused."""

Row = Sequence[str]


def note(text: str) -> None:
    """Print a message for the person at the terminal to stderr; it is lost if stderr is closed."""
    if sys.stderr is not None:  # the parent process closed it
        with suppress(OSError):
            sys.stderr.write(printable(text) + "\n")


def number_of(count: int, thing: str) -> str:
    """Return a count with its noun, for example ``1 error`` or ``2 errors``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def confirmed(question: str, verb: str) -> bool:
    """Ask on the terminal; only `y` and `yes` agree.

    Args:
        question: the question.
        verb: the action of `yes`, such as `sign`.

    Raises:
        WrongInputError: `confirmation_needed`: there is no terminal to ask on.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise WrongInputError(
            "There is no terminal to ask for agreement.",
            code="confirmation_needed",
            fix="Read what is shown above, then give --yes.",
        )
    note(f"{question} Type yes to {verb}:")
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def ask_text(question: str) -> str | None:
    """Ask for a text on the terminal; None if there is no terminal or no answer."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    note(question)
    return sys.stdin.readline().strip() or None


def printable(text: str) -> str:
    """Return the text with hidden characters shown by their code points, as `<U+202E>`.

    Other parties write agreements and reasons. Control characters could steer a terminal, and
    bidirectional or invisible ones could make a text look different from what it is (spoofing).
    """
    return visible(text)


def write_out(data: bytes) -> None:
    """Write bytes to standard output at once.

    Raises:
        Exit: 0, the reader of the output closed it; typer would exit with 1 ("no").
        ConfigError: `output_unwritable`.
    """
    reason = "It is closed"
    if sys.stdout is not None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except OSError as error:
            # Data that is still buffered would fail again when the process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if isinstance(error, BrokenPipeError):
                raise typer.Exit(0) from None
            reason = error.strerror or "Unknown error"
        else:
            return
    raise ConfigError(
        f"Standard output cannot be written ({reason}).",
        code="output_unwritable",
        fix="Free disk space, or write to another place.",
    )


def shown_path(path: Path | str) -> str:
    """Return the name of a file as text, also if it is not UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def print_text(text: str, output: Path | None = None) -> None:
    """Print text unchanged, with one line end at its end.

    Raises:
        ConfigError: `output_unwritable`.
    """
    data = printed(text)
    if output is None:
        write_out(data)
        return
    write_file(output, data, "report")


def printed(text: str) -> bytes:
    """Return the bytes that `print_text` prints."""
    text = printable(text)
    whole = text if text.endswith("\n") or not text else text + "\n"
    return whole.encode(errors="backslashreplace")  # a file name may not be UTF-8


def write_file(file: Path, data: bytes, what: str) -> None:
    """Bytes into a file, which may be a device or a pipe.

    Raises:
        ConfigError: `output_unwritable`.
    """
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"The {what} cannot be written ({error.strerror}).",
            code="output_unwritable",
            where=str(file),
            fix="Name a file in a folder that exists and that you may write to.",
        ) from None


def print_json(value: object, output: Path | None = None) -> None:
    """Print one JSON document; hidden characters in texts are escaped, so no value changes.

    Raises:
        ConfigError: `output_unwritable`.
    """
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    text = orjson.dumps(value, option=options).decode()
    print_text(HIDDEN.sub(lambda found: dumps(found[0])[1:-1], text), output)


def print_table(columns: Row, rows: Sequence[Row], output: Path | None = None) -> None:
    """Print a table with a heading; nothing in it is cut.

    Raises:
        ConfigError: `output_unwritable`.
    """
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        _draw(columns, rows)
    else:
        print_text(plain_table(columns, rows), output)


def print_tables(tables: Sequence[tuple[Row, Sequence[Row]]], output: Path | None = None) -> None:
    """Print the first table, and the others that have rows, with an empty line between two.

    Raises:
        ConfigError: `output_unwritable`.
    """
    shown = [table for at, table in enumerate(tables) if at == 0 or table[1]]
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        for columns, rows in shown:
            _draw(columns, rows)
    else:
        print_text("\n".join(plain_table(columns, rows) for columns, rows in shown), output)


def plain_table(columns: Row, rows: Sequence[Row]) -> str:
    """Return columns aligned with spaces, as wide as needed; no trailing spaces.

    A cell is on one line, so that no value looks like a row.
    """
    lines = [[one_line(cell) for cell in line] for line in (columns, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in lines
    )


def _draw(columns: Row, rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")  # folded on a narrow terminal, not cut
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    Console().print(table)
