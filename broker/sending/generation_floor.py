"""Lower limit of a new generation's name and log time (docs/spec/streams.md, "Generations").

Both must be above those of every generation of the stream that readers may have. That may be more
than this agency opened: an attacker with its key opens generations too, and a restored database
lacks some.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from broker.clock import MAX_CLOCK_JUMP_MS
from broker.judging.partition_state import parse_outline
from broker.sending.streams import Stream
from broker.store.rows import GenerationRow
from broker.store.transaction import Transaction
from broker.tlog.generation_links import opening_time

FURTHEST_OPENING_MS: Final = 2 * MAX_CLOCK_JUMP_MS
"""How far ahead of this clock an accepted generation may have been opened.

Its log time may be 5 minutes ahead, and its opening 5 minutes after that (docs/spec/opening.md,
step 2).
"""


def newest_seen(tx: Transaction, stream: Stream, last: GenerationRow, now: int) -> GenerationRow:
    """Return the newest generation: ours, or one that Kafka delivered under our name.

    An attacker's generation is the newest for each reader that met it. So is one of ours that a
    restored database lacks, if it was opened while our clock was ahead.
    """
    newest = tx.streams.current(stream.kafka_partition) or last
    head = tx.reader.state_head(stream.place)
    if head is None:
        return newest
    seen = parse_outline(head)
    name = max(newest.name, seen.newest)
    if opening_time(name) > now + FURTHEST_OPENING_MS:  # readers refuse it as well
        name = newest.name
    latest = min(seen.log_time, (now + MAX_CLOCK_JUMP_MS) // 1000)
    return replace(newest, name=name, log_time_s=max(newest.log_time_s, latest))
