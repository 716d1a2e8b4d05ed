"""Commands ``concordant contract``: read, check, sign and suspend the agreement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broker.cli.output import (
    NO,
    Agency,
    AsJson,
    Output,
    ask_text,
    confirmed,
    note,
    number_of,
    print_json,
    print_table,
    print_text,
)
from broker.errors import SigningRefusedError
from contracts.markup import DocumentFormat

app = typer.Typer(
    no_args_is_help=True,
    help="Read, check, sign and suspend the contract that says which agency may share what "
    "with whom.",
)

File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A contract file; or give --agency.")
]
AgencyOrFile = Annotated[
    Path | None,
    typer.Option(
        "--agency",
        metavar="DIR",
        file_okay=False,
        readable=False,  # the code that reads the folder reports errors
        help="Of this agency's folder, instead of FILE.",
    ),
]
Named = Annotated[
    str | None,
    typer.Option("--contract", metavar="NAME", help="Which one, if the agency has several."),
]
EventType = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="Only this event type.")
]
Field = Annotated[
    str | None,
    typer.Option("--field", metavar="PATH", help="Only this field, or what lies below it."),
]


@app.command("lint")
def lint(
    file: File = None,
    agency: AgencyOrFile = None,
    rules: Annotated[
        list[Path] | None,
        typer.Option(
            "--rules", metavar="FILE", help="Your organisation's own rules too; repeatable."
        ),
    ] = None,
    json: AsJson = False,
    junit: Annotated[bool, typer.Option("--junit", help="Print JUnit XML, for CI.")] = False,
    output: Output = None,
) -> None:
    """List problems to correct before the contract is signed.

    With --rules, or with [lint] rules in the agency's settings, the rules of your organisation are
    checked too. Their names begin with the name of the rule set and a slash. Exit code 1 if there
    is an error, 0 if there are only warnings, 3 if the file cannot be read.
    """
    from broker.cli import contract_text as text
    from broker.cli.findings_text import checked_files_text
    from broker.clock import now_ms
    from broker.operations.contract_lint import checked_contracts
    from contracts.lint import NOT_CHECKED

    require_one_source(file, agency)
    _exclusive(json, junit)
    checked = checked_contracts(file, agency, tuple(rules or ()), now_ms())
    if json:
        print_json([text.findings_json(each) for each in checked], output)
    elif junit:
        print_text(text.junit(checked), output)
    else:
        print_text(checked_files_text(checked), output)
    errors = sum(each.errors for each in checked)
    warnings = sum(len(each.findings) for each in checked) - errors
    found = f"{number_of(errors, 'error')}, {number_of(warnings, 'warning')}"
    for line in dict.fromkeys(line for each in checked for line in each.notes):
        note(line)
    note(f"{found}. {NOT_CHECKED}")
    raise typer.Exit(NO if errors else 0)


@app.command("explain")
def explain(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    type: EventType = None,  # noqa: A002 - the option's own word
    field: Field = None,
    party: Annotated[
        str | None,
        typer.Option("--party", metavar="ID", help="A paper of two pages for this agency's board."),
    ] = None,
    form: Annotated[
        DocumentFormat | None, typer.Option("--format", help="Text, Markdown, or an HTML page.")
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Explain in words who is bound, what may be shared, on what basis and for how long.

    Shows every term that a party signs. Ends with the fingerprint of each party's signing keys.
    Before you sign, telephone each party on a number that you already had. The party reads its
    twelve words, and you type them into: concordant agency check-partner. With --field: who may
    read that field, why, on which legal basis and for how long, in all event types or in one
    (--type). With --party: the agency's own paper of two pages: its duties, rights and contacts.
    """
    from broker.cli import terms_text
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose
    from contracts.field_answer import answer_fields
    from contracts.markup import written
    from contracts.party_paper import party_paper

    require_one_source(file, agency)
    if type is not None and field is None:
        raise typer.BadParameter("--type goes with --field")
    _exclusive(json, form is not None)
    if party is not None and (json or field is not None):
        raise typer.BadParameter("--party goes with neither --json nor --field")
    if form is not None and field is not None:
        raise typer.BadParameter("--format goes with the whole agreement or --party")
    chosen = choose(file, agency, contract, now_ms())
    if field is not None:
        answers = answer_fields(chosen.contract, field, type)
        if json:
            print_json(terms_text.field_json(chosen, answers, field, type), output)
        else:
            print_text(terms_text.field_text(answers, field), output)
    elif json:
        print_json(terms_text.explanation_json(chosen), output)
    elif party is not None:
        paper = party_paper(chosen.contract, party)
        print_text(written(paper, form or DocumentFormat.text), output)
    elif form is None or form is DocumentFormat.text:
        print_text(terms_text.explanation(chosen), output)
    else:
        print_text(written(terms_text.explanation_document(chosen), form), output)


