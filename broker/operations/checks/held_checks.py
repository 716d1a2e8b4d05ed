"""Check of held items: an adapter without faults can hold items that a person must handle."""

from __future__ import annotations

from collections.abc import Iterator

from broker.agency.participant import Participant
from broker.held.inventory import counted, held_folders, held_items
from broker.held.items import KINDS
from broker.operations.checks.check import Check, passed, warned
from broker.receiving.persistence import NEARLY_FULL, QUARANTINE_BYTES, QUARANTINE_QUOTA, filled
from broker.store.database import open_existing
from contracts.durations import duration_text


def held_checks(participant: Participant, now: int) -> Iterator[Check]:
    """Nothing is put aside, or one line for each kind of it.

    Raises:
        StoreError: the state cannot be read.
    """
    database = participant.path(participant.config.state.database)
    if not database.exists():
        yield passed("held", "no state yet: nothing is held")
        return
    store = open_existing(database)
    try:
        with store.reading() as tx:
            items = held_items(tx, held_folders(participant), now)
            sizes = tx.quarantine.sizes()
    finally:
        store.close()
    for name, found in counted(items).items():
        if not found.count:
            continue
        kind = KINDS[name]
        since = (
            ""
            if not found.oldest_ms
            else f", the oldest for {duration_text(now - found.oldest_ms)}"
        )
        detail = f"{found.count} {kind.title}{since}"
        fix = f"concordant quarantine list --agency {participant.root}"
        if kind.urgent:
            yield Check("held", "fail", detail, fix, f"held_{name}")
        else:
            yield warned("held", detail, fix)
    for agency, size in sizes.items():
        part = filled(size)
        if part >= NEARLY_FULL:
            yield Check(
                "held",
                "fail" if part >= 1 else "warn",
                f"the quarantine of {agency} is {part:.0%} full: {size.records} of "
                f"{QUARANTINE_QUOTA} records, {size.size} of {QUARANTINE_BYTES} bytes",
                "retry what opens now, and discard what no retry can open: concordant quarantine "
                f"discard ID --reason TEXT --agency {participant.root}",
                "quarantine_full",
            )
    if not items:
        yield passed("held", "nothing is put aside")
