"""Detection of a record that replaces this agency's manifest on Kafka.

Every party may write to the manifests topic, with any record key. Kafka compacts the topic: it
keeps only the last record of each key. So a party can replace the manifest of this agency, and a
new party would not get the manifest. The adapter detects this and publishes the manifest again.
"""

from __future__ import annotations

from typing import Final

from broker.record import Record

PUT_BACK_AFTER_MS: Final = 10_000
"""Time in which our own manifest arrives; also the minimum time between two publications."""


class OwnRecord:
    """Last record with this agency's key in the manifests topic."""

    def __init__(self, agency: str) -> None:
        self._key = agency.encode()
        self._known = False
        self._offset = -1
        self._value: bytes | None = None
        self._since: int | None = None

    def read_anew(self) -> None:
        """Note that the topic is read from its beginning: a missing record shows afterwards."""
        self._known, self._offset, self._value = True, -1, None

    def met(self, record: Record) -> None:
        """Note a record of the topic, a removal (tombstone) too."""
        if record.key == self._key and record.offset >= self._offset:
            self._known, self._offset, self._value = True, record.offset, record.value

    @property
    def value(self) -> bytes | None:
        """The last record's value; None if there is none, or it was removed."""
        return self._value

    def displaced(self, newest: bytes, now: int) -> bool:
        """Return whether another record has replaced the manifest for at least ten seconds.

        Args:
            newest: this agency's newest manifest with its delegation.
            now: milliseconds since the epoch.
        """
        if not self._known or self._value == newest:
            self._since = None
            return False
        if self._since is None or now < self._since:
            self._since = now
        return now - self._since >= PUT_BACK_AFTER_MS

    def put_back(self, now: int) -> None:
        """Note that our manifest is published again."""
        self._since = now
