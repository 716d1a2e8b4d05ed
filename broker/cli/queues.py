"""Commands ``concordant outbox`` and ``concordant inbox``: what is on its way, and what helps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

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

if TYPE_CHECKING:
    from broker.audit.actor import Actor
    from broker.operations.queues.event_queue import EventQueue

QueueName: TypeAlias = Literal["outbox", "inbox"]

MOST_ID: Final = 2**63 - 1
_WAIT_S: Final = 5.0
"""Time for which `retry` waits for the running adapter to deliver an event."""
_HELP: Final[dict[QueueName, str]] = {
    "outbox": "What is on its way out: own events that wait for their place, for Kafka or for an "
    "agency that cannot be reached, events that must be sealed again, and files and rows of your "
    "own export that were refused. `quarantine` shows what is put aside in both directions, under "
    "the same ids.",
    "inbox": "What is on its way in: records of other agencies that were refused or cannot be "
    "judged yet, and events that wait for your own system or that it did not accept. `quarantine` "
    "shows what is put aside in both directions, under the same ids.",
}
_LIST: Final[dict[QueueName, str]] = {
    "outbox": "List what has not left yet: id, state, recipients and reason, the oldest first.\n\n"
    "Needs no passphrase, and shows no content of an event.",
    "inbox": "List what your own system does not have: id, state, sender and reason, the oldest "
    "first.\n\nNeeds no passphrase, and shows no content of a record or an event.",
}
_SHOW: Final[dict[QueueName, str]] = {
    "outbox": "Show one item: what it waits for, what helps, and its state at each recipient.\n\n"
    "For refused rows: line, column and code of each. It shows no content: a sealed event can be "
    "read only by its recipients.",
    "inbox": "Show one item: what it waits for, and what helps.\n\nIt shows no content. For the "
    "content of an event that your own system did not accept: concordant quarantine show.",
}
_RETRY: Final[dict[QueueName, str]] = {
    "outbox": "Try items again.\n\nThe running adapter sends an event that waits for Kafka at "
    "once. An event that must be sealed again is sealed when its export is dropped again. Files "
    "and rows go back into the import folder. A copy waits for its agency, and a retry changes "
    "nothing. The disclosure log records who tried what again, and why. Exit code 4 if any is not "
    "tried.",
    "inbox": "Try items again.\n\nA refused record is judged again from step 5. The running "
    "adapter offers an event to your own system at once. An event behind another of its case, or "
    "whose result is awaited, goes on waiting. The disclosure log records who tried what again, "
    "and why. Exit code 4 if any is not tried.",
}
_DISCARD: Final[dict[QueueName, str]] = {
    "outbox": "Discard items: their content is removed permanently, and they are not sent.\n\n"
    "This is for events without a place in our stream, events that must be sealed again, copies "
    "for agencies that cannot be reached, and refused files and rows. An event with a place goes "
    "out, because partners expect it. The same export, dropped again, sends an event again. The "
    "disclosure log records who discarded what, and why. Exit code 4 if any stays.",
    "inbox": "Discard items that a retry cannot help: their content is removed permanently.\n\n"
    "This is for refused records and, with --accepted-events, events that your own system did not "
    "accept. The disclosure log records who discarded what, and why. Exit code 4 if any stays.",
}

Ids = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Ids of items, as `list` prints them.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Discard without asking; needed without a terminal.")
]


def list_(
    context: typer.Context,
    agency: Agency,
    limit: Annotated[
        int, typer.Option(min=1, max=MOST_ID, help="Maximum number, the oldest ones.")
    ] = 100,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """List the items of the queue."""
    from broker.cli import queues_text as text
    from broker.clock import now_ms

    now = now_ms()
    queue = _opened(context, agency, now)
    items = queue.items(limit, now)
    if json:
        print_json([text.queue_item_json(item) for item in items], output)
    else:
        print_table(*text.items_table(queue.name, items), output)


def show(
    context: typer.Context,
    agency: Agency,
    id_: Annotated[str, typer.Argument(metavar="ITEM", help="Id, as `list` prints it.")],
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Show one item of the queue."""
    from broker.cli import queues_text as text
    from broker.clock import now_ms

    now = now_ms()
    queue = _opened(context, agency, now)
    (wanted,) = text.require_ids(queue, [id_])
    details = queue.details(wanted, now)
    if json:
        print_json(text.details_json(details), output)
    else:
        print_text(text.details_text(queue.name, details), output)


