"""Answers from the disclosure log as tables for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence

from broker.audit.log import LogHead
from broker.cli.times import instant
from broker.operations.log_answer import LogAnswer, LogEntry, LoggedLeftOut, ReceivedField
from broker.utc_text import moment

RECEIVED_COLUMNS = (
    "when", "received by", "field", "clause", "contract", "type", "from", "as", "by", "reason",
    "event",
)  # fmt: skip
ENTRY_COLUMNS = ("when", "what", "type", "from", "to", "details", "by", "reason", "event")

_DIGITS = 12
"""Shown digits of a digest; JSON has all."""


def checked(head: LogHead) -> str:
    """Return the result of the verification: what was checked, and what was not."""
    if head.covered:
        return (
            f"verified: {_number(head.size)}; {_number(head.signed_size)} covered by a signed head"
        )
    return (
        f"chain intact: {head.size} entries were recomputed; no signed head covers "
        f"{_entries(head.signed_size, head.size - 1)} yet"
    )


def _number(entries: int) -> str:
    return f"{entries} {'entry' if entries == 1 else 'entries'}"


def head_json(head: LogHead) -> dict[str, object]:
    """Return the result of the verification, for scripts."""
    return {
        "entries": head.size,
        "signed": head.signed_size,
        "root": head.root.hex(),
        "verified": head.covered,
        "not_signed": None if head.covered else [head.signed_size, head.size - 1],
    }


def received_rows(answer: LogAnswer) -> list[Sequence[str]]:
    """Return the recipients of each field, and the fields that were left out."""
    rows: list[Sequence[str]] = [
        (
            moment(one.entry.time_ms),
            one.recipient,
            one.path,
            one.clause,
            one.contract,
            one.entry.type,
            one.entry.source,
            one.entry.kind,
            actor_text(one.entry),
            one.entry.stated,
            one.entry.event_id,
        )
        for one in answer.received
    ]
    rows += [
        (moment(one.entry.time_ms), f"not {one.agency}" if one.agency else "none", one.path,
         one.reason, "", one.entry.type, "", "left out", actor_text(one.entry), "",
         one.entry.event_id)
        for one in answer.left_out
    ]  # fmt: skip
    return rows


def entry_rows(entries: Sequence[LogEntry]) -> list[Sequence[str]]:
    """Entries, one a line."""
    return [
        (
            moment(one.time_ms),
            one.kind,
            one.type,
            one.source,
            ", ".join(one.recipients),
            _details(one),
            actor_text(one),
            one.stated,
            one.event_id,
        )
        for one in entries
    ]


def actor_text(entry: LogEntry) -> str:
    """Return the actor, and for whom the actor works."""
    if entry.acting_for:
        return f"{entry.operator} acting for {entry.acting_for}"
    return entry.operator


def answer_json(answer: LogAnswer) -> dict[str, object]:
    """The whole answer for scripts."""
    return {
        "log": head_json(answer.head),
        "received": [_received_json(one) for one in answer.received],
        "left_out": [_left_out_json(one) for one in answer.left_out],
        "entries": [_entry_json(one) for one in answer.entries],
        "older": answer.more,
    }


def _entries(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"


def _details(entry: LogEntry) -> str:
    parts: list[str] = []
    if entry.about:
        parts.append({"log": "this log", "sealed_record": "a sealed record"}[entry.about])
    if entry.item:
        parts.append(entry.item)
    if entry.settings:
        parts.append(" ".join(entry.settings))
        parts.append(f"from {entry.settings_before[:_DIGITS]} to {entry.settings_after[:_DIGITS]}")
    parts += [f"{name} {text}" for name, text in entry.filter.items()]
    if entry.joined:
        parts.append(f"with {', '.join(entry.joined)}")
    if entry.code and not entry.stated_code:
        parts.append(entry.code)
    parts += [f"not {agency}: {code}" for agency, code in entry.not_sealed.items()]
    if entry.clause:
        parts.append(f"clause {entry.clause}")
    if entry.count is not None:
        parts.append(f"{entry.count} removed")
    return ", ".join(parts)


def _of_entry(entry: LogEntry) -> dict[str, object]:
    return {
        "entry": entry.index,
        "time": instant(entry.time_ms),
        "operator": entry.operator,
        "acting_for": entry.acting_for,
        "reason_text": entry.reason,
        "signed": entry.covered,
    }


def _received_json(one: ReceivedField) -> dict[str, object]:
    return {
        **_of_entry(one.entry),
        "recipient": one.recipient,
        "field": one.path,
        "clause": one.clause,
        "contract": one.contract,
        "contract_sha256": one.contract_hash,
        "type": one.entry.type,
        "source": one.entry.source,
        "event": one.entry.event_id,
        "kind": one.entry.kind,
    }


def _left_out_json(one: LoggedLeftOut) -> dict[str, object]:
    return {
        "entry": one.entry.index,
        "time": instant(one.entry.time_ms),
        "field": one.path,
        "reason": one.reason,
        "type": one.entry.type,
        "event": one.entry.event_id,
        **({"agency": one.agency} if one.agency else {}),
    }


def _entry_json(one: LogEntry) -> dict[str, object]:
    return {
        **_of_entry(one),
        "kind": one.kind,
        "type": one.type,
        "source": one.source,
        "event": one.event_id,
        "recipients": list(one.recipients),
        "not_sealed": [
            {"agency": agency, "reason": code} for agency, code in one.not_sealed.items()
        ],
        "code": one.code,
        "clause": one.clause,
        "about": one.about,
        "joined": list(one.joined),
        "count": one.count,
        "item": one.item,
        "settings": list(one.settings),
        "settings_before": one.settings_before,
        "settings_after": one.settings_after,
        "filter": dict(one.filter),
        "reason_removed": one.reason_removed,
    }
