"""Commands `concordant agency officer`: keys of two or three officers, of whom two must sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import Agency, AsJson, confirmed, note, print_json, print_text

app = typer.Typer(
    no_args_is_help=True,
    help="Give two or three officers governance keys of their own; two of them must sign.",
)


@app.command("new")
def new(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The officer's folder; absent or empty.")
    ],
    id: Annotated[  # noqa: A002 - the option's own word
        str, typer.Option("--id", metavar="ID", help="Agency id, such as csu-camden.")
    ],
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="The partnership's name.")
    ],
    officer: Annotated[
        str, typer.Option("--officer", metavar="OFFICE", help="Name of the office, such as siro.")
    ],
    passphrase_file: Annotated[
        Path,
        typer.Option(
            "--passphrase-file", metavar="FILE", help="File with the passphrase of the key files."
        ),
    ],
    json: AsJson = False,
) -> None:
    """Make the folder of an officer, on the officer's own machine: keys and a public file.

    The public file goes to the other officers and to the agency's folder. The folder is used with
    `contract sign`, `bundle add` and `agency officer sign`. It runs no adapter.
    """
    from broker.cli import officers_text as text
    from broker.clock import now_ms
    from broker.operations.officers import new_officer

    made = new_officer(
        directory,
        agency=id,
        deployment=deployment,
        officer=officer,
        passphrase_file=passphrase_file,
        now=now_ms(),
    )
    if json:
        print_json(text.officer_json(directory, made))
    else:
        print_text(text.officer_text(directory, made))


@app.command("add")
def add(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Public files of the other officers.")
    ],
    agency: Agency,
    officer: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="OFFICE", help="Office of the keys in this folder, if not named yet."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Name the officers of an agency, before it signs an agreement.

    Give it in the agency's folder and in the folder of each officer. In the agency's folder it also
    proposes a delegation, which another officer has to sign.
    """
    from broker.cli import officers_text as text
    from broker.clock import now_ms
    from broker.operations.officers import add_officers

    added = add_officers(agency, files, officer, now_ms())
    if json:
        print_json(text.officers_added_json(added))
    else:
        print_text(text.officers_added_text(added))


@app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The proposed delegation.")],
    agency: Agency,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where the signed file is written.")
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Sign without asking; needed without a terminal.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a delegation that another officer has signed, ask, and add this officer's signature.

    It says which keys may sign manifests, until when, and which agreements the agency leaves or
    resumes. Exit code 1 if it is not signed.
    """
    from broker.cli import officers_text as text
    from broker.clock import now_ms
    from broker.operations.officer_delegations import review_delegation, sign_delegation

    reviewed = review_delegation(agency, file, now_ms())
    note(text.reviewed_delegation_text(reviewed))
    if not yes and not confirmed(f"Sign it for {reviewed.participant.agency}?", "sign"):
        note("Not signed.")
        raise typer.Exit(1)
    signed = sign_delegation(reviewed, out)
    if json:
        print_json({"file": str(out), "signed": list(signed)})
    else:
        print_text(str(out))


@app.command("finish")
def finish(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The delegation that two officers have signed.")
    ],
    agency: Agency,
    json: AsJson = False,
) -> None:
    """Issue the manifest under a delegation that two officers have signed, and the entry again.

    Its statements take effect: new manifest keys, leaving, resuming, revocations.
    Needs the governance keys of one officer in the agency's folder.
    """
    from broker.cli import officers_text as text
    from broker.clock import now_ms
    from broker.operations.officer_delegations import finish_delegation

    issued = finish_delegation(agency, file, now_ms())
    if json:
        print_json(text.finished_json(issued))
    else:
        print_text(text.finished_text(issued))
