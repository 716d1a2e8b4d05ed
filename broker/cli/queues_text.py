"""Texts and JSON of ``concordant outbox`` and ``concordant inbox``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from broker.cli.output import Row, plain_table, shown_path
from broker.cli.times import instant
from broker.held.retrying import Retried
from broker.operations.queues.event_queue import EventQueue, QueueDetails
from broker.operations.queues.items import QueueDiscard, QueueItem
from broker.operations.retry import RetriedRecord
from broker.utc_text import moment

_AGENCIES = {"outbox": "to", "inbox": "from"}


def require_ids(queue: EventQueue, ids: Sequence[str]) -> list[str]:
    """Return the ids without repeats.

    Raises:
        BadParameter: one has not the form of an id of this queue.
    """
    for id_ in ids:
        if queue.ids.fullmatch(id_) is None:
            raise typer.BadParameter(
                f"{id_} is no id that `{queue.name} list` gives; see also `{queue.other} list`"
            )
    return list(dict.fromkeys(ids))


def queue_item_json(item: QueueItem) -> dict[str, object]:
    """Return an item for scripts."""
    return {
        "id": item.id,
        "kind": item.kind,
        "state": item.state,
        "since": instant(item.since_ms),
        "agencies": list(item.agencies),
        "about": item.about,
        "code": item.code or None,
        "detail": item.detail,
        "event_id": item.event_id,
        "field": item.field,
        "count": item.count,
        "next": None if item.next_ms is None else instant(item.next_ms),
        "can_discard": not item.stays,
    }


def items_table(queue: str, items: Sequence[QueueItem]) -> tuple[Row, list[Row]]:
    """Columns and rows of ``list``."""
    return ("id", "kind", "state", "since", _AGENCIES[queue], "what", "code", "why"), [
        (
            item.id,
            item.kind,
            item.state,
            moment(item.since_ms),
            ", ".join(item.agencies),
            item.about,
            item.code,
            f"{item.detail} [{item.field}]" if item.field else item.detail,
        )
        for item in items
    ]


def details_json(details: QueueDetails) -> dict[str, object]:
    """Return one item with everything that helps, for scripts."""
    return {
        **queue_item_json(details.item),
        "means": details.means,
        "to_do": details.helps or None,
        "recipients": {one.agency: one.as_json() for one in details.recipients},
        "rows": [{"line": row.line, "field": row.field, "code": row.code} for row in details.rows],
    }


def details_text(queue: str, details: QueueDetails) -> str:
    """Return one item with everything that helps."""
    item = details.item
    facts = [
        ("id", item.id),
        ("kind", item.kind),
        ("state", item.state),
        ("since", moment(item.since_ms)),
        (_AGENCIES[queue], ", ".join(item.agencies)),
        ("what", item.about),
        ("event", item.event_id or ""),
        ("code", item.code),
        ("field", item.field or ""),
        ("next try", "" if item.next_ms is None else moment(item.next_ms)),
        ("means", details.means),
        ("to do", details.helps),
        ("discard", item.stays or "possible, with a reason"),
    ]
    text = plain_table(("", ""), [fact for fact in facts if fact[1]]).partition("\n")[2]
    if details.recipients:
        rows = [
            (one.agency, one.state, moment(one.since_ms), one.code or "")
            for one in details.recipients
        ]
        text += "\n" + plain_table(("recipient", "state", "since", "code"), rows)
    if details.rows:
        refused = [(str(row.line), row.field or "", row.code) for row in details.rows]
        text += "\n" + plain_table(("line", "column", "code"), refused)
    return text


def retried_table(outcomes: Sequence[RetriedRecord | Retried]) -> tuple[Row, list[Row]]:
    """Columns and rows of ``retry``."""
    return ("id", "outcome", "code"), [
        (str(one.id), one.outcome, one.code or "") for one in outcomes
    ]


def planned_text(queue: str, planned: Sequence[QueueDiscard]) -> str:
    """Return the items to be discarded, without their content."""
    columns, rows = items_table(queue, [one.item for one in planned if one.item is not None])
    return plain_table(columns, rows)


def discarded_table(outcomes: Sequence[QueueDiscard]) -> tuple[Row, list[Row]]:
    """Columns and rows of ``discard``."""
    return ("id", "outcome", "code"), [
        (one.id, one.outcome, "" if one.item is None else one.item.code) for one in outcomes
    ]


def queue_discard_hints(outcomes: Sequence[QueueDiscard], agency: Path) -> list[str]:
    """Return why some stay, each sentence once, with the next step."""
    found: dict[str, None] = {}
    for one in outcomes:
        if one.outcome == "needs_accepted":
            found[
                "An accepted event is data of another agency, and no copy stays here. Correct "
                "the mapping and retry; or tell the sender, and give --accepted-events."
            ] = None
        elif one.outcome == "stays" and one.item is not None:
            text = one.item.stays.replace("DIR", shown_path(agency))
            found[f"{one.id}: {text}"] = None
        elif one.outcome == "unwritable":
            found["A file cannot be removed. Let this account write to the folder quarantine/."] = (
                None
            )
    return list(found)