@app.command("matrix")
def matrix(
    file: File = None,
    agency: AgencyOrFile = None,
    contract: Named = None,
    type: EventType = None,  # noqa: A002 - the option's own word
    field: Field = None,
    agencies: Annotated[
        bool, typer.Option("--agencies", help="One column for each agency, not for each role.")
    ] = False,
    json: AsJson = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,
    output: Output = None,
) -> None:
    """Show who may read which field: one row a field, one column a role.

    --csv and --json hold every term of each field. `explain` shows the other terms of the
    agreement.
    """
    from broker.cli import terms_text
    from broker.clock import now_ms
    from broker.operations.contract_choice import choose

    require_one_source(file, agency)
    _exclusive(json, csv)
    chosen = choose(file, agency, contract, now_ms())
    columns, rows = terms_text.matrix_rows(chosen, type, field, by_agency=agencies)
    if not rows:
        note("The event type has this field, and the contract grants it to no role.")
    if json:
        print_json(terms_text.matrix_json(chosen, columns, rows), output)
    elif csv:
        print_text(terms_text.matrix_csv(columns, rows), output)
    else:
        print_table(*terms_text.matrix_table(columns, rows), output)
        note(terms_text.NOT_IN_TABLE)


@app.command("sign")
def sign(
    agency: Agency,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A contract file; else the one that awaits us."),
    ] = None,
    counterpart: Annotated[
        list[Path] | None,
        typer.Option("--counterpart", metavar="NOTE", help="Another party's note; repeatable."),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="CODE", help="Accept a warning by its name; repeatable."),
    ] = None,
    signatory: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME, CAPACITY",
            help="Who signs, and in what capacity. It is part of the signature.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Sign without asking; needed without a terminal.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Check a contract, show what changes for this agency, ask, and sign with the governance keys.

    Refuses (exit code 1) errors that would stop the parties, drafts, expired versions and whatever
    lint calls an error, the rules of your organisation included ([lint] rules in the settings); a
    warning must be accepted by its name. Writes this agency's note beside
    FILE: who signed, in what capacity, when, and the hash of the text that was shown. Stores the
    contract, the note and that text in the agency's folder. The contract binds when every party
    has signed the same bytes. Compare the fingerprints by telephone first.
    """
    from broker.cli import contract_text as text
    from broker.clock import now_ms
    from broker.operations import contract_signing
    from broker.operations.signatories import file_to_sign, parse_signatory, signatory_missing

    accepted = frozenset(accept or ())
    contract_signing.require_rules(accepted)
    person = None if signatory is None else parse_signatory(signatory)
    if file is None:
        file = file_to_sign(agency, now_ms())
    reviewed = contract_signing.review_signing(agency, file, tuple(counterpart or ()), now_ms())
    shown = ""
    if not reviewed.signed_already:
        shown = contract_signing.signatory_text(
            reviewed.merged.text,
            reviewed.against,
            reviewed.participant.agency,
            text.review_text(reviewed),
        )
        note(shown)
        try:
            contract_signing.require_signable(reviewed, accepted)
        except SigningRefusedError as error:
            if json:
                print_json({"refused": error.code, **text.review_json(reviewed)})
            raise
        if person is None:
            answer = ask_text("Who signs? NAME, CAPACITY:")
            if answer is None:
                raise signatory_missing()
            person = parse_signatory(answer)
        if not yes and not confirmed(f"Sign it as {reviewed.participant.agency}?", "sign"):
            note("Not signed.")
            raise typer.Exit(NO)
    done = contract_signing.sign(reviewed, accepted, now=now_ms(), signatory=person, shown=shown)
    if json:
        print_json({**text.signed_json(done), **text.review_json(reviewed)})
    else:
        print_text(str(done.note_file))
    for line in text.signed_notes(done, agency):
        note(line)


@app.command("verify")
def verify(
    file: File = None,
    agency: AgencyOrFile = None,
    signatures: Annotated[
        list[Path] | None,
        typer.Option(
            "--signatures", metavar="NOTE", help="A party's note, if not beside FILE; repeatable."
        ),
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Check bytes, signatures and dates, and whether the contract is in force.

    Names parties that have not signed or have suspended, altered bytes, a passed end date and
    versions that apply at the same time. Exit code 1 if it is not in force. With FILE alone the
    signatures are checked against the keys that FILE itself pins: compare their fingerprints by
    telephone.
    """
    from broker.cli import contract_text as text
    from broker.clock import now_ms
    from broker.operations.contract_validity import contract_validity

    require_one_source(file, agency)
    if signatures and file is None:
        raise typer.BadParameter("--signatures goes with FILE")
    answer = contract_validity(file, agency, tuple(signatures or ()), now_ms())
    if json:
        print_json(text.validity_json(answer), output)
    else:
        print_text(text.validity_text(answer), output)
    raise typer.Exit(0 if answer.holds else NO)


def require_one_source(file: Path | None, agency: Path | None) -> None:
    """Check that exactly one of a file and an agency was given."""
    if (file is None) == (agency is None):
        raise typer.BadParameter("give either FILE or --agency DIR")


def _exclusive(*flags: bool) -> None:
    if sum(flags) > 1:
        raise typer.BadParameter("choose one form of output")
