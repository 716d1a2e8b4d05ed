"""Errors of the exchange with the agency's own system. A side shows them in its own form."""

from __future__ import annotations

from contracts.errors import ConcordantError


class ExchangeError(ConcordantError):
    """A request of the agency's own system that is not carried out. Nothing has changed.

    Its code is one of `request_malformed`, `idempotency_key_reused`, `event_unknown`,
    `event_ambiguous`, `result_malformed`, `result_too_early` and `result_conflict`. It names no
    value, because values are personal data.
    """

    code = "request_malformed"
