"""Which faults a running service waits out, because others mend them, and which end it."""

from __future__ import annotations

from typing import Final

from broker.errors import TransportError
from broker.waiting import out_of_descriptors
from contracts.errors import ConcordantError

MENDED_BY_WAITING: Final = frozenset(
    {"store_busy", "store_full", "signing_key_expired", "manifest_expired"}
)
"""Faults that others mend while the service runs: room on the disk, ``keys renew``."""


def require_waiting_helps(error: ConcordantError) -> None:
    """Raise what no waiting can mend: another relay took over, the clock jumped, damage."""
    if out_of_descriptors(error):
        return
    if not isinstance(error, TransportError) and error.code not in MENDED_BY_WAITING:
        raise error
