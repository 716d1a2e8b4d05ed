"""Client quotas: how much of Kafka one party may use, set by whoever hosts it.

One party that writes or reads as fast as it can would take the others' share of the network and the
disk. The limits are far above what agencies send; a client that exceeds them is slowed down, and
nothing is lost. Replays stay within half of what a party may write (broker/service/replaying.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PRODUCER_BYTES_A_SECOND: Final = 4 * 2**20
"""What one party may write to each node of Kafka in a second."""
CONSUMER_BYTES_A_SECOND: Final = 32 * 2**20
"""What one party may read: it reads what all the others write, and catches up after days."""

QUOTAS: Final[Mapping[str, float]] = {
    "producer_byte_rate": float(PRODUCER_BYTES_A_SECOND),
    "consumer_byte_rate": float(CONSUMER_BYTES_A_SECOND),
}
