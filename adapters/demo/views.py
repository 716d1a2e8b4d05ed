"""One event as police, council, service and Kafka operator see it, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.demo.desk import Arrival, Desk
from adapters.demo.hosting import Seen

SHOWN: Sequence[str] = (
    "victim.name",
    "victim.address",
    "victim.phone",
    "victim.ethnicity",
    "victim.tenure",
    "victim.needs",
    "incident.strands",
    "incident.narrative",
    "alleged_perpetrators",
    "witnesses",
)
NOT_SHARED = "(not shared)"
_WIDTH = 34


def own_view(desk: Desk, arrival: Arrival, path: str) -> str:
    """Return a leaf in an agency's own column and terms, or a note that it is not shared."""
    column = desk.form.column(path, arrival.type)
    value = arrival.values.get(column, "")
    if value in ("", [], None):
        return NOT_SHARED
    text = " ".join(str(value).split())
    return f"{column}: {text[: _WIDTH - 1]}…" if len(text) > _WIDTH else f"{column}: {text}"


def withheld_columns(desk: Desk, arrival: Arrival) -> int:
    """Return how many of the agency's columns the record marks as not shared."""
    named = arrival.values.get(desk.mapping.document.roles.not_shared, "")
    if isinstance(named, str):
        separator = desk.mapping.document.roles.recipients_separator
        return len([name for name in named.split(separator) if name])
    return len(named) if isinstance(named, list) else 0


def side_by_side(
    desks: Mapping[str, Desk], arrivals: Mapping[str, Arrival]
) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows of the table of each agency's inbox folder."""
    columns = ["field", *arrivals]
    rows = [
        [path, *(own_view(desks[agency], a, path) for agency, a in arrivals.items())]
        for path in SHOWN
    ]
    counts = [f"columns: {withheld_columns(desks[a], one)}" for a, one in arrivals.items()]
    rows.append(["named as not shared", *counts])
    return columns, rows


def operators_view(seen: Seen) -> list[tuple[str, str]]:
    """Return everything that the Kafka operator sees of the same event."""
    record, sealed = seen.record, seen.sealed
    assert record.value is not None
    checkpoint = seen.proof.signed.checkpoint
    groups = ", ".join(f"{len(group.ciphertext):,}" for group in sealed.groups)
    return [
        ("topic, partition, offset", f"{record.topic}, {record.partition}, {record.offset}"),
        ("key", "none" if record.key is None else record.key.hex()),
        ("sender's stream", checkpoint.origin),
        ("signed checkpoint", f"index {seen.proof.index} of {checkpoint.size} in the sender's log"),
        ("event id, contract hash", f"{seen.event_id}, {sealed.contract.hex()[:16]}…"),
        ("recipients", f"{len(sealed.recipients)}, unnamed"),
        ("sealed groups, bytes", f"{len(sealed.groups)}: {groups}"),
        ("bytes in all", f"{seen.size:,}"),
        ("the beginning", record.value[57:89].hex(" ")),
    ]


def leaks(seen: Seen, texts: Sequence[str]) -> list[str]:
    """Return those texts that appear in what Kafka holds of an event; the list must be empty."""
    haystack = (seen.record.value or b"") + b"".join(
        name + (value or b"") for name, value in seen.record.headers
    )
    return [text for text in texts if text.encode() in haystack]
