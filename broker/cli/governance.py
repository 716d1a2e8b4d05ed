"""Commands `concordant agency governance`: governance keys on paper, and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, confirmed, note, print_json, print_text
from broker.errors import ConfigError, WrongInputError
from contracts.bounded_file import read_bounded

app = typer.Typer(no_args_is_help=True, help="Print the governance keys on paper, and read them.")

WORDS_LIMIT_BYTES = 64 * 1024


@app.command("print")
def print_(
    agency: Agency,
    yes: Annotated[bool, typer.Option("--yes", help="Print without asking.")] = False,
    json: AsJson = False,
) -> None:
    """Print the governance keys as 50 words and a QR code, for a sheet of paper.

    The page alone gives the keys, without a passphrase. Print it on a printer without a memory, put
    it into a sealed envelope and into a safe. Needs the governance keys and their passphrase.
    """
    from broker.cli import governance_text as text
    from broker.operations.governance_paper import paper_keys

    page = paper_keys(agency)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if on_terminal and not yes:
        question = f"This shows the private governance keys of {page.agency} on this screen."
        if not confirmed(question, "show them"):
            raise typer.Exit(1)
    if json:
        print_json(text.page_json(page))
    else:
        print_text(text.page_text(page))
    note("The page opens everything that the governance keys open. Keep no file of it.")


@app.command("read")
def read(
    agency: Agency,
    words_file: Annotated[
        Path | None,
        typer.Option(
            "--words-file",
            metavar="FILE",
            help="File with the words, or what was scanned; without it standard input.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make the governance key files again from the words of a page.

    Type the words, or what the QR code holds; four letters of each word are enough. A wrong word is
    named by its number. The words must be the keys that agency.toml names.
    """
    from broker.cli import governance_text as text
    from broker.clock import now_ms
    from broker.operations.governance_paper import read_paper_keys

    found = read_paper_keys(agency, _typed(words_file), now_ms())
    if json:
        print_json(text.read_json(found))
    else:
        print_text(text.read_text(found))


def _typed(file: Path | None) -> str:
    if file is None:
        if sys.stdin is None:
            raise WrongInputError(
                "There are no words.",
                code="option_missing",
                where="--words-file",
                fix="Give --words-file FILE, or the words on standard input.",
            )
        if sys.stdin.isatty():
            note("Type the 50 words of the page, then an empty line:")
            lines = iter(sys.stdin.readline, "")
            typed: list[str] = []
            for line in lines:
                if not line.strip() and typed:
                    break
                typed.append(line)
            return "".join(typed)
        return sys.stdin.read(WORDS_LIMIT_BYTES)
    words = read_bounded(
        file, WORDS_LIMIT_BYTES, ConfigError, code="file_unusable", what="file of the words"
    )
    return words.decode(errors="replace")
