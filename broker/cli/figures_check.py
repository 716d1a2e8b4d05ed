"""Command ``concordant figures-check``: who published figures, and from whose counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.cli.figures import note_beside
from broker.cli.output import NO, AsJson, print_json, print_text
from broker.errors import ConfigError
from contracts.bounded_file import read_bounded

if TYPE_CHECKING:
    from broker.operations.figure_signatures import CheckedRelease


MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""Largest file that is checked."""


def figures_check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A release as JSON, or a file with its note, FILE.note, beside it."
        ),
    ],
    agency: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Folder of a party, which knows the keys of all."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Key of the agency that published, as a party prints it."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check who published a release of figures, and whether the file is as it was signed.

    A party also compares the counts that went in with those that it holds. Any other reader needs
    the key of the agency: ask the agency for it, by a way that you trust. Exit code 1 if the file
    is not signed, was changed, or was signed by another key.
    """
    if (agency is None) == (key is None):
        raise typer.BadParameter("give either --agency DIR or --key KEY")
    from broker.clock import now_ms
    from broker.operations.figure_signatures import check_release, verifier_of

    verifier = verifier_of(key) if key is not None else agency
    assert verifier is not None
    beside = note_beside(file)
    note = _read(beside) if beside.exists() else None
    checked = check_release(_read(file), note, verifier, now_ms())
    if json:
        print_json(_json(checked))
    else:
        print_text("\n".join(_lines(checked)))
    raise typer.Exit(0 if checked.fault is None else NO)


def _read(file: Path) -> bytes:
    content = read_bounded(
        file,
        MAX_FILE_BYTES,
        ConfigError,
        code="input_unreadable",
        fix="Name a file that exists and that you may read.",
    )
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(
            f"The file has more than {MAX_FILE_BYTES} bytes, so it is no release of figures.",
            code="input_unreadable",
            where=str(file),
            fix="Name a release of figures.",
        )
    return content


def _json(checked: CheckedRelease) -> dict[str, object]:
    found: dict[str, object] = {"holds": checked.fault is None, "code": checked.fault}
    if checked.statement is not None:
        found |= checked.statement.model_dump(mode="json")
    return found | {"key": checked.key, "held": dict(checked.counts)}


def _lines(checked: CheckedRelease) -> Iterator[str]:
    from broker.codes.meanings import CODES
    from broker.operations.figure_signatures import CountsMatch
    from broker.utc_text import day

    in_words = {
        CountsMatch.SAME: "the same counts are here",
        CountsMatch.OTHER: "other counts are here: some changed since, or these are not the ones",
        CountsMatch.NONE: "no counts of it are here",
    }
    said = checked.statement
    if said is not None and checked.key is not None:
        yield (
            f"Published by {said.agency} on {day(said.made_ms)}, under the agreement "
            f"{said.agreement}: {said.counted} of {said.period} by {', '.join(said.by)}."
        )
        yield "Counts that went in, by their SHA-256 hash:"
        for agency, digest in sorted(said.counts.items()):
            held = checked.counts.get(agency)
            yield f"- {agency}: {digest}" + ("" if held is None else f" ({in_words[held]})")
        yield f"Key: {checked.key}"
    if checked.fault is None:
        yield "The file is as it was signed."
    else:
        meaning = CODES[checked.fault]
        yield f"Not valid ({checked.fault}): {meaning.means}. {meaning.to_do}"
