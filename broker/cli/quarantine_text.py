"""Texts and JSON of ``concordant quarantine``."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Final

from broker.cli.output import Row, plain_table, shown_path
from broker.cli.times import instant
from broker.errors import WrongInputError
from broker.held.items import KINDS, UNSENT_STAYS, HeldItem
from broker.operations.discarding import Discarded
from broker.operations.quarantined_records import (
    DiscardedEvent,
    HeldContent,
    HeldRecord,
    Unverified,
)
from broker.utc_text import moment
from contracts.hidden_characters import HIDDEN

EVENT: Final = re.compile(r"event-([1-9][0-9]{0,17})")


def record_json(record: HeldRecord) -> dict[str, object]:
    """A refused record, for scripts."""
    return {
        "kind": "record",
        "id": record.id,
        "since": instant(record.added_ms),
        "agency": record.agency,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "origin": record.origin,
        "index": record.index,
        "step": record.step,
        "code": record.code,
        "detail": record.detail,
        "status": record.status,
    }


def item_json(item: HeldItem) -> dict[str, object]:
    """Return a held item that is not a record, for scripts: a record's members, and its own."""
    return {
        "kind": item.kind,
        "id": item.id,
        "since": instant(item.since_ms),
        "agency": item.agency,
        "code": item.code,
        "detail": item.detail,
        "status": "held",
        "about": item.about,
        "event_id": item.event_id,
        "field": item.field,
        "count": item.count,
    }


def discarded_json(row: DiscardedEvent) -> dict[str, object]:
    """A discarded event, for scripts: the members of what is held."""
    return {
        "kind": "event",
        "id": f"event-{row.seq}",
        "since": instant(row.discarded_ms),
        "agency": row.source,
        "code": row.code,
        "detail": "",
        "status": "discarded",
        "about": row.type,
        "event_id": row.event_id,
        "field": None,
        "count": 1,
    }


def unverified_json(record: Unverified) -> dict[str, object]:
    """A record that failed steps 0 to 4, for scripts."""
    return {
        "seen": instant(record.seen_ms),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "code": record.code,
        "sha256": record.sha256.hex(),
    }


def unverified_table(records: Sequence[Unverified]) -> tuple[Row, list[Row]]:
    """Columns and rows of ``quarantine list --unverified``."""
    return ("seen", "topic", "partition", "offset", "code", "sha-256"), [
        (
            moment(row.seen_ms),
            row.topic,
            str(row.partition),
            str(row.offset),
            row.code,
            row.sha256.hex(),
        )
        for row in records
    ]


def held_table(
    records: Sequence[HeldRecord],
    others: Sequence[HeldItem],
    discarded: Sequence[DiscardedEvent],
) -> tuple[Row, list[Row]]:
    """Columns and rows of ``quarantine list``."""
    rows: list[Row] = [
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
        for row in records
    ]
    rows += [
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
    rows += [
        (
            f"event-{row.seq}",
            "event",
            moment(row.discarded_ms),
            row.source,
            row.type,
            row.code,
            "discarded",
            "",
        )
        for row in discarded
    ]
    return ("id", "kind", "since", "from", "what", "code", "status", "why"), rows


def planned_table(planned: Sequence[Discarded]) -> str:
    """Return the items to be discarded, without their content."""
    rows = [
        (one.id, item.kind, moment(item.since_ms), item.agency or "", item.about, item.code)
        for one in planned
        if (item := one.item) is not None
    ]
    return plain_table(("id", "kind", "since", "from", "what", "code"), rows)


def discarded_rows(outcomes: Sequence[Discarded]) -> list[tuple[str, str, str]]:
    """One line for each."""
    return [(one.id, one.outcome, one.code or "") for one in outcomes]


def discard_hints(outcomes: Sequence[Discarded], agency: Path) -> list[str]:
    """Return why some are still held, each sentence once, with the next step."""
    found: dict[str, None] = {}
    for one in outcomes:
        if one.outcome == "needs_accepted":
            found[
                "An accepted event is data of another agency, and no copy stays here. Correct "
                "the mapping and retry; or tell the sender, and give --accepted-events."
            ] = None
        elif one.outcome == "stays" and one.item is not None:
            stays = KINDS[one.item.kind].stays or UNSENT_STAYS
            text = stays.replace(" ID ", f" {one.id} ").replace("DIR", shown_path(agency))
            found[f"{one.id}: {text}"] = None
        elif one.outcome == "unwritable":
            found["A file cannot be removed. Let this account write to the folder quarantine/."] = (
                None
            )
    return list(found)


def require_terminal() -> None:
    """Refuse without a terminal, before anything is read or logged.

    Raises:
        WrongInputError: ``terminal_needed``.
    """
    if sys.stdout is None or not sys.stdout.isatty():
        raise WrongInputError(
            "What an event says is shown on a terminal only.",
            code="terminal_needed",
            fix="Give the command on a terminal, without > and without |.",
        )


def event_text(content: HeldContent) -> str:
    """Return why the event is held, and its content as JSON; hidden characters are escaped."""
    row, event = content.row, content.event
    facts = [
        ("event", event.id),
        ("type", event.type),
        ("from", event.source),
        ("our case", content.own_case or "not linked"),
        ("held since", moment(row.held_ms)),
        ("tries", str(row.tries)),
        ("code", row.code),
        ("field", row.field or ""),
        ("why", row.detail),
    ]
    said = dumps(event.as_json(), indent=2, ensure_ascii=False)
    said = HIDDEN.sub(lambda found: dumps(found[0])[1:-1], said)
    return plain_table(("", ""), facts).partition("\n")[2] + "\n" + said
