"""Errors of a disclosure log or an entry, and of missing evidence."""

from __future__ import annotations

from contracts.errors import ConcordantError


class DisclosureLogError(ConcordantError):
    """The log differs from what was written and signed; the agency's auditor must act.

    Codes: `log_entry_altered`, `log_entry_missing`, `log_range_altered` (an entry was altered
    together with its hash), `log_checkpoint_invalid`, `log_head_altered`, `log_entry_invalid` (an
    entry that would hold something other than names and codes), `log_reason_altered` (a reason that
    is stored beside the log).

    Attributes:
        index: the first bad entry, counted from 0, if it is known.
    """

    code = "log_entry_altered"
    exit_code = 1

    def __init__(
        self, detail: str, *, code: str, index: int | None = None, fix: str | None = None
    ) -> None:
        super().__init__(
            detail,
            code=code,
            where=None if index is None else f"disclosure log, entry {index}",
            fix=fix or "keep the state folder as evidence and compare with a backup",
        )
        self.index = index


class EvidenceError(ConcordantError):
    """Post-quantum evidence of an event does not exist, or not yet; the answer is no.

    Codes: `event_unknown`, `event_ambiguous`, `event_not_sent`, `heartbeat_awaited` (the event is
    newer than the last kept heartbeat), `leaves_missing`, `evidence_malformed`, and those of the
    links (`broker.audit.evidence_verify`).
    """

    code = "event_unknown"
    exit_code = 1