def retry(
    context: typer.Context,
    agency: Agency,
    ids: Ids,
    operator: Operator = None,
    reason: Reason = None,
    wait: Annotated[
        float, typer.Option(min=0, max=600, help="Seconds to wait for the running adapter.")
    ] = _WAIT_S,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Try items of the queue again."""
    from broker.cli import queues_text as text
    from broker.clock import now_ms

    now = now_ms()
    queue = _opened(context, agency, now)
    wanted = text.require_ids(queue, ids)
    outcomes = queue.retry(wanted, actor(operator, reason), wait, now)
    if json:
        print_json([one.as_json() for one in outcomes], output)
    else:
        print_table(*text.retried_table(outcomes), output)
    tried = sum(one.settled for one in outcomes)
    note(f"{tried} of {len(outcomes)} are tried or done.")
    raise typer.Exit(0 if tried == len(outcomes) else REFUSED)


def discard_from_outbox(
    context: typer.Context,
    agency: Agency,
    reason: RequiredReason,
    ids: Ids,
    operator: Operator = None,
    yes: Yes = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Discard items of the outbox."""
    _discard(context, agency, ids, actor(operator, reason), False, yes, json, output)


def discard_from_inbox(
    context: typer.Context,
    agency: Agency,
    reason: RequiredReason,
    ids: Ids,
    accepted_events: Annotated[
        bool,
        typer.Option(
            "--accepted-events",
            help="Include events that were accepted: your own system never gets them.",
        ),
    ] = False,
    operator: Operator = None,
    yes: Yes = False,
    json: AsJson = False,
    output: Output = None,
) -> None:
    """Discard items of the inbox."""
    _discard(context, agency, ids, actor(operator, reason), accepted_events, yes, json, output)


def _discard(
    context: typer.Context,
    agency: Path,
    ids: list[str],
    who: Actor,
    accepted_events: bool,
    yes: bool,
    json: bool,
    output: Path | None,
) -> None:
    from broker.cli import queues_text as text
    from broker.clock import now_ms

    now = now_ms()
    queue = _opened(context, agency, now)
    wanted = text.require_ids(queue, ids)
    outcomes = queue.plan(wanted, now, accepted_events=accepted_events)
    meant = [one for one in outcomes if one.settled]
    if meant:
        note(text.planned_text(queue.name, meant))
        question = f"Discard {len(meant)}? Their content is removed permanently."
        if not yes and not confirmed(question, "discard"):
            note("Nothing was discarded.")
            raise typer.Exit(NO)
        outcomes = queue.discard(outcomes, who, now)
    if json:
        print_json([one.as_json() for one in outcomes], output)
    else:
        print_table(*text.discarded_table(outcomes), output)
    gone = sum(one.settled for one in outcomes)
    note(f"{gone} of {len(outcomes)} were discarded.")
    for line in text.queue_discard_hints(outcomes, queue.participant.root):
        note(line)
    raise typer.Exit(0 if gone == len(outcomes) else REFUSED)


def _opened(context: typer.Context, agency: Path, now: int) -> EventQueue:
    """Open the queue that the command names: `concordant outbox …` or `concordant inbox …`."""
    from broker.operations.queues.both import opened_queue

    assert context.parent is not None
    return opened_queue(cast("QueueName", context.parent.info_name), agency, now)


def _commands(name: QueueName) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help=_HELP[name])
    app.command("list", help=_LIST[name])(list_)
    app.command("show", help=_SHOW[name])(show)
    app.command("retry", help=_RETRY[name])(retry)
    discard = discard_from_outbox if name == "outbox" else discard_from_inbox
    app.command("discard", help=_DISCARD[name])(discard)
    return app


outbox: Final = _commands("outbox")
inbox: Final = _commands("inbox")
