"""Commands ``concordant vocabulary``: write, check, read and compare vocabularies."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.contract_comparison import DiffFormat
from broker.cli.findings_text import advice
from broker.cli.output import (
    NO,
    AsJson,
    Output,
    note,
    number_of,
    print_json,
    print_table,
    print_text,
)
from contracts.markup import DocumentFormat

if TYPE_CHECKING:
    from broker.operations.vocabulary_files import CheckedVocabulary
    from contracts.vocabulary.comparison import VocabularyChange

app = typer.Typer(
    no_args_is_help=True,
    help="Write, check, read and compare vocabularies: event types, fields and code lists.",
)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, for example housing.")],
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="One line for people.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
) -> None:
    """Write a first vocabulary with one event type, for you to extend.

    The file loads and passes lint as it is. A draft of an agreement finds it beside itself if it is
    called NAME.vocabulary.yaml.
    """
    from datetime import UTC, datetime

    from broker.operations.vocabulary_files import new_vocabulary

    new_vocabulary(name, title, out, datetime.now(UTC).date())
    print_text(f"{out}\n")


@app.command("lint")
def lint(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The vocabulary.")],
    json: AsJson = False,
) -> None:
    """Check a vocabulary before an agreement pins it.

    Exit code 1 if there are errors; warnings alone give 0.
    """
    from broker.clock import now_ms
    from broker.operations.vocabulary_files import check_vocabulary

    checked = check_vocabulary(file, now_ms())
    if json:
        print_json(_checked(checked))
    else:
        lines = [
            f"{checked.file}: {one.severity}: {one.rule}: {one.where}: {one.message}"
            for one in checked.findings
        ]
        lines += advice(checked.findings)
        print_text("".join(f"{line}\n" for line in lines))
    warnings = len(checked.findings) - checked.errors
    note(f"{number_of(checked.errors, 'error')}, {number_of(warnings, 'warning')}.")
    raise typer.Exit(NO if checked.errors else 0)


@app.command("show")
def show(
    vocabulary: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="A vocabulary of the software, or a file; left out: list those of the software.",
        ),
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only this event type.")
    ] = None,
    form: Annotated[
        DocumentFormat, typer.Option("--format", help="Text, Markdown, or an HTML page.")
    ] = DocumentFormat.text,
    output: Output = None,
) -> None:
    """Show the event types, fields, consent scopes and code lists of a vocabulary.

    Without a name, list the vocabularies that come with the software.
    """
    from broker.operations.vocabulary_files import shipped_vocabularies, vocabulary_of
    from contracts.markup import written
    from contracts.vocabulary.report import vocabulary_document

    if vocabulary is None:
        forms = [one.form for one in shipped_vocabularies()]
        rows = [(one.vocabulary, str(one.dated), one.title) for one in forms]
        print_table(("NAME", "DATE", "WHAT IT IS FOR"), rows, output)
        return
    print_text(written(vocabulary_document(vocabulary_of(vocabulary), event_type), form), output)


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The vocabulary before.")],
    new_: Annotated[str, typer.Argument(metavar="NEW", help="The vocabulary after.")],
    form: Annotated[
        DiffFormat, typer.Option("--format", help="For people, for a page, or for programs.")
    ] = DiffFormat.text,
    output: Output = None,
) -> None:
    """Say what changes from one vocabulary to another.

    Exit code 1 if a name that both have no longer means the same: then an agreement cannot replace
    the old vocabulary by the new one, and the change needs a new name.
    """
    from broker.operations.vocabulary_files import compare_vocabulary_files
    from contracts.markup import written
    from contracts.vocabulary.report import vocabulary_changes

    compared = compare_vocabulary_files(old, new_)
    if form is DiffFormat.json:
        print_json({"changes": [_change(one) for one in compared.changes]}, output)
    else:
        document = vocabulary_changes(compared.old, compared.new)
        print_text(written(document, DocumentFormat(form.value)), output)
    raise typer.Exit(NO if any(one.breaks for one in compared.changes) else 0)


def _checked(checked: CheckedVocabulary) -> dict[str, object]:
    return {
        "file": checked.file,
        "errors": checked.errors,
        "findings": [asdict(one) for one in checked.findings],
    }


def _change(change: VocabularyChange) -> dict[str, object]:
    lowered = change.lowered
    return {
        "path": change.path,
        "text": change.text,
        "breaks": change.breaks,
        "rule": None if lowered is None else "sensitivity-lowered",
        "lowered": None if lowered is None else {"from": lowered[0], "to": lowered[1]},
    }
