"""Commands ``concordant log``: what this agency shared, read and refused, and its integrity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.cli.operator_name import Operator, Reason, actor
from broker.cli.output import (
    NO,
    Agency,
    AsJson,
    Output,
    note,
    print_json,
    print_table,
    print_tables,
    print_text,
)
from broker.cli.times import parse_moment

if TYPE_CHECKING:
    from broker.audit.entries import EntryKind

app = typer.Typer(
    no_args_is_help=True,
    help="The disclosure log: what was shared with whom, under which clause, and what was refused. "
    "It is a Merkle log of field names and codes; it holds no value of any field.",
)

NOT_COVERED: Final = 4
"""Exit code: the chain is intact, but no signed head covers a part of the answer."""

MOST_ENTRIES: Final = 1_000_000

_NOT_SIGNED: Final = (
    "Until then they are protected against damage, not against a person who can write the "
    "database. The running adapter signs a head once a minute."
)


@app.command("verify")
def verify(agency: Agency, json: AsJson = False, output: Output = None) -> None:
    """Recompute the whole log and check every signed head.

    Exit code 0 if a signed head covers every entry, 4 if the chain is intact but no signed head
    covers the newest entries yet, 1 if the log was altered. Needs no passphrase. The running
    adapter signs a head once a minute.
    """
    from broker.cli.log_text import checked, head_json
    from broker.clock import now_ms
    from broker.errors import DisclosureLogError
    from broker.operations.disclosure_log import DisclosureLog

    log = DisclosureLog.opened(agency, now_ms())
    try:
        head = log.verify()
    except DisclosureLogError as error:
        if json:
            print_json(
                {"verified": False, "code": error.code, "index": error.index, "detail": str(error)},
                output,
            )
        else:
            print_text(f"altered: {error} ({error.code})\n", output)
        if error.fix:
            note(f"to do: {error.fix}")
        raise typer.Exit(NO) from None
    if json:
        code = {} if head.covered else {"code": "log_not_signed"}
        print_json({**head_json(head), **code}, output)
    else:
        print_text(checked(head) + "\n", output)
    if not head.covered:
        note(_NOT_SIGNED)
        raise typer.Exit(NOT_COVERED)


@app.command("show")
def show_(
    agency: Agency,
    case: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The case's shared id, or this agency's own reference. All cases if left out.",
        ),
    ] = None,
    field: Annotated[
        str,
        typer.Option(metavar="PATH", help="Only this field, or what lies below it."),
    ] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Only entries of this kind, for example consultation; may be given again.",
        ),
    ] = None,
    refusals: Annotated[
        bool, typer.Option("--refusals", help="Only what was refused: the same as --kind refusal.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only from this day or time on.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only before this day or time.")
    ] = None,
    recipient: Annotated[
        str, typer.Option(metavar="ID", help="Only entries that name this agency as recipient.")
    ] = "",
    limit: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_ENTRIES,
            help="Without --case: maximum number of entries, the newest ones.",
        ),
    ] = 1000,
    operator: Operator = None,
    reason: Reason = None,
    json: AsJson = False,
    csv: Annotated[
        bool,
        typer.Option(
            "--csv", help="Print CSV: a row for each field and recipient, with purpose and basis."
        ),
    ] = False,
    output: Output = None,
) -> None:
    """Show who received which field of a case, when, under which clause, and who read it.

    Without --case: every entry, for example what was refused to whom and why (--refusals). The log
    is verified first, and your reading is logged. The case is found by a keyed hash, so this
    unlocks the agency's secret. Exit code 0 if signed heads cover the answer, 4 if no signed head
    covers a part of it yet, 1 if the log has nothing about it or was altered.
    """
    from broker.cli.log_text import (
        ENTRY_COLUMNS,
        RECEIVED_COLUMNS,
        answer_json,
        checked,
        entry_rows,
        received_rows,
    )
    from broker.clock import now_ms
    from broker.operations.case_disclosures import disclosures_csv, disclosures_of
    from broker.operations.disclosure_log import DisclosureLog
    from broker.operations.log_answer import LogQuery

    since_ms = None if since is None else parse_moment(since, "--since")
    until_ms = None if until is None else parse_moment(until, "--until")
    if since_ms is not None and until_ms is not None and until_ms <= since_ms:
        raise typer.BadParameter("--until is the end: give a time after --since")
    query = LogQuery(
        case=case,
        field=field,
        kinds=_kinds([*(kind or ()), *(["refusal"] if refusals else ())]),
        since_ms=since_ms,
        until_ms=until_ms,
        recipient=recipient,
        limit=limit,
    )
    if json and csv:
        raise typer.BadParameter("choose one form of output")
    log = DisclosureLog.opened(agency, now_ms())
    answer = log.show(query, actor(operator, reason))
    if json:
        print_json(answer_json(answer), output)
    elif csv:
        print_text(disclosures_csv(disclosures_of(answer, log.contracts)), output)
    elif case is None:
        print_table(ENTRY_COLUMNS, entry_rows(answer.entries), output)
    else:
        others = entry_rows([one for one in answer.entries if not one.has_fields])
        print_tables([(RECEIVED_COLUMNS, received_rows(answer)), (ENTRY_COLUMNS, others)], output)
    note(checked(answer.head))
    if answer.more:
        note(f"{answer.more} older entries match as well: --limit shows more.")
    if not answer.entries:
        note(
            "The log has nothing about it. The running adapter and `event open` write to the log; "
            "`event seal` is a trial and does not."
        )
        raise typer.Exit(NO)
    if not answer.covered:
        note(_NOT_SIGNED)
        raise typer.Exit(NOT_COVERED)


def _kinds(names: list[str]) -> frozenset[EntryKind]:
    """Return the requested kinds of entries.

    Raises:
        BadParameter: one is unknown.
    """
    from broker.audit.entries import KINDS
    from contracts.names import nearest

    for name in names:
        if name not in KINDS:
            alike = nearest(name, KINDS)
            meant = f". Did you mean {' or '.join(alike)}?" if alike else ""
            raise typer.BadParameter(f"--kind takes one of: {', '.join(KINDS)}{meant}")
    return frozenset(known for known in KINDS if known in names)
