"""Commands ``concordant directory``: what agencies offer, and how to find help."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import (
    Agency,
    AsJson,
    Output,
    note,
    number_of,
    print_json,
    print_table,
    print_text,
    write_file,
)
from broker.directory.listing import CapacityState

app = typer.Typer(
    no_args_is_help=True,
    help="What each agency of the partnership offers: services, needs, areas, capacity. Each "
    "agency publishes its own listing, sealed for its partners.",
)


@app.command("publish")
def publish(agency: Agency, json: AsJson = False) -> None:
    """Publish the services that directory.yaml in the agency's folder describes.

    Checks the file and names each fault with its line. The running adapter seals the listing for
    the partners and sends it within a minute. The capacity of each service stays as it was stated.
    """
    from broker.cli.directory_text import told_published
    from broker.clock import now_ms
    from broker.operations.directory.publishing import publish_listing

    done = publish_listing(agency, now_ms())
    if json:
        print_json({"services": sorted(done.listing.services), "adapter_runs": done.adapter_runs})
    else:
        print_text(f"Published {number_of(len(done.listing.services), 'service')}.")
    note(told_published(done))


@app.command("capacity")
def capacity(
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="Id of the service in directory.yaml.")
    ],
    state: Annotated[CapacityState, typer.Argument(metavar="STATE", help="One of the four codes.")],
    agency: Agency,
    places: Annotated[
        int | None, typer.Option(min=0, max=100_000, help="Number of free places.")
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=92, help="Days for which this statement is valid.")
    ] = 7,
    again_on: Annotated[
        datetime | None,
        typer.Option(
            "--again-on",
            metavar="DAY",
            formats=["%Y-%m-%d"],
            help="Day from which there is capacity.",
        ),
    ] = None,
) -> None:
    """State whether a service can take a person now.

    STATE is capacity, no-capacity, waitlist (people wait) or additional-assessment-required (you
    decide after an assessment). Only partners can read it. After its last day they see that the
    capacity is not known.
    """
    from broker.cli.directory_text import told_published
    from broker.clock import now_ms
    from broker.operations.directory.publishing import StatedCapacity, state_capacity

    day = None if again_on is None else again_on.date()
    done = state_capacity(agency, service, StatedCapacity(state, places, days, day), now_ms())
    print_text(f"Published for {service}: {state}, valid for {number_of(days, 'day')}.")
    note(told_published(done))


@app.command("show")
def show(
    agency: Agency,
    other: Annotated[
        str | None,
        typer.Argument(metavar="[AGENCY]", help="Id of an agency; your own if left out."),
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Show what an agency offers, as it published it. Exit code 1 if no listing of it is here."""
    from broker.cli.directory_text import listing_text
    from broker.clock import now_ms
    from broker.operations.directory.directory_json import listing_json
    from broker.operations.directory.held_listings import listing_of

    now = now_ms()
    held = listing_of(agency, other, now)
    if json:
        print_json(listing_json(held, now), output)
    else:
        print_text(listing_text(held, now), output)


@app.command("search")
def search(
    agency: Agency,
    need: Annotated[
        str | None, typer.Option("--need", metavar="CODE", help="Code of what is needed.")
    ] = None,
    area: Annotated[
        str | None,
        typer.Option(
            "--area", metavar="AREA", help="Name of a borough, such as Camden, or its ONS code."
        ),
    ] = None,
    strand: Annotated[
        str | None, typer.Option("--strand", metavar="CODE", help="Code of the motivation.")
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Find services of partners that fit, with the reasons, capacity and time to an answer.

    Services with capacity come first. The last results are agencies that you know and that have not
    signed the agreement, with how to invite them.
    """
    from broker.cli.directory_text import found_in_words
    from broker.clock import now_ms
    from broker.directory.search import Query
    from broker.operations.directory.directory_json import found_json
    from broker.operations.directory.searching import search_directory

    now = now_ms()
    found = search_directory(agency, Query(need, area, strand), now)
    if json:
        print_json(found_json(found, now), output)
    else:
        print_text(found_in_words(found, now), output)


@app.command("coverage")
def coverage(
    agency: Agency,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write a line for each borough as CSV."),
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write a map-like grid as SVG.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show in how many boroughs no agency, or only one, offers what is needed.

    There is a row for each need and each motivation. Counts your own services and those that
    partners have published. The longest wait is the age of your oldest referral without an answer.
    """
    from broker.cli.directory_text import coverage_rows
    from broker.clock import now_ms
    from broker.directory.coverage import coverage_csv
    from broker.directory.coverage_grid import coverage_svg
    from broker.operations.directory.covering import directory_coverage
    from broker.operations.directory.directory_json import coverage_json

    cells = directory_coverage(agency, now_ms())
    if csv is not None:
        write_file(csv, coverage_csv(cells).encode(), "table")
    if svg is not None:
        write_file(svg, coverage_svg(cells).encode(), "grid")
    if json:
        print_json(coverage_json(cells))
    else:
        print_table(*coverage_rows(cells))


@app.command("export")
def export(
    agency: Agency,
    open_referral: Annotated[
        Path, typer.Option("--open-referral", metavar="FILE", help="File to write, JSON.")
    ],
) -> None:
    """Write the public part of what you offer in the format Open Referral UK 3.0.

    Capacity, intake and safe contact stay out, and so does the address of a refuge.
    """
    from broker.clock import now_ms
    from broker.directory.open_referral_export import services_without_address
    from broker.operations.directory.open_referral_files import export_open_referral

    page = export_open_referral(agency, now_ms())
    print_json(page, open_referral)
    note("Written. The file has only what is public.")
    if unlinked := services_without_address(page):
        note(f"No web page: {', '.join(unlinked)}. Some directories ask for one: add a website.")


@app.command("import")
def import_(
    agency: Agency,
    open_referral: Annotated[
        Path, typer.Option("--open-referral", metavar="FILE", help="File with services, JSON.")
    ],
    output: Output = None,
) -> None:
    """Turn services of Open Referral UK 3.0 into the text of a directory.yaml.

    A term that is a code of your agreements, or the label of one, becomes a need or a motivation.
    Add what is missing, then publish.
    """
    from broker.clock import now_ms
    from broker.operations.directory.open_referral_files import import_open_referral

    found = import_open_referral(agency, open_referral, now_ms())
    print_text(found.text, output)
    if found.incomplete:
        note(f"Add needs and areas for: {', '.join(found.incomplete)}")
