"""Command ``concordant conformance``: the test vectors, against this reader or any other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from broker.cli.output import NO, print_text
from broker.errors import ConfigError

_BESIDE: Final = Path(__file__).resolve().parents[2] / "tests" / "vectors"
"""Vectors of the source tree that holds this module; a wheel has none."""


def conformance(
    cases: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CASE]...", help="Names of cases. The default is all."),
    ] = None,
    command: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Command to run for each case, with {setting}, {agency} and {now}. The "
            "default is this reader.",
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the vectors. The default is tests/vectors of the source tree.",
        ),
    ] = None,
) -> None:
    """Run the test vectors against this reader, or against another one given as a command.

    The command reads records as JSON Lines and writes one answer a line, as `event open` does.
    Prints a line for each case that fails, and the number that passed. Exit code 1 if any failed.
    """
    from broker.operations.vector_cases import (
        UnknownCaseError,
        command_reader,
        fault,
        load_cases,
        this_reader,
    )

    try:
        loaded = load_cases(vectors or _vectors(), cases or [])
    except UnknownCaseError as error:
        raise typer.BadParameter(
            f"there is no case {error}; a case has the name of its file in cases, without .json. "
            f"{error.suggestion}"
        ) from None
    implementation = this_reader if command is None else command_reader(command)
    passed = 0
    for number, case in enumerate(loaded, 1):
        _progress(number, len(loaded))
        found = fault(case, implementation)
        if found is None:
            passed += 1
        else:
            _progress(0, 0)
            print_text(found)
    _progress(0, 0)
    print_text(f"{len(loaded)} cases, {passed} passed")
    raise typer.Exit(0 if passed == len(loaded) else NO)


def _vectors() -> Path:
    if _BESIDE.is_dir():
        return _BESIDE
    raise ConfigError(
        "The test vectors are not installed; they are in the source tree.",
        code="vectors_missing",
        fix="Name the folder tests/vectors of a source tree with --vectors.",
    )


def _progress(number: int, total: int) -> None:
    """Draw a progress line that is overwritten, on a terminal only; clear it without a total."""
    if sys.stderr.isatty():
        text = f"{number} of {total}" if total else ""
        sys.stderr.write(f"\r{text:<20}\r")
        sys.stderr.flush()
