"""What the broker asks of the areas that hold what agencies state about streams: protocols only.

Receipts are other agencies' word on a stream, heartbeats its sender's own. As in
`broker.store.areas`, every method may raise `StoreError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from broker.store.rows import HeadsRow, KeptHeadRow, ReceiptRow


class ReceiptsArea(Protocol):
    """Cosignatures of other agencies over checkpoints."""

    def add(
        self, origin: str, size: int, root: bytes, cosigner: str, time_s: int, text: bytes
    ) -> bool:
        """Whether it is new; of the same again the first is kept."""

    def times(self, origin: str, cosigner: str) -> list[tuple[int, int]]:
        """(row, time in s) of one agency's over a stream, by time."""

    def drop(self, rows: Sequence[int]) -> list[bytes]:
        """Forgets rows; returns their texts."""

    def drop_oldest(self, prefix: str, cosigner: str, count: int) -> list[tuple[str, bytes]]:
        """Forgets a cosigner's oldest rows over streams whose name begins with ``prefix``.

        Args:
            prefix: it ends in a slash.
            cosigner: agency id.
            count: at most so many rows.

        Returns:
            (origin, text) of each.
        """

    def sizes_of(self, cosigner: str) -> list[tuple[str, int, int]]:
        """(origin, bytes of texts and origins, rows) of one cosigner."""

    def cosigners(self, origin: str) -> list[str]:
        """Agencies of which a receipt over a stream is kept."""

    def origins(self, prefix: str, cosigner: str) -> list[str]:
        """Streams whose name begins with `prefix`, of which one agency's are kept, by name."""

    def pairs(self) -> list[tuple[str, str]]:
        """Every (origin, cosigner)."""

    def sizes(self) -> list[tuple[str, int, int]]:
        """(cosigner, bytes of texts and origins, rows)."""

    def best(self, origin: str, cosigner: str) -> ReceiptRow | None:
        """The one of the largest size."""

    def covering(self, origin: str, size: int, root: bytes) -> list[ReceiptRow]:
        """Those over exactly this checkpoint."""

    def from_size(self, origin: str, size: int) -> list[ReceiptRow]:
        """Those over a checkpoint of `size` or more, smallest first."""


class HeadsArea(Protocol):
    """The last heartbeat heard of each agency."""

    def save(self, agency: str, heard_ms: int, heads_json: str) -> None: ...
    def get(self, agency: str) -> HeadsRow | None: ...
    def all(self) -> list[HeadsRow]: ...


class HeartbeatsArea(Protocol):
    """Heartbeats kept as evidence (docs/spec/heartbeats.md, "Kept")."""

    def newest_size(
        self, agency: str, topic: str, partition: int, generation: str, key_id: bytes
    ) -> int:
        """The greatest size of a kept head of this generation and key; 0 if there is none."""

    def keep(
        self,
        agency: str,
        time_ms: int,
        note: bytes,
        key_id: bytes,
        heads: Sequence[tuple[str, int, str, int]],
    ) -> None:
        """Keeps a heartbeat for `heads`: (topic, partition, generation, size)."""

    def newest_bytes(self, agency: str, since_ms: int, limit: int) -> list[int]:
        """Sizes of an agency's last kept heartbeats from a time on, at most so many."""

    def covering(
        self, agency: str, topic: str, partition: int, generation: str, index: int
    ) -> list[KeptHeadRow]:
        """Kept heads above `index`, smallest first."""

    def note(self, heartbeat_id: int) -> bytes: ...
    def newest_sizes(
        self, agency: str, topic: str, partition: int, generation: str, key_id: bytes
    ) -> list[int]:
        """The two greatest sizes of kept heads of this generation and key, greatest first."""

    def drop_head(
        self, agency: str, topic: str, partition: int, generation: str, key_id: bytes, size: int
    ) -> None:
        """Forgets one head, and its heartbeat with its last one."""

    def drop_heads(
        self, agency: str, topic: str, partition: int, generation: str, key_id: bytes, since_ms: int
    ) -> None:
        """Forgets heads of this generation under this key from `since_ms` on."""

    def thin(self, before_ms: int) -> None:
        """Of heads from before, forgets those with a later one of their generation and key."""

    def drop_before(self, before_ms: int) -> None:
        """Forgets every head from before."""

    def count(self) -> int:
        """How many heartbeats are kept."""
