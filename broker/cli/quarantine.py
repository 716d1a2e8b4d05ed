"""``concordant quarantine``: everything that was put aside, and how it goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.operator_name import Operator, Reason, RequiredReason, actor
from broker.cli.output import (
    NO,
    REFUSED,
    Agency,
    AsJson,
    Output,
    confirmed,
    note,
    print_json,
    print_table,
    print_text,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Everything that is put aside: records of other agencies that were refused at step 5 or "
    "later, events that your own system did not take, events that Kafka does not take, files and "
    "rows of your own export that were refused. Correct the cause, then retry; discard what no "
    "retry can help.",
)

MOST_ID = 2**63 - 1
"""SQLite's largest integer."""

_WAIT_S = 5.0
"""How long `retry` waits for the running adapter to deliver an event."""


@app.command("list")
def list_(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were retried or discarded since.")
    ] = False,
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified",
            help="Instead: what failed steps 0 to 4, of which only place, hash and code are kept.",
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ID, help="The newest so many.")] = 100,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List what is held: its id, from whom, where in whose stream, at which step and why.

    Needs no passphrase, and shows nothing of what a record or an event says.
    """
    from broker.cli import quarantine_text as text
    from broker.clock import now_ms
    from broker.operations.quarantine import Quarantine

    now = now_ms()
    quarantine = Quarantine(agency, now)
    if unverified:
        noise = quarantine.unverified(limit)
        if json:
            print_json([text.unverified_json(row) for row in noise], output)
        else:
            print_table(*text.unverified_table(noise), output)
        return
    rows = quarantine.records(limit, held_only=not everything)
    others = quarantine.others(now)[:limit]
    discarded = quarantine.discarded(limit) if everything else []
    if json:
        values = [text.record_json(row) for row in rows]
        values += [text.item_json(item) for item in others]
        print_json(values + [text.discarded_json(row) for row in discarded], output)
        return
    print_table(*text.held_table(rows, others, discarded), output)


@app.command("export")
def export(
    agency: Agency,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="Of refused records, as `quarantine list` gives them."
        ),
    ],
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Print records as they were taken from Kafka, one a line, for `event verify` of any party.

    They are sealed: a party can read what the sender addressed to it, and no more. The disclosure
    log says who wrote them out.
    """
    from broker.cli.lines import write_raw
    from broker.clock import now_ms
    from broker.operations.quarantine import Quarantine
    from broker.record import format_record

    for one in ids:
        if not (one.isdecimal() and 1 <= int(one) <= MOST_ID):
            raise typer.BadParameter(
                f"{one} is no id of a refused record, which is a number; only those are exported"
            )
    quarantine = Quarantine(agency, now_ms())
    wanted = list(dict.fromkeys(map(int, ids)))
    records = quarantine.export(wanted, actor(operator, reason), now_ms())
    write_raw([format_record(record) for record in records])


