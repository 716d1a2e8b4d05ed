"""Texts, JSON and files of ``concordant event``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from broker.audit.evidence import (
    MAX_EVIDENCE_BYTES,
    Evidence,
    format_evidence,
    parse_evidence,
)
from broker.cli.output import printable, write_file
from broker.cli.times import instant
from broker.errors import ConfigError
from broker.operations.trial import TrialRefusal, TrialResult
from broker.record import Record, format_record
from contracts.bounded_file import read_bounded

if TYPE_CHECKING:
    from broker.operations.event_evidence import CheckedEvidence
    from broker.operations.unopened_events import UnopenedEvent
    from broker.operations.waiting_copies import WaitingCopy


# --- seal -----------------------------------------------------------------------------------------


def trial_line(result: TrialResult) -> bytes:
    """A line of ``event seal``: a record and what was left out of the event, or a refusal."""
    if isinstance(result, TrialRefusal):
        told: dict[str, object] = {"refused": result.code, "detail": result.detail}
        if result.suggestions:
            told["suggestions"] = [
                {"for": name, "known": list(known)} for name, known in result.suggestions.items()
            ]
        return orjson.dumps(told)
    record = format_record(result.record)
    told = {
        name: [one.as_json() for one in found]
        for name, found in (("left_out", result.left_out), ("not_sealed", result.not_sealed))
        if found
    }
    if not told:
        return record
    return record.removesuffix(b"}") + b"," + orjson.dumps(told).removeprefix(b"{")


def copy_json(one: WaitingCopy) -> dict[str, object]:
    """Return an event that waits for an agency, for scripts."""
    return {
        "event": one.event_id,
        "recipient": one.agency,
        "type": one.type,
        "reason": one.reason,
        "since": instant(one.added_ms),
        "until": instant(one.expires_ms),
        "due": None if one.due_ms is None else instant(one.due_ms),
        "served": "later",
        "at": "sender",
    }


def unopened_json(one: UnopenedEvent) -> dict[str, object]:
    """Return an event that was sent to an agency after its part had ended, for scripts."""
    return {
        "event": one.event_id,
        "recipient": one.agency,
        "type": one.type,
        "reason": one.reason,
        "since": None if one.sent_ms is None else instant(one.sent_ms),
        "until": None if one.expires_ms is None else instant(one.expires_ms),
        "due": None,
        "served": one.served,
        "at": "kafka",
    }


# --- evidence -------------------------------------------------------------------------------------


def checked_lines(checked: CheckedEvidence) -> Iterable[dict[str, object]]:
    """For scripts, one a link."""
    for link in checked.every:
        line: dict[str, object] = {"link": link.name, "ok": link.holds, "detail": link.detail}
        yield line if link.holds else {**line, "code": link.code}


def checked_text(checked: CheckedEvidence) -> str:
    """For people, one line a link."""
    width = max(len(link.name) for link in checked.every)
    return "".join(
        f"{'OK' if link.holds else 'NO':4}{link.name:{width}}  {link.detail}"
        f"{'' if link.holds else f' ({link.code})'}\n"
        for link in checked.every
    )


def for_people() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def title(evidence: Evidence) -> str:
    """Return the heading of the links."""
    return printable(f"event {evidence.event} of {evidence.agency}\n")


def load_evidence(file: Path) -> Evidence:
    """Read a document.

    Raises:
        EvidenceError: `evidence_malformed`.
        ConfigError: `input_unreadable`.
    """
    return parse_evidence(
        read_bounded(
            file, MAX_EVIDENCE_BYTES, ConfigError, code="input_unreadable", what="evidence"
        )
    )


def save_evidence(evidence: Evidence, file: Path) -> None:
    """Write a document.

    Raises:
        ConfigError: `output_unwritable`.
    """
    write_file(file, format_evidence(evidence), "evidence")


def save_record(record: Record, file: Path) -> None:
    """Write a sealed record as a line, as `event verify` and ``--record`` read it.

    Raises:
        ConfigError: `output_unwritable`.
    """
    write_file(file, format_record(record) + b"\n", "record")
