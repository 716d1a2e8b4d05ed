"""Command ``concordant figures``: cases or referrals of a quarter, as they may be published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from broker.cli.output import Agency, AsJson, Output, note, plain_table, print_json, print_text

if TYPE_CHECKING:
    from broker.figures.counting import Subject
    from broker.operations.figure_signatures import ReleaseAuthor
    from broker.releases.figures_release import FiguresRelease


def figures(
    agency: Agency,
    period: Annotated[
        str, typer.Option(metavar="QUARTER", help="Quarter of the calendar, such as 2026-Q3.")
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="DIMENSION[,DIMENSION]",
            help="By what is counted: one to three dimensions, such as borough,strand. If a name "
            "is wrong, the message lists all.",
        ),
    ],
    json: AsJson = False,
    csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            help="Print CSV. With --output FILE, also write FILE-metadata.json (CSV on the Web).",
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write table, plot and limits as one HTML file."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a plot to FILE.")] = None,
    of: Annotated[
        Literal["cases", "referrals"],
        typer.Option(
            help="Count the cases that agencies recorded first, or the referrals that they sent."
        ),
    ] = "cases",
    contract: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the agreement, if several let you count."),
    ] = None,
    incomplete: Annotated[
        bool,
        typer.Option(
            "--incomplete",
            help="Publish although the quarter runs, an agency is not counted, or there is no "
            "case. A number of such a table can stay as it is for good, also a 0.",
        ),
    ] = False,
    output: Output = None,
) -> None:
    """Make a table of the cases, or the referrals, of a quarter, as it may be published.

    Adds up the counts that have come from the agencies of the agreement. Small numbers are hidden,
    and so are numbers from which they could be worked out. The others are rounded. The table counts
    as published and is remembered: later tables of the quarter reveal nothing that it hides. So
    make only tables that you publish. JSON contains your agency's signature. Each other file has a
    signature file beside it, FILE.note.

    While the quarter runs, an agency is not counted or there is no case, table and JSON are a
    preview, which is not published, and the other forms are refused (exit code 1).
    """
    from broker.clock import now_ms

    _require_one_use(json=json, csv=csv, html=html, svg=svg, output=output)
    release = _released(agency, period, by, now_ms(), contract, of, incomplete)
    _present(release, agency, json=json, csv=csv, html=html, svg=svg, output=output)


def _require_one_use(
    *, json: bool, csv: bool, html: Path | None, svg: Path | None, output: Path | None
) -> None:
    """Refuse options of which one would be ignored or overwritten, before a table is published.

    Raises:
        BadParameter: two options exclude each other.
    """
    if json and csv:
        raise typer.BadParameter("give either --json or --csv")
    if output is not None and (html or svg) and not (json or csv):
        raise typer.BadParameter("--output needs --json or --csv beside --html or --svg")
    files = [one.absolute() for one in (html, svg, output) if one is not None]
    if len(set(files)) < len(files):
        raise typer.BadParameter("name another file for each of --html, --svg and --output")


def _released(
    agency: Path,
    period: str,
    by: str,
    now: int,
    contract: str | None,
    of: Subject,
    incomplete: bool,
) -> FiguresRelease:
    from concordant.packages import library_missing

    try:
        from broker.operations.figures import release_figures
    except ModuleNotFoundError as error:
        raise library_missing(error, "figures") from None
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    return release_figures(agency, period, names, now, contract, of, incomplete=incomplete)


def _present(
    release: FiguresRelease,
    agency: Path,
    *,
    json: bool,
    csv: bool,
    html: Path | None,
    svg: Path | None,
    output: Path | None,
) -> None:
    from broker.cli.output import printed
    from broker.operations.figure_signatures import ReleaseAuthor
    from broker.releases.html_page import page_of
    from broker.releases.release_csv import csv_metadata, csv_of
    from broker.releases.release_json import json_of
    from broker.releases.release_notes import notes_of
    from broker.releases.svg_plot import svg_of
    from broker.releases.too_early import preview_notes, require_published

    if not (json or csv or html or svg):
        print_text(text_of(release), output)
        return
    if csv or html or svg:
        require_published(release)
    if release.too_early:
        print_json(json_of(release), output)
        note("\n".join(preview_notes(release)))
        return
    author = ReleaseAuthor.of_folder(agency, release)
    if html is not None:
        _write_signed(html, page_of(release).encode(), "page", author)
    if svg is not None:
        _write_signed(svg, svg_of(release).encode(), "plot", author)
    if json:
        print_json(author.signed(json_of(release)), output)
    elif csv:
        table = csv_of(release)
        if output is None:
            print_text(table)
            note("\n".join(notes_of(release)))
            return
        _write_signed(output, printed(table), "report", author)
        beside = output.with_name(f"{output.name}-metadata.json")
        metadata = dict(csv_metadata(release, output.name))
        print_json(author.signed(metadata), beside)


def text_of(release: FiguresRelease) -> str:
    """Return the table with its sources and limits."""
    from broker.releases.referral_text import times_in_words
    from broker.releases.release_notes import notes_of
    from broker.releases.release_sources import sources_in_words
    from broker.releases.table_cells import heading_of, rows_of, table_headings

    heading = (
        f"Preview, not published: {heading_of(release)}"
        if release.too_early
        else f"{heading_of(release)}. Published by {release.agency}"
    )
    table = plain_table(table_headings(release), list(rows_of(release)))
    times = times_in_words(release)
    notes = (f"- {one}" for one in notes_of(release))
    return "\n".join((heading, "", table, *times, sources_in_words(release), *notes))


def _write_signed(file: Path, content: bytes, what: str, author: ReleaseAuthor) -> None:
    """Write a file, and its signature file beside it; a device or a pipe has none."""
    from broker.cli.output import shown_path, write_file

    write_file(file, content, what)
    if file.is_file():
        beside = note_beside(file)
        write_file(beside, author.note(content), "signature")
        note(f"Written: {shown_path(file)}, and its signature {shown_path(beside)}")


def note_beside(file: Path) -> Path:
    """Return the place of the signature file of a file."""
    return file.with_name(f"{file.name}.note")
