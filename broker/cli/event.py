"""Commands ``concordant event``: try out, check and read events on files, without Kafka.

These commands import neither FastStream nor aiokafka, unlock only the keys that they need and
answer within a second (README, "Commands for scripts").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from broker.cli.lines import chunks, read_lines, write_json, write_raw
from broker.cli.operator_name import ConsultationReason, Operator, Reason, actor, reader
from broker.cli.output import NO, REFUSED, Agency, AsJson, note, print_text, shown_path

app = typer.Typer(
    no_args_is_help=True,
    help="Seal, open and verify events on files, without Kafka. JSON Lines in, JSON Lines out.",
)

Input = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="JSON Lines; standard input if left out.")
]


@app.command("types")
def types(agency: Agency) -> None:
    """List the event types that this agency may publish, one per line."""
    from broker.clock import now_ms
    from broker.operations.trial import permitted

    write_raw(name.encode() for name in permitted(agency, now_ms()))


@app.command("example")
def example(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="See `event types`.")],  # noqa: A002 - the command's own word
    agency: Agency,
) -> None:
    """Print one valid plain event, to look at or to pipe into `event seal`."""
    from broker.clock import now_ms
    from broker.operations.trial import example_of

    write_json([example_of(agency, type, now_ms())])


@app.command("seal")
def seal(agency: Agency, file: Input = None) -> None:
    """Seal plain events into records, in separate streams that no ACL permits.

    In: {"type", "recipients", "data"}. Out: {"topic", "partition", "headers", "value"}, or
    {"refused", "detail"}; "suggestions" beside it names what a misspelt agency, type, field or code
    may have meant. "left_out" beside a record names each granted field that an agency still does
    not get: {"field", "agency", "reason"}. "not_sealed" beside a record names each addressed agency
    that cannot be reached now: {"agency", "reason"}; the event is refused only if none is left.
    Exit code 4 if any was refused.
    """
    from broker.cli.event_text import trial_line
    from broker.clock import now_ms
    from broker.operations.trial import Trial, TrialRefusal

    trial = Trial(agency, now_ms())
    refused = False
    for chunk in chunks(read_lines(file)):
        results = trial.seal(chunk, now_ms())
        refused |= any(isinstance(one, TrialRefusal) for one in results)
        write_raw(map(trial_line, results))
    raise typer.Exit(REFUSED if refused else 0)


@app.command("open")
def open_(
    agency: Agency,
    file: Input = None,
    operator: Operator = None,
    reason: ConsultationReason = None,
) -> None:
    """Open records as this agency: steps 0 to 10, and a log entry for each opened event.

    Out: {"id", "type", "source", "time", "data", "withheld"}, {"not_addressed"}, {"repeat"} or
    {"refused", "step"}; "gap" beside it after missing records, "unlisted" where a code is not in
    its list. Exit code 4 if any was refused.
    """
    from broker.clock import now_ms
    from broker.operations.record_file import FileReader

    records = FileReader(agency, reader(operator, reason), now_ms())
    _answer_lines(file, lambda chunk: records.open(chunk, now_ms()))
    raise typer.Exit(REFUSED if records.refused else 0)


@app.command("verify")
def verify(agency: Agency, file: Input = None) -> None:
    """Verify signatures of records and their place in the log (steps 0 to 4), without passphrase.

    Out: {"verified", "origin", "index"} or {"refused", "step"}. Exit code 4 if any was refused.
    """
    from broker.clock import now_ms
    from broker.operations.record_file import FileReader

    records = FileReader(agency, None, now_ms())
    _answer_lines(file, lambda chunk: records.verify(chunk, now_ms()))
    raise typer.Exit(REFUSED if records.refused else 0)


def _answer_lines(
    file: Path | None, answer: Callable[[Sequence[bytes | None]], Sequence[Mapping[str, object]]]
) -> None:
    """Print the answer to each line of a file of records; say so if no line is a record."""
    lines = malformed = 0
    for chunk in chunks(read_lines(file)):
        answers = answer(chunk)
        lines += len(answers)
        malformed += sum(one.get("refused") == "record_malformed" for one in answers)
        write_json(answers)
    if lines and malformed == lines:
        named = "The input" if file is None or str(file) == "-" else shown_path(file)
        note(
            f"{named} has no record of an event (record_malformed). Give a file that "
            "`event seal` or `quarantine export` printed, with one record a line."
        )


@app.command("waiting")
def waiting(agency: Agency) -> None:
    """List the events that wait for an agency that could not be reached, as JSON Lines.

    Out: {"event", "recipient", "type", "reason", "since", "until", "due", "served", "at"}. A copy
    is kept here ("at": "sender"). It is sent to the agency at a random time after it can be reached
    ("due"), and not any more after "until". An event that was sent before we knew that the agency
    had suspended its part is on Kafka ("at": "kafka"): the agency opens it when it resumes
    ("served": "later"). An agency that has left does not open it ("served": "not").
    """
    from broker.cli.event_text import copy_json, unopened_json
    from broker.clock import now_ms
    from broker.operations.waiting_copies import waiting_events

    copies, unopened = waiting_events(agency, now_ms())
    write_json([*map(copy_json, copies), *map(unopened_json, unopened)])


@app.command("status")
def status(
    event: Annotated[
        str, typer.Argument(metavar="EVENT_ID", help="Id of an event that this agency sent.")
    ],
    agency: Agency,
    json: AsJson = False,
) -> None:
    """Show what became of an event at each of its recipients.

    The recipients report it at the interval that the agreement states (`report_every`). Exit code 1
    if this agency sent no event of that id.
    """
    from broker.cli.event_status_text import status_text
    from broker.cli.output import print_json
    from broker.clock import now_ms
    from broker.operations.event_status import event_status_of

    found = event_status_of(agency, event, now_ms())
    if json:
        print_json(found.as_json())
    else:
        print_text(status_text(found))


@app.command("cancel")
def cancel(
    event: Annotated[str, typer.Argument(metavar="EVENT_ID", help="See `event waiting`.")],
    agency: Agency,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="AGENCY", help="Only for this agency; may be repeated."),
    ] = None,
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Cancel an event that waits for an agency. It is not sent to that agency any more.

    Changes of a referral that wait behind it are cancelled too. Prints what was cancelled.
    """
    from broker.cli.event_text import copy_json
    from broker.clock import now_ms
    from broker.operations.waiting_copies import cancel_copies

    who = actor(operator, reason)
    gone = cancel_copies(agency, event, tuple(recipient or ()), who, now_ms())
    write_json([copy_json(one) for one in gone])


