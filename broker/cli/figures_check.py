"""Command ``concordant figures-check``: who published figures, and from whose counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.cli.figures import note_beside
from broker.cli.output import NO, AsJson, print_json, print_text, shown_path
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
            metavar="FILE",
            help="Figures as JSON, or a file with its signature file FILE.note beside it.",
        ),
    ],
    agency: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Your agency's folder. It knows the keys of all parties.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Key of the agency that published, as a party prints it."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check who published a file of figures, and whether it was changed since.

    An agency of the partnership gives its own folder. It also learns whether it holds the same
    counts as those that went in, and whether the agreement lets this agency publish figures. Any
    other reader gives the key of the agency that published: ask the agency for it, by a way that
    you trust. Exit code 1 if the file is not signed, was changed, was signed with another key, or
    is of an agency that may not publish figures.
    """
    if (agency is None) == (key is None):
        raise typer.BadParameter("give either --agency DIR or --key KEY")
    from broker.clock import now_ms
    from broker.operations.figure_signatures import check_release, verifier_of

    verifier = verifier_of(key) if key is not None else agency
    assert verifier is not None
    if file.suffix == ".note":
        raise typer.BadParameter("FILE is the signature file. Name the file of figures beside it")
    beside = note_beside(file)
    note = _read(beside) if beside.exists() else None
    checked = check_release(_read(file), note, verifier, now_ms())
    if json:
        print_json(_json(checked))
    else:
        print_text("\n".join(_lines(checked, file)))
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
            f"The file has more than {MAX_FILE_BYTES} bytes, so it is no file of figures.",
            code="input_unreadable",
            where=str(file),
            fix="Name a file of figures.",
        )
    return content


def _json(checked: CheckedRelease) -> dict[str, object]:
    found: dict[str, object] = {"holds": checked.fault is None, "code": checked.fault}
    if checked.statement is not None:
        found |= checked.statement.model_dump(mode="json")
    publishers = None if checked.publishers is None else sorted(checked.publishers)
    return found | {"key": checked.key, "held": dict(checked.counts), "publishers": publishers}


_COMPARED: Final[Mapping[str, str]] = {
    "same": "the same counts are here",
    "other": "other counts are here: they changed since, or these were never the agency's counts",
    "none": "no counts of this agency are here",
}
"""Result of the comparison with the counts that the reader holds, by the value of `CountsMatch`."""


def _lines(checked: CheckedRelease, file: Path) -> Iterator[str]:
    from broker.utc_text import day

    said = checked.statement
    yield _verdict(checked, file)
    if said is None or checked.key is None:
        return
    yield (
        f"Signed: {said.counted} of {said.period} by {', '.join(said.by)}, published by "
        f"{said.agency} on {day(said.made_ms)}, under the agreement {said.agreement}."
    )
    if checked.publishers is not None:
        yield f"The agreement lets publish figures: {', '.join(sorted(checked.publishers))}."
    if checked.fault is not None:
        return
    yield "Agencies whose counts went in, with the SHA-256 hash of the counts:"
    for agency, digest in sorted(said.counts.items()):
        held = checked.counts.get(agency)
        yield f"- {agency}: " + ("" if held is None else f"{_COMPARED[held]}; ") + digest
    yield f"Key for readers outside the partnership: {checked.key}"


def _verdict(checked: CheckedRelease, file: Path) -> str:
    """Return whether the file can be used, in words."""
    from broker.codes.meanings import CODES

    said = checked.statement
    if checked.fault is None and said is not None:
        return f"Valid: {said.agency} signed this file, and it was not changed since."
    code = checked.fault or "release_malformed"
    meaning = CODES[code]
    to_do = meaning.to_do.replace("FILE.note", shown_path(note_beside(file)))
    return f"Not valid: {meaning.means}. {to_do} ({code})"
