"""Texts of ``concordant quarantine discard``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from broker.cli.output import plain_table, shown_path
from broker.cli.times import moment
from broker.held.items import KINDS
from broker.operations.discarding import Discarded

_OUTBOX_STAYS = "Kafka has not taken these events yet; they are sent again by themselves."


def planned_table(planned: Sequence[Discarded]) -> str:
    """What is about to be discarded; the content of none."""
    rows = [
        (one.id, item.kind, moment(item.since_ms), item.agency or "", item.about, item.code)
        for one in planned
        if (item := one.item) is not None
    ]
    return plain_table(("id", "kind", "since", "from", "what", "code"), rows)


def result_rows(outcomes: Sequence[Discarded]) -> list[tuple[str, str, str]]:
    """One line for each."""
    return [(one.id, one.outcome, one.code or "") for one in outcomes]


def hints(outcomes: Sequence[Discarded], agency: Path) -> list[str]:
    """Why some are held still, each sentence once, with the next step."""
    found: dict[str, None] = {}
    for one in outcomes:
        if one.outcome == "needs_accepted":
            found[
                "An accepted event is data of another agency, and nobody here has it afterwards. "
                "Correct the mapping and retry; or tell the sender, and give --accepted-events."
            ] = None
        elif one.outcome == "stays" and one.item is not None:
            stays = KINDS[one.item.kind].stays or _OUTBOX_STAYS
            text = stays.replace(" ID ", f" {one.id} ").replace("DIR", shown_path(agency))
            found[f"{one.id}: {text}"] = None
        elif one.outcome == "unwritable":
            found["A file cannot be removed. Let this account write to the folder quarantine/."] = (
                None
            )
    return list(found)
