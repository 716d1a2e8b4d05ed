"""``contract draft`` and ``contract status``: write an agreement, and see who signed it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, note, print_json, print_text
from broker.errors import WrongInputError


def draft(
    terms: Annotated[
        str,
        typer.Option("--terms", metavar="NAME|FILE", help="Shipped terms, or a file of your own."),
    ],
    entry: Annotated[
        list[Path],
        typer.Option("--entry", metavar="FILE", help="Entry of a party; one for each party."),
    ],
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="Name of the partnership.")
    ],
    starts: Annotated[str, typer.Option("--starts", metavar="DAY", help="First day, YYYY-MM-DD.")],
    ends: Annotated[str, typer.Option("--ends", metavar="DAY", help="Last day, included.")],
    review: Annotated[
        str, typer.Option("--review", metavar="DAY", help="By when the parties review it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The agreement to write.")],
    framework: Annotated[
        Path | None,
        typer.Option(
            "--framework",
            metavar="FILE",
            help="Text of the framework agreement; else the sample that is shipped.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write the first version of an agreement from terms and the entries of its parties.

    Checks each entry and the whole text, and shows what should be corrected before a signature. A
    draft grants nothing: nothing may be shared until every party has signed the file. Compare each
    fingerprint by telephone before you sign.
    """
    from broker.cli import drafting_text
    from broker.clock import now_ms
    from broker.operations.contract_draft import draft_contract

    drafted = draft_contract(
        terms=terms,
        entries=entry,
        deployment=deployment,
        starts=_day("--starts", starts),
        ends=_day("--ends", ends),
        review_on=_day("--review", review),
        out=out,
        now=now_ms(),
        framework=framework,
    )
    if json:
        print_json(drafting_text.drafted_json(drafted))
    else:
        print_text(str(out))
    for line in drafting_text.drafted_notes(drafted):
        note(line)


def revise(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The version before.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The version to write.")],
    add_entry: Annotated[
        list[Path] | None,
        typer.Option("--add-entry", metavar="FILE", help="Entry of a party that joins."),
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="ID", help="Party to leave out.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="A value to change, by its path. A list has commas between its items.",
        ),
    ] = None,
    framework: Annotated[
        Path | None,
        typer.Option(
            "--framework",
            metavar="FILE",
            help="Text of the framework agreement; else the one before stays.",
        ),
    ] = None,
    change: Annotated[
        str | None,
        typer.Option("--change", metavar="TEXT", help="Words of the version record: what and why."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write the next version of an agreement: who joins, who is left out, which values change.

    Fills in the number, the hash of the version before and the version record; comments stay.
    Changes nothing for anyone until every party has signed the new version.
    """
    from broker.cli import drafting_text
    from broker.clock import now_ms
    from broker.operations.contract_revision import revise_contract

    revised = revise_contract(
        file,
        add=tuple(add_entry or ()),
        remove=tuple(remove or ()),
        values=given_values(set_),
        change=change,
        out=out,
        now=now_ms(),
        framework=framework,
    )
    if json:
        print_json(drafting_text.revised_json(revised))
    else:
        print_text(str(out))
    for line in drafting_text.revised_notes(revised):
        note(line)


def status(agency: Agency, json: AsJson = False) -> None:
    """Say who signed each agreement, who has not, from when it is in force, and what is due.

    Due is what falls into the next three months: review, assessments, end, delegations. Name and
    capacity are shown for this agency's own signature.
    """
    from broker.cli import progress_text as text
    from broker.clock import now_ms
    from broker.operations.agency_progress import agreement_statuses

    statuses = agreement_statuses(agency, now_ms())
    if json:
        print_json(text.statuses_json(statuses))
    else:
        print_text(text.statuses_text(statuses))


def given_values(texts: list[str] | None) -> dict[str, str]:
    """Return path to value of each `--set PATH=VALUE`.

    Raises:
        WrongInputError: `option_invalid`.
    """
    values: dict[str, str] = {}
    for text in texts or ():
        path, equals, value = text.partition("=")
        if not equals or not path or path in values:
            raise WrongInputError(
                "A change is written PATH=VALUE, each path once.",
                code="option_invalid",
                where="--set",
                fix="For example: --set ends=2028-12-31",
            )
        values[path] = value
    return values


def _day(option: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
        if day.isoformat() == text:
            return day
    except ValueError:
        pass
    raise WrongInputError(
        "This is no day.",
        code="dates_invalid",
        where=option,
        fix="Write a day as YYYY-MM-DD, for example 2027-01-31.",
    )