@app.command("retry")
def retry(
    agency: Agency,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="As `quarantine list` gives them."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="All that is held but files: name those you have corrected."),
    ] = False,
    operator: Operator = None,
    reason: Reason = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for the running adapter.")
    ] = _WAIT_S,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Try again what is held.

    Records are judged again from step 5, with today's keys and contracts: what opens goes to the
    inbox, in one transaction. Events are offered to your own system again by the running adapter.
    Events that Kafka does not take, and records that wait to be judged, are tried by it at once.
    Files and rows go back into the import folder. Exit code 4 if any is held still.
    """
    from broker.clock import now_ms
    from broker.operations.quarantine import Quarantine
    from broker.operations.retry import HELD_ID, retry_all

    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    wrong = [id_ for id_ in ids or () if not HELD_ID.match(id_)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is no id that `quarantine list` gives")
    now = now_ms()
    quarantine = Quarantine(agency, now)
    wanted = list(dict.fromkeys(ids or quarantine.retried_by_all(now)))
    who = actor(operator, reason)
    outcomes = retry_all(quarantine.participant, quarantine.store, wanted, who, wait, now)
    if json:
        print_json([one.as_json() for one in outcomes], output)
    else:
        rows = [
            (str(one.id), one.outcome, "" if one.step is None else f"{one.step:g}", one.code or "")
            for one in outcomes
        ]
        print_table(("id", "outcome", "step", "code"), rows, output)
    settled = sum(one.settled for one in outcomes)
    note(f"{settled} of {len(outcomes)} are no longer held.")
    if everything and (left := quarantine.left_out_of_all(now)):
        note(f"Not tried: {left} files, rows and entries. Correct them, then give their ids.")
    if any(one.outcome == "needs_export" for one in outcomes):
        note("Drop the export of the event into the import folder again: it is sealed anew.")
    if any(one.outcome in {"released", "asked"} for one in outcomes):
        note("The adapter tries the others as soon as it runs: concordant quarantine list")
    raise typer.Exit(0 if settled == len(outcomes) else REFUSED)


@app.command("discard")
def discard(
    agency: Agency,
    reason: RequiredReason,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="As `quarantine list` gives them."),
    ] = None,
    sender: Annotated[
        str, typer.Option(metavar="AGENCY", help="All refused records of one sender.")
    ] = "",
    accepted_events: Annotated[
        bool,
        typer.Option(
            "--accepted-events",
            help="Also events that were accepted: your own system never gets them.",
        ),
    ] = False,
    operator: Operator = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Discard without asking; needed without a terminal.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Discard what is held and no retry can help: its content is removed for good.

    For refused records, events of ours that have to be sealed again, refused files and rows, and,
    with --accepted-events, events that your own system did not take. Retry first what can still be
    opened. The disclosure log says who discarded what, and why. Exit code 4 if any is held still.
    """
    from broker.cli.quarantine_text import discard_hints, discarded_rows, planned_table
    from broker.clock import now_ms
    from broker.operations.discarding import Discarding, Wanted
    from broker.operations.quarantine import Quarantine
    from broker.operations.retry import HELD_ID

    if bool(ids) == bool(sender):
        raise typer.BadParameter("give ids, or --sender")
    wrong = [id_ for id_ in ids or () if not HELD_ID.match(id_)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is no id that `quarantine list` gives")
    who = actor(operator, reason)
    now = now_ms()
    quarantine = Quarantine(agency, now)
    discarding = Discarding(quarantine.participant, quarantine.store)
    planned = discarding.plan(Wanted(ids or (), sender, accepted_events), now)
    meant = [one for one in planned if one.settled]
    outcomes = planned
    if meant:
        note(planned_table(meant))
        question = f"Discard {len(meant)}? What they hold is gone for good."
        if not yes and not confirmed(question, "discard"):
            note("Nothing was discarded.")
            raise typer.Exit(NO)
        outcomes = discarding.discard(planned, who, now)
    if json:
        print_json([one.as_json() for one in outcomes], output)
    else:
        print_table(("id", "outcome", "code"), discarded_rows(outcomes), output)
    settled = sum(one.settled for one in outcomes)
    note(f"{settled} of {len(outcomes)} were discarded.")
    for line in discard_hints(outcomes, quarantine.participant.root):
        note(line)
    raise typer.Exit(0 if settled == len(outcomes) else REFUSED)


@app.command("show")
def show(
    agency: Agency,
    id_: Annotated[str, typer.Argument(metavar="EVENT", help="Its id: event-N.")],
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Show on the terminal what an event says that your own system did not take.

    The disclosure log says who looked. The content goes to a terminal only, never into a file or a
    pipe. A refused record is not opened here; a refused file is in the folder quarantine/.
    """
    from broker.cli.quarantine_text import EVENT, event_text, require_terminal
    from broker.clock import now_ms
    from broker.operations.quarantine import Quarantine, show_held_event

    found = EVENT.fullmatch(id_)
    if found is None:
        raise typer.BadParameter("only an event (event-N) has content that can be shown")
    who = actor(operator, reason)
    now = now_ms()
    quarantine = Quarantine(agency, now)
    require_terminal()
    content = show_held_event(quarantine.participant, quarantine.store, int(found[1]), who, now)
    print_text(event_text(content))
