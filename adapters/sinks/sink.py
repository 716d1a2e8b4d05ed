"""Interface of a sink, which takes one event under a stable key any number of times.

Delivery is at least once, and takes effect once: the inbox refuses repeats, and a delivery that is
tried again after a crash carries the same key. So a sink must treat a second delivery of the same
bytes as done.
"""

from __future__ import annotations

from typing import Protocol

from contracts.errors import ConcordantError


class SinkError(ConcordantError):
    """A delivery failed; the event stays in the inbox. The operator must act.

    Codes: sink_unavailable (the folder or system cannot be written), sink_conflict (the key was
    delivered before with other content), sink_key_invalid (not usable as a name).
    """

    code = "sink_unavailable"
    exit_code = 3


class Sink(Protocol):
    """Takes events in the agency's own format."""

    def deliver(self, key: str, suffix: str, content: bytes) -> str:
        """Hand over one event; when this returns, it is durable on the other side.

        Args:
            key: the event's id; the same event has the same key each time.
            suffix: file name ending of the format, for example ``.csv``.
            content: output of ``AgencyAdapter.from_event``.

        Returns:
            The sink's own reference, for the log; it holds no personal data.

        Raises:
            SinkError: nothing was delivered, or this key already has other content.
        """
