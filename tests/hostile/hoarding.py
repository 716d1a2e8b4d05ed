"""A party that makes others keep: records at made-up places with made-up nodes, and what they cost.

`python -m tests.hostile.hoarding` measures a reader before and after 13,000 such records (60 MB):
bytes of its state, memory, what one look of the watch costs when nothing happens, alarm lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from broker.envelope.primitives import sha256
from broker.record import Record
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import signed_checkpoint
from broker.tlog.merkle import leaf_hash
from broker.tlog.note import NoteSigner
from broker.tlog.proof import format_proof
from tests.hostile.witness import Witness, honest
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import COUNCIL, NOW, POLICE, SECOND, SUPPORT, founded
from tests.support.sent_records import record

FAR = 2**63 - 2**13
"""An index with 50 set bits, so that a record at it shows 50 nodes."""


@cache
def value_for_another() -> bytes:
    """A referral that is not addressed to the reader: it has its place and goes nowhere."""
    return draft_event(to=(SUPPORT,)).value()


def far_record(
    generation: str,
    index: int,
    nodes: list[bytes],
    *,
    agency: str = POLICE,
    partition: int = 0,
    at: int = NOW,
    signer: NoteSigner | None = None,
    value: bytes | None = None,
) -> Record:
    """A record that is the last of a log of ``index + 1``, with any nodes on its left.

    Args:
        generation: the name of the log.
        index: where.
        nodes: one for each set bit of ``index``, largest subtree first.
        agency, partition, at, signer, value: whose, where, when, under which key, and what.
    """
    world = founded()
    topic = world.topic("a")
    value = value_for_another() if value is None else value
    root = leaf_hash(value)
    for node in reversed(nodes):
        root = sha256(b"\1" + node + root)
    origin = Origin(world.deployment, agency, topic, partition, generation).format()
    key = signer or world.cosigner(agency)
    text = signed_checkpoint(key, at // SECOND, Checkpoint(origin, index + 1, root))
    return record(value, format_proof(index, nodes[::-1], text), topic, partition)


def made_up(generation: str, index: int) -> list[bytes]:
    """Nodes that nothing hashes to; subtrees that two indices share are the same."""
    places = (index >> bit << bit for bit in range(62, -1, -1) if index >> bit & 1)
    return [sha256(b"%s/%d" % (generation.encode(), place)) for place in places]


def hoard(
    count: int, *, each: int = 1000, scattered: bool = False, partition: int = 0
) -> Iterator[Record]:
    """Records of which each opens a gap: ``each`` of them in one generation after another.

    The indices of one generation share most of their nodes, or with ``scattered`` hardly any.
    """
    for number in range(count):
        generation = f"{NOW + 1 + number // each:016x}-{number // each:032x}"
        at = number % each
        index = (at + 1) << 50 | 2**50 - 2**7 if scattered else FAR + 2 * at
        yield far_record(generation, index, made_up(generation, index), partition=partition)


def stored_bytes(reader: Witness) -> int:
    """Bytes of what is held of streams, in the reader's database."""
    with sqlite3.connect(reader.database) as database:
        found = database.execute("SELECT sum(length(state)) FROM reader_states").fetchone()[0] or 0
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        if "reader_gaps" in tables:
            gaps = database.execute("SELECT sum(length(body) + 24) FROM reader_gaps").fetchone()[0]
            found += gaps or 0
    database.close()
    return found


def _rss_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _looks_ms(reader: Witness) -> float:
    reader.look()
    began = time.process_time()
    for _ in range(20):
        reader.clock.pass_(1000)
        reader.look()
    return (time.process_time() - began) / 20 * 1000


def _told(what: str, reader: Witness, more: dict[str, object]) -> None:
    lines = len(reader.lines("alarm"))
    row = {"what": what, "state_bytes": stored_bytes(reader), "rss_mb": round(_rss_mb(), 1)}
    row |= {"look_ms": round(_looks_ms(reader), 2), "alarm_lines": lines}
    row["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(json.dumps(row | more))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=13_000)
    parser.add_argument("--kind", choices=("near", "scattered"), default="near")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reader = Witness(COUNCIL, Path(folder) / "parties")
        records = list(hoard(options.records, scattered=options.kind == "scattered"))
        size = sum(
            len(one.value or b"") + sum(len(v or b"") for _, v in one.headers) for one in records
        )
        _told("before", reader, {})
        began = time.process_time()
        for first in range(0, len(records), 500):
            reader.take(*records[first : first + 500], now=NOW + 60 * SECOND)
        took = time.process_time() - began
        more = {"sent_mb": round(size / 1e6, 1), "taking_s": round(took, 1)}
        began = time.process_time()
        for _ in range(10):
            reader.take(*records[-1:], now=NOW + 60 * SECOND)
        more["trickle_ms"] = round((time.process_time() - began) / 10 * 1000, 1)
        more["waits"], more["refused"] = reader.waits(), reader.noise()[:3]
        _told("after", reader, more)
        assert honest()
        reader.close()


if __name__ == "__main__":
    main()