@app.command("evidence")
def evidence(
    agency: Agency,
    event: Annotated[
        str | None, typer.Argument(metavar="[EVENT_ID]", help="Sent or opened by this agency.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check evidence from another agency.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --check: the sealed record, if we lack the event."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="AGENCY", help="The sender, if two used one id.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", metavar="FILE", help="Write the evidence to FILE."),
    ] = None,
    with_record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the sealed record, of an event that we sent."),
    ] = None,
    operator: Operator = None,
    reason: Reason = None,
) -> None:
    """Show that an event is in its sender's history, without any classical signature.

    The chain: contract, manifest (ML-DSA-65), stream key, heartbeat (ML-DSA-44), head, path, event.
    Prints the links on a terminal, and the evidence, or with --check one link a line, as JSON in a
    pipe. It holds none of the event's content. Exit code 1 if there is no evidence yet or a link
    fails.
    """
    if (event is None) == (check is None):
        raise typer.BadParameter("give either an event's id or --check FILE")
    if event is not None and record is not None:
        raise typer.BadParameter("--record goes with --check FILE: there it is compared")
    if check is not None and with_record is not None:
        raise typer.BadParameter("--with-record goes with an event's id, not with --check")
    if check is not None and source is not None:
        raise typer.BadParameter("--source goes with an event's id; --check FILE names its sender")
    from broker.cli import event_text as text
    from broker.clock import now_ms
    from broker.operations.event_evidence import AgencyEvidence, is_event_id

    if event is not None and not is_event_id(event):
        raise typer.BadParameter("an event's id is a UUID: its file in inbox/ is named by it")
    evidence_of = AgencyEvidence(agency, now_ms())
    if event is not None:
        found, checked = evidence_of.show(event, source)
        if with_record is not None:
            who = actor(operator, reason)
            text.save_record(evidence_of.sealed_record(found, who, now_ms()), with_record)
    else:
        assert check is not None
        found = text.load_evidence(check)
        lines = None if record is None else read_lines(record)
        checked = evidence_of.check(found, lines)
    if out is not None:
        text.save_evidence(found, out)
    if text.for_people():
        print_text(text.title(found) + text.checked_text(checked))
    elif check is not None:
        write_json(text.checked_lines(checked))
    elif out is None:
        write_json([found.model_dump(mode="json", exclude_none=True)])
    raise typer.Exit(0 if checked.holds else NO)
