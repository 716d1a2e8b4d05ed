"""Faults that a running service waits out, and faults that end it."""

from __future__ import annotations

from typing import Final

from broker.errors import TransportError
from broker.waiting import out_of_descriptors
from contracts.errors import ConcordantError

MENDED_BY_WAITING: Final = frozenset(
    {"store_busy", "store_full", "signing_key_expired", "manifest_expired"}
)
"""Faults that others correct while the service runs: disk space, ``keys renew``."""


def require_waiting_helps(error: ConcordantError) -> None:
    """Raise an error that waiting cannot resolve, such as a lost lease or a clock jump."""
    if out_of_descriptors(error):
        return
    if not isinstance(error, TransportError) and error.code not in MENDED_BY_WAITING:
        raise error
