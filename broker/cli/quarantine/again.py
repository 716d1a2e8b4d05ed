"""Behind ``concordant quarantine retry``: each id to what tries it again, in the order given."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

from broker.audit.actor import Actor
from broker.cli.quarantine.held import Quarantine
from broker.cli.quarantine.retries import Outcome, Retries
from broker.held import retrying
from broker.held.inventory import held_folders
from broker.held.retrying import Retried, outcome_of_event, retry_held

RECORD: Final = re.compile(rf"(?:[1-9][0-9]{{0,17}}|{retrying.ID.pattern})\Z")
"""An id: the number of a record, or a kind and what follows it."""
_POLL_S: Final = 0.1

Tried: TypeAlias = "Outcome | Retried"


def retry_all(
    quarantine: Quarantine, ids: Sequence[str], actor: Actor, wait_s: float, now: int
) -> list[Tried]:
    """Try each again.

    Args:
        quarantine: the agency's.
        ids: as ``quarantine list`` gives them.
        actor: who asks, and why.
        wait_s: how long to wait until the running adapter has tried the events.
        now: ms.

    Raises:
        ConcordantError: the agency's secret cannot be had, or its state not be written.
        OSError: a file cannot be moved.
    """
    participant, store = quarantine.participant, quarantine.store
    records: Retries | None = None
    found: list[Tried] = []
    for id_ in ids:
        if id_.isdigit():
            records = records or Retries(participant, store, actor)
            found.append(records.retry(int(id_), now))
            continue
        found.append(retry_held(store, held_folders(participant), id_, now))
    return _waited(quarantine, found, wait_s)


def _waited(quarantine: Quarantine, found: list[Tried], wait_s: float) -> list[Tried]:
    until = time.monotonic() + wait_s
    while any(one.outcome == "released" for one in found) and time.monotonic() < until:
        time.sleep(_POLL_S)
        with quarantine.store.reading() as tx:
            found = [
                outcome_of_event(tx, str(one.id)) if one.outcome == "released" else one
                for one in found
            ]
    return found
