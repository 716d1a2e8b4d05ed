"""Commands ``concordant agency``: make this agency, pass on its entry, show the next step."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from broker.cli.backup import backup, restore_
from broker.cli.governance import app as governance
from broker.cli.officers import app as officers
from broker.cli.output import Agency, AsJson, note, print_json, print_text
from broker.cli.state_move import move_state

app = typer.Typer(
    no_args_is_help=True,
    help="Make this agency, pass on its entry, see what to do next, back it up and restore it.",
)
app.command("backup")(backup)
app.command("restore")(restore_)
app.command("move-state")(move_state)
app.add_typer(governance, name="governance")
app.add_typer(officers, name="officer")


@app.command("init")
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The agency's folder; absent or empty.")
    ],
    id: Annotated[  # noqa: A002 - the option's own word
        str | None, typer.Option("--id", metavar="ID", help="Agency id, such as csu-camden.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Legal name of the agency."),
    ] = None,
    role: Annotated[
        str | None,
        typer.Option("--role", metavar="ROLE", help="Role in the agreement, such as police."),
    ] = None,
    area: Annotated[
        list[str] | None,
        typer.Option("--area", metavar="CODE", help="ONS code of an area it serves; repeatable."),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", metavar="KIND", help="Kind of adapter; see `adapter list`."),
    ] = None,
    kafka: Annotated[
        str | None, typer.Option("--kafka", metavar="HOST:PORT", help="Address of Kafka.")
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="File with the passphrase of the key files. It stays where it is.",
        ),
    ] = None,
    contact: Annotated[
        list[str] | None,
        typer.Option(
            "--contact",
            metavar="FUNCTION=NAME,EMAIL",
            help="Who answers for a function; repeatable. Required: data_protection_officer, "
            "breach, rights_and_complaints, operations. Besides: siro, caldicott_guardian.",
        ),
    ] = None,
    registration: Annotated[
        str | None,
        typer.Option("--registration", metavar="NUMBER", help="Number in the ICO's register."),
    ] = None,
    regime: Annotated[
        Literal["uk-gdpr", "dpa2018-part3"] | None,
        typer.Option("--regime", help="Law under which it processes; else as the terms say."),
    ] = None,
    public_authority: Annotated[
        bool | None,
        typer.Option(
            "--public-authority/--no-public-authority",
            help="Whether it is a public authority; else as the terms say for its role.",
        ),
    ] = None,
    third_party_reporting: Annotated[
        bool | None,
        typer.Option(
            "--third-party-reporting/--no-third-party-reporting",
            help="Whether it takes reports from people who do not go to the police.",
        ),
    ] = None,
    deployment: Annotated[
        str | None,
        typer.Option(
            "--deployment",
            metavar="NAME",
            help="The partnership's name, if it is known; else the first signature sets it.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make an agency: keys, configuration, folders and its entry.

    On a terminal it asks for what is missing. Without one it names the missing options and exits
    with code 2. Give the same command again to finish what was interrupted; it changes nothing that
    is there. Needs no Kafka. Prints the agency's fingerprint in words: the other agencies compare
    them with you by telephone before they sign.
    """
    from broker.cli import agency_text as text
    from broker.cli.agency_request import AgencyOptions, founding_plan, role_advice
    from broker.clock import now_ms
    from broker.operations.agency_founding import found_agency, read_plan

    given = AgencyOptions(
        id=id,
        name=name,
        role=role,
        area=tuple(area or ()),
        registration=registration,
        regime=regime,
        public_authority=public_authority,
        third_party_reporting=third_party_reporting,
        deployment=deployment,
        adapter=adapter,
        kafka=kafka,
        passphrase_file=passphrase_file,
        contacts=tuple(contact or ()),
    )
    plan = founding_plan(directory, given, read_plan(directory))
    if (advice := role_advice(plan.profile.role)) is not None:
        note(advice)
    founded = found_agency(directory, plan, now_ms())
    if json:
        print_json(text.founded_json(founded))
        note(text.offline_line(founded))
    else:
        on_terminal = sys.stdout is not None and sys.stdout.isatty()
        print_text(text.founded_text(founded, qr=on_terminal))


@app.command("entry")
def entry(
    agency: Agency,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the entry is written.")],
    json: AsJson = False,
) -> None:
    """Write this agency's entry, the public file that introduces it to the other agencies.

    The file holds the agency's profile, its public keys and a request for a TLS certificate. It
    holds no secret: send it by mail. The others compare the fingerprint with you by telephone.
    """
    from broker.cli import agency_text as text
    from broker.clock import now_ms
    from broker.operations.agency_entry import write_entry

    written = write_entry(agency, out, now_ms())
    if json:
        print_json(text.entry_json(written, str(out)))
    else:
        print_text(str(out))
    for line in text.fingerprint_lines(written):
        note(line)


@app.command("status")
def status(agency: Agency, json: AsJson = False) -> None:
    """Say where this agency stands on its way into a partnership, and the one thing to do next.

    Names who does it, and the command. Lists agreements with who has signed, and partners with
    whether their fingerprint was checked.
    """
    from broker.cli import progress_text as text
    from broker.clock import now_ms
    from broker.operations.agency_progress import agency_progress

    progress = agency_progress(agency, now_ms())
    if json:
        print_json(text.progress_json(progress))
    else:
        print_text(text.progress_text(progress))


@app.command("check-partner")
def check_partner_(
    partner: Annotated[str, typer.Argument(metavar="ID", help="Id of the other agency.")],
    agency: Agency,
    words: Annotated[
        str,
        typer.Option("--words", metavar="WORDS", help="The twelve words that it read out."),
    ],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who compares the words.")],
    channel: Annotated[
        Literal["telephone", "in-person", "video"],
        typer.Option("--channel", metavar="CHANNEL", help="telephone, in-person or video."),
    ],
    json: AsJson = False,
) -> None:
    """Compare the fingerprint that another agency reads out, and record who checked it.

    Call a number that you knew before. Let the other agency read; do not read the words to it. Exit
    code 1 if the words are others: then sign nothing.
    """
    from broker.cli import progress_text as text
    from broker.clock import now_ms
    from broker.operations.partner_checks import check_partner

    check = check_partner(agency, partner, words, by, channel, now_ms())
    if json:
        print_json(check.model_dump())
    else:
        print_text(text.partner_check_text(check))
