"""Commands ``contract suspend``, ``contract resume`` and ``contract leave``.

``broker/cli/contract.py`` mounts them.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from broker.cli.output import NO, Agency, AsJson, confirmed, note, print_json, print_text
from contracts.departure_reasons import (
    DEPARTURE_REASONS,
    RESUMPTION_REASONS,
    require_departure_reason,
    require_resumption_reason,
)

Named = Annotated[
    str | None,
    typer.Option("--contract", metavar="NAME", help="Which one, if the agency has several."),
]
Why = Annotated[
    str | None,
    typer.Option(
        "--reason",
        metavar="CODE",
        help=f"Why, for the other parties: {', '.join(DEPARTURE_REASONS)}.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; needed to leave without a terminal.")]


def suspend(
    agency: Agency,
    reason: Why = None,
    resume_: Annotated[
        bool, typer.Option("--resume", help="The same as: contract resume.", hidden=True)
    ] = False,
    leave_: Annotated[
        bool, typer.Option("--leave", help="The same as: contract leave.", hidden=True)
    ] = False,
    yes: Yes = False,
    contract: Named = None,
    json: AsJson = False,
) -> None:
    """Suspend this agency's own part of an agreement, in every version that it has signed.

    Shows what stops, what continues and what each partner has to do, then asks on a terminal. No
    other party needs to agree, and the others continue without this agency. Records that come to
    this agency wait until `contract resume`.
    """
    if resume_ and leave_:
        raise typer.BadParameter("--resume and --leave exclude each other")
    if resume_:
        if reason is not None:
            raise typer.BadParameter("--resume takes no reason; give: contract resume --reason")
        _act(agency, contract, "resumed", "resolved", yes=yes, json=json)
    else:
        _act(agency, contract, "left" if leave_ else "suspended", reason, yes=yes, json=json)


def resume(
    agency: Agency,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason",
            metavar="CODE",
            help=f"Why, for the other parties: {', '.join(RESUMPTION_REASONS)}.",
        ),
    ] = None,
    yes: Yes = False,
    contract: Named = None,
    json: AsJson = False,
) -> None:
    """End this agency's own suspension of an agreement.

    This agency then opens the records that others logged for it meanwhile. Its own
    records of the time of the suspension stay refused. The command needs the governance keys. Exit
    code 1 if there is no suspension.
    """
    _act(agency, contract, "resumed", reason, yes=yes, json=json)


def leave(
    agency: Agency,
    reason: Why = None,
    yes: Yes = False,
    contract: Named = None,
    json: AsJson = False,
) -> None:
    """Leave an agreement for good, in every version that this agency has signed.

    Shows what stops, what continues and what each partner has to do, then asks. It needs the
    governance keys and cannot be undone: to take part again, sign a new version.
    """
    _act(agency, contract, "left", reason, yes=yes, json=json)


def _act(
    agency: Agency, contract: str | None, state: str, reason: str | None, *, yes: bool, json: bool
) -> None:
    from broker.cli import stopping_text as text
    from broker.clock import now_ms
    from broker.operations import contract_departure

    if reason is None:
        known = RESUMPTION_REASONS if state == "resumed" else DEPARTURE_REASONS
        raise typer.BadParameter(f"give --reason CODE, one of: {', '.join(known)}")
    if state == "resumed":
        require_resumption_reason(reason)
    else:
        require_departure_reason(reason)
    named = contract_departure.STATES[state]
    reviewed = contract_departure.review_departure(agency, contract, named, now_ms())
    if reviewed.changes:
        for line in text.review_lines(reviewed):
            note(line)
        asks = state == "left" or (sys.stdin is not None and sys.stdin.isatty())
        if asks and not yes and not confirmed(text.question(reviewed), text.VERBS[named]):
            note("Nothing was changed.")
            raise typer.Exit(NO)
    done = contract_departure.depart(reviewed, reason, now_ms())
    if json:
        print_json({**text.departed_json(done), **text.departure_json(reviewed)})
    else:
        print_text(text.departed_text(done))
    for line in text.departed_notes(done, agency):
        note(line)
    raise typer.Exit(0 if done.changed or state != "resumed" else NO)
