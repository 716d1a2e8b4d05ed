"""Commands ``concordant mapping``: propose a mapping file, try it, show it, add a code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from broker.cli.lines import write_json
from broker.cli.output import (
    REFUSED,
    Agency,
    AsJson,
    Output,
    note,
    number_of,
    print_json,
    print_table,
    print_text,
    shown_path,
)
from broker.errors import WrongInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from adapters.authoring.coverage import Coverage
    from adapters.authoring.dry_run import RowResult

app = typer.Typer(
    no_args_is_help=True,
    help="Connect your own system by a file: its columns and codes beside the agreed vocabulary.",
)

MappingFile = Annotated[
    Path | None,
    typer.Option("--mapping", metavar="FILE", help="Another mapping file than that of the agency."),
]


@app.command("init")
def init(
    sample: Annotated[
        Path, typer.Argument(metavar="SAMPLE", help="An export of your system, with some rows.")
    ],
    agency: Agency,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="Event type that a row becomes."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="WORD", help="Name of the mapping; the agency's id."),
    ] = None,
    output: Output = None,
) -> None:
    """Propose a mapping file from a sample export of your system.

    Prints the file to standard output, and notes to standard error: what was found, why, and what
    is left to do. Writes and sends nothing.
    """
    from datetime import UTC, datetime

    from adapters.authoring.begin import begin
    from adapters.authoring.proposal_text import mapping_text, proposal_notes
    from broker.clock import now_ms

    if output is not None and output.exists():
        raise WrongInputError(
            "The file is there already, and it may hold work of yours.",
            code="output_exists",
            where=shown_path(output),
        )
    now = now_ms()
    proposal = begin(agency, sample, name, event_type, now)
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    print_text(mapping_text(proposal, sample.name, today), output)
    for line in proposal_notes(proposal, shown_path(agency)):
        note(line)
    note(
        f"Next: this text belongs into mapping.yaml in {shown_path(agency)}. In agency.toml, set "
        'kind = "mapped" under [adapter]. Then: concordant mapping check '
        f"{shown_path(sample)} --agency {shown_path(agency)}"
    )


@app.command("check")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Exports of your system.")],
    agency: Agency,
    mapping: MappingFile = None,
    json: AsJson = False,
) -> None:
    """Try exports: for each row, what would be sent to whom, or why it would not.

    Stores, sends and logs nothing. With --json one line a row: {"file", "line", "outcome":
    "send|refused|filtered|repeat", "type", "recipients": {ID: [fields]}, "left_out", "refused":
    {"code", "field", "detail"}}. Exit code 4 if any row is refused.
    """
    from adapters.authoring.begin import dry_run, unused_mapping
    from adapters.authoring.coverage import Coverage
    from broker.clock import now_ms

    unused = unused_mapping(agency) if mapping is None else None
    if unused is not None:
        note(
            f"{shown_path(agency / 'mapping.yaml')} is not used, because agency.toml says "
            f'kind = "{unused}". To use it, write kind = "mapped" under [adapter].'
        )
    trial, document = dry_run(agency, mapping, now_ms())
    coverage = None if document is None else Coverage(document)
    counts = dict.fromkeys(("send", "refused", "filtered", "repeat"), 0)
    shown: list[RowResult] = []
    gets: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], int] = {}
    for result in trial.rows(files):
        counts[result.outcome] += 1
        if coverage is not None and result.row is not None:
            coverage.add(result.row)
        if json:
            write_json([_row(result)])
            continue
        for key in _gets(result):
            gets[key] = gets.get(key, 0) + 1
        if len(shown) < _MOST_SHOWN:
            shown.append(result)
    if not json:
        _print_rows(shown, sum(counts.values()))
        _print_recipients(gets)
        if coverage is not None:
            _print_coverage(coverage, agency, mapping)
    note(
        f"{counts['send']} would be sent, {counts['refused']} refused, {counts['filtered']} "
        f"filtered by the mapping, {counts['repeat']} sent before. Nothing was sent or stored."
    )
    if mapping is None and document is not None and document.format is None:
        note(
            f"Tried with the shipped format {document.mapping}. For a file of your own: "
            "--mapping FILE"
        )
    if trial.assumed is not None:
        note(f"No agreement is in force: judged by {trial.assumed.name} {trial.assumed.version}.")
    if counts["refused"]:
        raise typer.Exit(REFUSED)


@app.command("columns")
def columns(
    agency: Annotated[
        Path | None,
        typer.Option(
            "--agency",
            metavar="DIR",
            file_okay=False,
            help="The agency's folder, with agency.toml.",
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="An installed kind of adapter instead of an agency's."),
    ] = None,
    json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a page of documentation in Markdown.")
    ] = False,
    output: Output = None,
) -> None:
    """Print every column of a format: what it holds, in which form, and its codes."""
    from adapters.authoring.begin import document_of
    from adapters.authoring.columns_page import columns_page
    from adapters.authoring.columns_table import column_rows

    if agency is None and kind is None:
        raise typer.BadParameter("give --agency DIR, or --kind KIND")
    if json and markdown:
        raise typer.BadParameter("give --json or --markdown, not both")
    document = document_of(agency, kind)
    if markdown:
        print_text(columns_page(document, kind or document.mapping).rstrip("\n"), output)
        return
    rows = list(column_rows(document))
    if json:
        print_json([row.as_json() for row in rows], output)
        return
    print_table(
        ("column", "use", "needed", "holds", "form", "codes"),
        [
            (
                row.column,
                row.use,
                "yes" if row.needed else "",
                ", ".join(row.holds),
                row.form,
                ", ".join(f"{own} = {shared}" for own, shared in row.codes.items()),
            )
            for row in rows
        ],
        output,
    )


@app.command("add-code")
def add_code(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Table of the mapping file.")],
    own: Annotated[str, typer.Argument(metavar="OWN", help="The code of your system.")],
    shared: Annotated[str, typer.Argument(metavar="SHARED", help="The code of the vocabulary.")],
    agency: Agency,
    mapping: MappingFile = None,
) -> None:
    """Add a code to a table of the agency's mapping file; its other lines stay as they are.

    A running adapter takes the changed file at once. Rows and events that waited for the code are
    tried again with `quarantine retry`.
    """
    from adapters.authoring.begin import own_mapping_file
    from adapters.authoring.new_code import add_code as add
    from broker.agency.kinds import own_documents

    file = mapping or own_mapping_file(agency)
    written = add(file, own_documents(agency), table, own, shared)
    what = "read and written" if written else "read; another own code is written for it"
    note(f"{file.name}: {table} has a further code ({what}).")
    if mapping is None:
        note(f"What waited for it: concordant quarantine list --agency {shown_path(agency)}")


_MOST_SHOWN = 200
"""Most rows that are listed for people; `--json` has them all."""


def _row(result: RowResult) -> dict[str, object]:
    found: dict[str, object] = {
        "file": shown_path(result.file),
        "line": result.line,
        "outcome": result.outcome,
        "type": result.type,
        "recipients": {agency: list(fields) for agency, fields in result.recipients.items()},
        "left_out": [dict(one) for one in result.left_out],
        "not_reached": [one.as_json() for one in result.not_reached],
    }
    if result.refused is not None:
        refused = result.refused
        found["refused"] = {
            "code": refused.code,
            "field": refused.field,
            "detail": refused.detail,
        }
    return found


def _print_rows(results: Sequence[RowResult], total: int) -> None:
    rows = [
        (shown_path(one.file.name), str(one.line), one.outcome, one.type or "", _told(one))
        for one in results
    ]
    print_table(("file", "line", "outcome", "event type", "recipients, or the reason"), rows)
    if total > len(results):
        note(f"The first {len(results)} of {total:,} rows are shown; --json has them all.")


def _gets(result: RowResult) -> Iterator[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """Yield event type, recipient, the fields that it gets, and the fields that are left out."""
    for agency, fields in result.recipients.items():
        left_out = {
            one["field"] or "" for one in result.left_out if one["agency"] in (agency, None)
        }
        yield result.type or "", agency, tuple(fields), tuple(sorted(left_out))


def _print_recipients(
    gets: Mapping[tuple[str, str, tuple[str, ...], tuple[str, ...]], int],
) -> None:
    """Print the fields of each recipient; rows with the same fields are one line."""
    if not gets:
        return
    print_text("\n")
    print_table(
        ("event type", "recipient", "rows", "fields that it gets", "fields left out"),
        [
            (event_type, agency, str(rows), ", ".join(fields), ", ".join(left_out))
            for (event_type, agency, fields, left_out), rows in sorted(gets.items())[:_MOST_SHOWN]
        ],
    )
    if len(gets) > _MOST_SHOWN:
        note(f"The first {_MOST_SHOWN} of {len(gets):,} lines are shown; --json has every row.")


def _told(result: RowResult) -> str:
    if result.refused is not None:
        refused = result.refused
        return ": ".join(part for part in (refused.field, refused.detail, refused.code) if part)
    left: dict[str | None, int] = {}
    for one in result.left_out:
        left[one["agency"]] = left.get(one["agency"], 0) + 1
    return "; ".join(
        f"{agency}: {number_of(len(fields), 'field')}"
        + (f", {left[agency]} left out" if agency in left else "")
        for agency, fields in result.recipients.items()
    )


def _print_coverage(coverage: Coverage, agency: Path, mapping: Path | None) -> None:
    from adapters.authoring.proposal_text import add_code_line, shared_codes

    print_text("\n")
    print_table(
        ("column", "rows with a value", "holds"),
        [
            (use.column, f"{use.filled} of {coverage.rows}", ", ".join(use.fields) or "(ignored)")
            for use in coverage.columns.values()
        ],
    )
    unknown = [
        (table, code, str(use.count), ", ".join(map(str, use.lines)))
        for table, codes in coverage.unknown().items()
        for code, use in codes.items()
    ]
    if unknown:
        print_text("\n")
        print_table(("table", "code that it does not have", "rows", "first lines"), unknown)
        file = "" if mapping is None else shown_path(mapping)
        for table, codes in coverage.unknown().items():
            line = add_code_line(table, next(iter(codes)), shown_path(agency), file)
            shared = coverage.codes_for(table)
            note(f"For each code of {table}: {line}{f'. {shared_codes(shared)}' if shared else ''}")
