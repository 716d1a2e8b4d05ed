"""``concordant quarantine``: everything that was put aside, and how it goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.cli.operator_name import Operator, Reason, actor
from broker.cli.output import REFUSED, Agency, AsJson, Output, note, print_json, print_table
from broker.cli.times import moment

app = typer.Typer(
    no_args_is_help=True,
    help="Everything that is put aside: records of other agencies that were refused at step 5 or "
    "later, events that your own system did not take, events that Kafka does not take, files and "
    "rows of your own export that were refused. Mend the cause, then retry.",
)

MOST_ID = 2**63 - 1
"""SQLite's largest integer."""

_WAIT_S = 5.0
"""How long `retry` waits for the running adapter to deliver an event."""


@app.command("list")
def list_(
    agency: Agency,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were retried since.")
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
    from broker.cli.quarantine.held import Quarantine, as_json
    from broker.clock import now_ms

    quarantine = Quarantine(agency, now_ms())
    if unverified:
        noise = quarantine.unverified(limit)
        if json:
            print_json([row.as_json() for row in noise], output)
        else:
            columns = ("seen", "topic", "partition", "offset", "code", "sha-256")
            lines = [
                (
                    moment(row.seen_ms),
                    row.topic,
                    str(row.partition),
                    str(row.offset),
                    row.code,
                    row.sha256,
                )
                for row in noise
            ]
            print_table(columns, lines, output)
        return
    now = now_ms()
    rows = quarantine.records(limit, held_only=not everything)
    others = quarantine.others(now)[:limit]
    if json:
        print_json([row.as_json() for row in rows] + [as_json(item) for item in others], output)
        return
    table = [
        (
            str(row.id),
            "record",
            moment(row.added_ms),
            row.agency,
            f"{row.topic} {row.partition} at {row.index}, step {row.step:g}",
            row.code,
            row.status,
            row.detail,
        )
        for row in rows
    ]
    table += [
        (
            item.id,
            item.kind,
            moment(item.since_ms),
            item.agency or "",
            item.about,
            item.code,
            "held",
            f"{item.detail} [{item.field}]" if item.field else item.detail,
        )
        for item in others
    ]
    print_table(("id", "kind", "since", "from", "what", "code", "status", "why"), table, output)


@app.command("export")
def export(
    agency: Agency,
    ids: Annotated[
        list[int],
        typer.Argument(
            metavar="ID...", min=1, max=MOST_ID, help="As `quarantine list` gives them."
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
    from broker.cli.quarantine.held import Quarantine
    from broker.clock import now_ms
    from broker.record import format_record

    quarantine = Quarantine(agency, now_ms())
    records = quarantine.export(list(dict.fromkeys(ids)), actor(operator, reason), now_ms())
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
    from broker.cli.quarantine.again import RECORD, retry_all
    from broker.cli.quarantine.held import Quarantine
    from broker.clock import now_ms

    if bool(ids) == everything:
        raise typer.BadParameter("give ids, or --all")
    wrong = [id_ for id_ in ids or () if not RECORD.match(id_)]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} is no id that `quarantine list` gives")
    now = now_ms()
    quarantine = Quarantine(agency, now)
    wanted = list(dict.fromkeys(ids or quarantine.retried_by_all(now)))
    outcomes = retry_all(quarantine, wanted, actor(operator, reason), wait, now)
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
    if any(one.outcome == "needs_export" for one in outcomes):
        note("Drop the export of the event into the import folder again: it is sealed anew.")
    if any(one.outcome in {"released", "asked"} for one in outcomes):
        note("The adapter tries the others as soon as it runs: concordant quarantine list")
    raise typer.Exit(0 if settled == len(outcomes) else REFUSED)
