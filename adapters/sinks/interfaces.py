"""Interface of a sink: takes one event under a stable key, any number of times.

Delivery is at least once on the wire and once in effect at the sink: the inbox refuses repeats, and
a delivery that is tried again after a crash carries the same key. So a sink must treat a second
delivery of the same bytes as done.
"""

from __future__ import annotations

from typing import Protocol

from contracts.errors import ConcordantError


class SinkError(ConcordantError):
    """A delivery did not happen; the event stays in the inbox. The operator must act.

    Codes: sink_unavailable (the folder or system cannot be written), sink_conflict (the key was
    delivered before with other content), sink_key_invalid (not fit for a name).
    """

    code = "sink_unavailable"
    exit_code = 3


class Sink(Protocol):
    """Takes events in the agency's own format."""

    def deliver(self, key: str, suffix: str, content: bytes) -> str:
        """Hand over one event; when this returns it is durable on the other side.

        Args:
            key: the event's id; the same event has the same key each time.
            suffix: ending of the format with its dot, for example ``.csv``.
            content: what ``AgencyAdapter.from_event`` wrote.

        Returns:
            The sink's own reference, for the log; holds no personal data.

        Raises:
            SinkError: nothing was delivered, or other content is there under this key.
        """
