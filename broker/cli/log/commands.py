"""``concordant log``: what this agency shared, read and refused, and whether that is unaltered."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, Output, note, print_json, print_table, print_text
from broker.cli.times import moment

app = typer.Typer(
    no_args_is_help=True,
    help="The disclosure log: what was shared with whom, under which clause, and what was refused. "
    "It is a Merkle log of field names and codes; it holds no value of any field.",
)


@app.command("verify")
def verify(agency: Agency, json: AsJson = False, output: Output = None) -> None:
    """Recompute the whole log and check every signed head. Exit code 1 if it was altered.

    Needs no passphrase. What was added since the last signed head is only protected against
    accidents until the running adapter signs the next one.
    """
    from broker.audit.errors import DisclosureLogError
    from broker.cli.log.reading import DisclosureLog
    from broker.clock import now_ms

    log = DisclosureLog(agency, now_ms())
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
        print_json(
            {
                "verified": True,
                "entries": head.size,
                "signed": head.signed_size,
                "root": head.root.hex(),
            },
            output,
        )
    else:
        signed = f"{head.signed_size} of them under a signed head"
        print_text(f"verified: {head.size} entries, {signed}\n", output)
    if head.signed_size < head.size:
        note(f"{head.size - head.signed_size} entries are not signed yet: the adapter does it.")


@app.command("show")
def show_(
    agency: Agency,
    case: Annotated[
        str,
        typer.Option(metavar="ID", help="The case's shared id, or this agency's own reference."),
    ],
    field: Annotated[
        str,
        typer.Option(metavar="PATH", help="Only this field, or what lies below it."),
    ] = "",
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Say who received which field of a case, when, under which clause of which contract.

    The log is verified first. The case is found by a keyed hash, so this unlocks the agency's
    secret. Exit code 1 if the log has nothing about it, or was altered.
    """
    from broker.cli.log.reading import DisclosureLog
    from broker.clock import now_ms

    log = DisclosureLog(agency, now_ms())
    head = log.verify()
    found = log.of_case(case, field)
    if json:
        print_json(found.as_json(head), output)
    else:
        rows = [
            (
                moment(one.time_ms),
                one.recipient,
                one.path,
                one.clause,
                one.contract,
                one.type,
                one.source,
                one.kind,
            )
            for one in found.received
        ]
        heads = ("when", "received by", "field", "clause", "contract", "type", "from", "as")
        rows += [
            (moment(one.time_ms), "nobody", one.path, one.reason, "", one.type, "", "left out")
            for one in found.left_out
        ]
        print_table(heads, rows, output)
    note(f"From a verified log of {head.size} entries.")
    if not found.received and not found.left_out:
        note("The log has nothing about it.")
        raise typer.Exit(NO)


@app.command("erase")
def erase_(
    agency: Agency,
    case: Annotated[
        str,
        typer.Option(metavar="ID", help="The case's shared id, or this agency's own reference."),
    ],
    operator: Annotated[
        str | None, typer.Option(help="Who erases, for the disclosure log; else the login name.")
    ] = None,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Forget what this adapter still holds of a case's content, once its erasure is confirmed.

    Clears sealed values that were sent and payloads that were delivered and kept, with an entry in
    the log; leaf hashes stay, so that gaps can still be closed. Exit code 1 if there was nothing.
    What your own system holds, and what the recipients hold, is not in here.
    """
    from broker.cli.log.erasure import erase
    from broker.cli.operator_name import operator_label
    from broker.clock import now_ms

    erased = erase(agency, case, operator_label(operator), now_ms())
    if json:
        print_json({"values": erased.values, "payloads": erased.payloads}, output)
    else:
        print_text(
            f"forgotten: {erased.values} sealed values, {erased.payloads} payloads\n", output
        )
    if not erased.values and not erased.payloads:
        note("Nothing of it was held any more.")
        raise typer.Exit(NO)
