"""``contract diff`` and ``contract breaking``: what changes between two versions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.output import NO, AsJson, Output, note, number_of, print_json, print_text

if TYPE_CHECKING:
    from broker.operations.contract_comparison import ComparedVersions
    from contracts.comparison import TermChange

Old = Annotated[Path, typer.Argument(metavar="OLD", help="The older version's file.")]
New = Annotated[Path, typer.Argument(metavar="NEW", help="The newer version's file.")]
Party = Annotated[
    str | None, typer.Option("--party", metavar="ID", help="Only what concerns this agency.")
]


class DiffFormat(StrEnum):
    """Formats of ``contract diff``."""

    text = "text"
    md = "md"
    html = "html"
    json = "json"


def diff(
    old: Old,
    new: New,
    party: Party = None,
    form: Annotated[
        DiffFormat, typer.Option("--format", help="For people, for a page, or for programs.")
    ] = DiffFormat.text,
    output: Output = None,
) -> None:
    """Say in words every term that changes between two versions, disclosure first.

    Each change widens, narrows, does both, does neither, or is unknown: software cannot judge the
    words, and they count as widening. Exit code 0, also if nothing changed.
    """
    from broker.operations.contract_comparison import compare_files
    from contracts.markup import DocumentFormat, written

    compared = compare_files(old, new, party)
    if form is DiffFormat.json:
        print_json({"changes": [_change(each) for each in compared.changes]}, output)
    else:
        print_text(written(compared.document(), DocumentFormat(form.value)), output)


def breaking(old: Old, new: New, json: AsJson = False, output: Output = None) -> None:
    """List what widens from one version to the next; unknown changes count.

    Exit code 0 if nothing widens, 1 if anything does, 3 if a file is missing or cannot be read.
    """
    from broker.operations.contract_comparison import compare_files

    compared = compare_files(old, new)
    found = compared.widening
    if json:
        print_json({"changes": [_change(each) for each in found]}, output)
    else:
        print_text("".join(f"{_line(each)}\n" for each in found), output)
    note(_summary(compared))
    raise typer.Exit(NO if found else 0)


def _change(change: TermChange) -> dict[str, object]:
    return {
        "path": change.path,
        "clause": change.clause,
        "effect": change.effect,
        "text": change.text,
        "parties": list(change.parties),
    }


def _line(change: TermChange) -> str:
    from contracts.hidden_characters import one_line

    place = f" (clause {change.clause})" if change.clause is not None else ""
    return one_line(f"{change.effect}: {change.text}{place}")


def _summary(compared: ComparedVersions) -> str:
    widening = len(compared.widening)
    if not widening:
        return "Nothing widens. All changes are shown by: concordant contract diff"
    verb = "widens" if widening == 1 else "widen"
    return (
        f"{number_of(widening, 'change')} {verb}, or cannot be judged by software. All changes are "
        "shown by: concordant contract diff"
    )
