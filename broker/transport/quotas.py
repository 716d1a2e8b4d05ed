"""What one party should use of Kafka; a host that limits clients sets no less than this.

Replays stay within half of what a party may write (broker/service/replaying.py).
"""

from __future__ import annotations

from typing import Final

PRODUCER_BYTES_A_SECOND: Final = 4 * 2**20
"""What one party may write to each node of Kafka in a second."""
