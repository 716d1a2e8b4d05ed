"""Commands ``concordant quarantine``: everything that is held, and how to continue."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.operator_name import (
    ConsultationReason,
    Operator,
    Reason,
    RequiredReason,
    actor,
    reader,
)
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
    help="Everything that is held: records of other agencies that were refused at step 5 or "
    "later, events that your own system did not accept, events that Kafka does not "
    "accept, files and rows of your own export that were refused. Correct the cause, then "
    "retry; discard items that a retry cannot help.",
)

MOST_ID = 2**63 - 1
"""SQLite's largest integer."""

_WAIT_S = 5.0
"""Time for which `retry` waits for the running adapter to deliver an event."""


@app.command("list")
def list_(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Include items that were retried or discarded since.")
    ] = False,
    unverified: Annotated[
        bool,
        typer.Option(
            "--unverified",
            help="Show instead records that failed steps 0 to 4; only their place, hash and "
            "code are stored.",
        ),
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_ID, help="Maximum number, the newest ones.")
    ] = 100,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List held items: id, sender, place in the stream, step and reason.

    Needs no passphrase, and shows no content of a record or an event.
    """
    from broker.cli import quarantine_text as text
    from broker.clock import now_ms
    from broker.operations.quarantined_records import QuarantinedRecords

    now = now_ms()
    quarantine = QuarantinedRecords(agency, now)
    if unverified:
        unverified_records = quarantine.unverified(limit)
        if json:
            print_json([text.unverified_json(row) for row in unverified_records], output)
        else:
            print_table(*text.unverified_table(unverified_records), output)
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
        typer.Argument(metavar="ID...", help="Ids of refused records, from `quarantine list`."),
    ],
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Print records as they came from Kafka, one a line, for `event verify` of any party.

    They are sealed: a party can read only what the sender addressed to it. The disclosure log
    records who exported them.
    """
    from broker.cli.lines import write_raw
    from broker.clock import now_ms
    from broker.operations.quarantined_records import QuarantinedRecords
    from broker.record import format_record

    for one in ids:
        if not (one.isdecimal() and 1 <= int(one) <= MOST_ID):
            raise typer.BadParameter(
                f"{one} is not the id of a refused record, which is a number; only refused "
                "records are exported"
            )
    quarantine = QuarantinedRecords(agency, now_ms())
    wanted = list(dict.fromkeys(map(int, ids)))
    records = quarantine.export(wanted, actor(operator, reason), now_ms())
    write_raw([format_record(record) for record in records])


@app.command("retry")
def retry(
    agency: Agency,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids from `quarantine list`."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="All held items except files: name the files that you have corrected."
        ),
    ] = False,
    not_heard: Annotated[
        bool,
        typer.Option(
            "--not-heard",
            help="Open records that came after their sender's part had ended, though no receipt "
            "confirms them. Needs --reason.",
        ),
    ] = False,
    operator: Operator = None,
    reason: Reason = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for the running adapter.")
    ] = _WAIT_S,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Try held items again.

    Records are judged again from step 5, with today's keys and contracts: a record that opens goes
    to the inbox, in one transaction. The running adapter offers events to your own system again. It
    tries events that Kafka does not accept, and records that wait to be judged, at once. Files and
    rows go back into the import folder. Exit code 4 if any is still held.
    """
    from broker.clock import now_ms
    from broker.operations.quarantined_records import QuarantinedRecords
    from broker.operations.retry import HELD_ID, retry_all

    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    if not_heard and (everything or reason is None):
        raise typer.BadParameter("--not-heard goes with ids and --reason TEXT")
    wrong = [id_ for id_ in ids or () if not HELD_ID.match(id_)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is no id that `quarantine list` gives")
    now = now_ms()
    quarantine = QuarantinedRecords(agency, now)
    wanted = list(dict.fromkeys(ids or quarantine.retried_by_all(now)))
    who = actor(operator, reason)
    outcomes = retry_all(
        quarantine.participant, quarantine.store, wanted, who, wait, now, vouched=not_heard
    )
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
        note("Drop the export of the event into the import folder again: it is sealed again.")
    if any(str(one.id).startswith("row-") and one.outcome == "asked" for one in outcomes):
        note(
            "A row is read from your own database again: first correct it there, as the code and "
            "the field in `quarantine list` say. A row that is gone there is no longer held."
        )
    if any(one.outcome in {"released", "asked"} for one in outcomes):
        note(
            "asked, released: the adapter does it as soon as it runs. Then look again: concordant "
            "quarantine list"
        )
    raise typer.Exit(0 if settled == len(outcomes) else REFUSED)


@app.command("discard")
def discard(
    agency: Agency,
    reason: RequiredReason,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids from `quarantine list`."),
    ] = None,
    sender: Annotated[
        str, typer.Option(metavar="AGENCY", help="All refused records of one sender.")
    ] = "",
    accepted_events: Annotated[
        bool,
        typer.Option(
            "--accepted-events",
            help="Include events that were accepted: your own system never gets them.",
        ),
    ] = False,
    operator: Operator = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Discard without asking; needed without a terminal.")
    ] = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Discard held items that a retry cannot help: their content is removed permanently.

    This is for refused records, events of ours that must be sealed again, refused files and rows,
    and, with --accepted-events, events that your own system did not accept. First retry items that
    can still be opened. The disclosure log records who discarded what, and why. Exit code 4 if any
    is still held.
    """
    from broker.cli.quarantine_text import discard_hints, discarded_rows, planned_table
    from broker.clock import now_ms
    from broker.operations.discarding import Discarding, Wanted
    from broker.operations.quarantined_records import QuarantinedRecords
    from broker.operations.retry import HELD_ID

    if bool(ids) == bool(sender):
        raise typer.BadParameter("give ids, or --sender")
    wrong = [id_ for id_ in ids or () if not HELD_ID.match(id_)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is no id that `quarantine list` gives")
    who = actor(operator, reason)
    now = now_ms()
    quarantine = QuarantinedRecords(agency, now)
    discarding = Discarding(quarantine.participant, quarantine.store)
    planned = discarding.plan(Wanted(ids or (), sender, accepted_events), now)
    meant = [one for one in planned if one.settled]
    outcomes = planned
    if meant:
        note(planned_table(meant))
        question = f"Discard {len(meant)}? Their content is removed permanently."
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
    reason: ConsultationReason = None,
) -> None:
    """Show on the terminal the content of an event that your own system did not accept.

    The disclosure log records who looked. The content goes only to a terminal, never into a file or
    a pipe. A refused record is not opened here; a refused file is in the folder quarantine/.
    """
    from broker.cli.quarantine_text import EVENT, event_text, require_terminal
    from broker.clock import now_ms
    from broker.operations.quarantined_records import QuarantinedRecords, show_held_event

    found = EVENT.fullmatch(id_)
    if found is None:
        raise typer.BadParameter(
            "only an event (event-N) has content that can be shown. For the reason of another item "
            "give: concordant outbox show ID, or concordant inbox show ID"
        )
    who = reader(operator, reason)
    now = now_ms()
    quarantine = QuarantinedRecords(agency, now)
    require_terminal()
    content = show_held_event(quarantine.participant, quarantine.store, int(found[1]), who, now)
    print_text(event_text(content))
