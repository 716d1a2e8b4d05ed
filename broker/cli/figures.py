"""Command ``concordant figures``: cases or referrals of a quarter, as they may be published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from broker.cli.output import Agency, AsJson, Output, note, print_json, print_text

if TYPE_CHECKING:
    from broker.figures.counting import Subject
    from broker.operations.figures import FiguresRelease


def figures(
    agency: Agency,
    period: Annotated[
        str, typer.Option(metavar="QUARTER", help="Quarter of the calendar, such as 2026-Q3.")
    ],
    by: Annotated[
        str,
        typer.Option(
            metavar="DIMENSION[,DIMENSION]",
            help="Dimensions of the table, up to three, such as borough,strand. The agreement's "
            "vocabulary names them.",
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
        Path | None, typer.Option(metavar="FILE", help="Write a page with table and plot to FILE.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a plot to FILE.")] = None,
    of: Annotated[
        Literal["cases", "referrals"],
        typer.Option(help="What is counted: cases that an agency minted, or referrals it sent."),
    ] = "cases",
    contract: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Agreement, if several have a purpose of statistics."),
    ] = None,
    output: Output = None,
) -> None:
    """Count the cases of a quarter, or the referrals, each at the agency that recorded or sent it.

    Small numbers are hidden, with those from which they would follow; the others are rounded, as
    the agreement says. Each release is remembered: a later one of the same quarter shows nothing
    from which a hidden number follows. So ask for the tables that you publish, and for no others.
    The counts of the other agencies are those that they published and that have come here.
    """
    from broker.clock import now_ms

    release = _released(agency, period, by, now_ms(), contract, of)
    _present(release, json=json, csv=csv, html=html, svg=svg, output=output)


def _released(
    agency: Path, period: str, by: str, now: int, contract: str | None, of: Subject
) -> FiguresRelease:
    from concordant.packages import library_missing

    try:
        from broker.operations.figures import release_figures
    except ModuleNotFoundError as error:
        raise library_missing(error, "figures") from None
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    return release_figures(agency, period, names, now, contract, of)


def _present(
    release: FiguresRelease,
    *,
    json: bool,
    csv: bool,
    html: Path | None,
    svg: Path | None,
    output: Path | None,
) -> None:
    from broker.cli import figures_text
    from broker.cli.figures_page import page_of, svg_of
    from broker.cli.output import write_file

    if html is not None:
        write_file(html, page_of(release).encode(), "page")
    if svg is not None:
        write_file(svg, svg_of(release).encode(), "plot")
    if json:
        print_json(figures_text.json_of(release), output)
    elif csv:
        print_text(figures_text.csv_of(release), output)
        if output is not None:
            beside = output.with_name(f"{output.name}-metadata.json")
            print_json(figures_text.csv_metadata(release, output.name), beside)
        else:
            note("\n".join(figures_text.notes_of(release)))
    elif html is None and svg is None:
        print_text(figures_text.text_of(release), output)
