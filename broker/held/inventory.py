"""Inventory of held items: one reading of state and folders, for every place that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.participant import Participant
from broker.held.import_folder import entries_not_taken, leftovers, own_inside
from broker.held.items import KINDS, HeldCount, HeldGroup, HeldItem
from broker.held.quarantine_folder import file_id, held_files
from broker.observing.metrics import HeldKind
from broker.receiving.retry_later import EQUIVOCATION
from broker.store.transaction import Transaction
from broker.tlog.checkpoint import Place

SENT_WITHIN_MS: Final = 60_000
"""Events that Kafka has not acknowledged for this long are held; before, they are in transit."""
MOST: Final = 1_000_000
"""Limit for a statement that needs one; the quotas of all senders are far below it."""


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of an agency in which items can be held.

    Attributes:
        done_marker: ending of the done marker of exports; None if there are no markers.
    """

    import_: Path
    processed: Path
    quarantine: Path
    inbox: Path
    done_marker: str | None = None

    @property
    def written(self) -> tuple[Path, ...]:
        """Return those that the adapter writes to."""
        return (self.inbox, self.processed, self.quarantine)


def held_folders(participant: Participant) -> Folders:
    """Return the folders of a loaded agency."""
    folders = participant.config.folders
    return Folders(
        participant.path(folders.import_),
        participant.path(folders.processed),
        participant.path(folders.quarantine),
        participant.path(folders.inbox),
        participant.config.export_marker,
    )


def held_in_folders(folders: Folders, now: int, *, with_reasons: bool) -> list[HeldItem]:
    """Return everything that is held in a folder.

    Args:
        folders: folders of the agency.
        now: ms.
        with_reasons: whether to read the reason files.
    """
    found = held_files(folders.quarantine, with_reasons=with_reasons)
    ours = own_inside(folders.import_, folders.processed, folders.quarantine)
    found += entries_not_taken(folders.import_, ours, now, folders.done_marker)
    for path in leftovers(folders.written, now):
        since_ms = path.lstat().st_mtime_ns // 1_000_000 if path.exists() else now
        id_ = file_id("temporary", path.name)
        detail = "The adapter removes it when it starts, or when it is retried."
        found.append(HeldItem("temporary", id_, since_ms, "left_over", detail, path.parent.name))
    return found


def held_items(tx: Transaction, folders: Folders, now: int) -> list[HeldItem]:
    """Return everything that is held, by kind and age.

    Args:
        tx: the agency's state.
        folders: its folders.
        now: ms.
    """
    found: list[HeldItem] = []
    for row in tx.quarantine.list("held", MOST):
        agency = row.agency
        place = f"{row.topic} {row.partition}"
        found.append(
            HeldItem("record", str(row.id), row.added_ms, row.code, row.detail, place, agency)
        )
    for row in tx.quarantine.list("waiting", MOST):
        id_, place = f"unconfirmed-{row.id}", f"{row.topic} {row.partition}"
        found.append(
            HeldItem("unconfirmed", id_, row.added_ms, row.code, row.detail, place, row.agency)
        )
    found += _senders(tx)
    for event in tx.inbox.held(MOST):
        found.append(
            HeldItem(
                "event",
                f"event-{event.seq}",
                event.held_ms,
                event.code,
                event.detail,
                event.type,
                event.source,
                event.event_id,
                event.field,
            )
        )
    found += _waiting_for_kafka(tx, now)
    found += _sealed_again(tx)
    found += _rows(tx)
    return found + held_in_folders(folders, now, with_reasons=True)


def held_groups(tx: Transaction, folders: Folders, now: int) -> list[HeldGroup]:
    """Return the same as `held_items` by kind, code and agency, counted in the state.

    Args:
        tx: the agency's state.
        folders: its folders.
        now: ms.
    """
    stored: dict[HeldKind, list[tuple[str, str, int, int]]] = {
        "record": tx.quarantine.counts("held"),
        "unconfirmed": tx.quarantine.counts("waiting"),
        "event": tx.inbox.held_counts(),
    }
    found = [
        HeldGroup(kind, code, agency, count, oldest_ms)
        for kind, counts in stored.items()
        for code, agency, count, oldest_ms in counts
    ]
    items = [*_senders(tx), *_waiting_for_kafka(tx, now), *_sealed_again(tx)]
    items += [*_rows(tx), *held_in_folders(folders, now, with_reasons=True)]
    return found + _grouped(items)


def groups_by_kind(groups: Iterable[HeldGroup]) -> dict[HeldKind, HeldCount]:
    """Return the number of each kind, including kinds without any."""
    found: dict[HeldKind, HeldCount] = dict.fromkeys(KINDS, HeldCount())
    for one in groups:
        before = found[one.kind]
        oldest = one.oldest_ms if before.oldest_ms is None else min(before.oldest_ms, one.oldest_ms)
        found[one.kind] = HeldCount(before.count + one.count, oldest)
    return found


def held_counts(tx: Transaction, files: Iterable[HeldItem], now: int) -> dict[HeldKind, HeldCount]:
    """Return the same as ``counted`` without reading the items, for a metric that is read often.

    Args:
        tx: the agency's state.
        files: result of ``held_in_folders``, which may be cached.
        now: ms.
    """
    found = groups_by_kind(_grouped([*files, *_senders(tx)]))
    inbox = tx.inbox.counts()
    found["event"] = HeldCount(inbox.held, inbox.oldest_held_ms)
    found["record"] = HeldCount(*tx.quarantine.held())
    found["unconfirmed"] = HeldCount(*tx.quarantine.waiting()[:2])
    waiting = tx.outbox.waiting_since(now - SENT_WITHIN_MS)
    again, oldest = tx.outbox.held_count()
    times = [since for _, _, since in waiting] + ([] if oldest is None else [oldest])
    found["row"] = HeldCount(*tx.refused_rows.count())
    found["outbox"] = HeldCount(len(waiting) + again, min(times, default=None))
    return found


def _grouped(items: Iterable[HeldItem]) -> list[HeldGroup]:
    found: dict[tuple[HeldKind, str, str | None], tuple[int, int]] = {}
    for one in items:
        key = one.kind, one.code, one.agency
        count, oldest_ms = found.get(key, (0, one.since_ms))
        found[key] = count + 1, min(oldest_ms, one.since_ms)
    return [HeldGroup(*key, *counts) for key, counts in found.items()]


def _waiting_for_kafka(tx: Transaction, now: int) -> list[HeldItem]:
    detail = "Kafka has not acknowledged these events; they are stored and sent again."
    return [
        HeldItem("outbox", f"outbox-{topic}", since_ms, "unsent", detail, topic, count=events)
        for topic, events, since_ms in tx.outbox.waiting_since(now - SENT_WITHIN_MS)
    ]


def _sealed_again(tx: Transaction) -> list[HeldItem]:
    return [
        HeldItem(
            "outbox",
            f"outbox-{again.event_id}",
            again.held_ms,
            again.code,
            "No recipient can open this event in its sealed form. Drop its export into the "
            "import folder again, or send its HTTP request again with the same key, or "
            "set the state of its row in the outbox table to NULL: it is sealed again, under "
            "the same id.",
            again.topic,
            event_id=again.event_id,
        )
        for again in tx.outbox.held(MOST)
    ]


def _rows(tx: Transaction) -> list[HeldItem]:
    return [
        HeldItem(
            "row",
            f"row-{refused.number}",
            refused.held_ms,
            refused.code,
            refused.detail,
            refused.item,
            field=refused.field,
        )
        for refused in tx.refused_rows.list(MOST)
    ]


def _senders(tx: Transaction) -> list[HeldItem]:
    found: list[HeldItem] = []
    stopped = {Place(*where) for where in tx.reader.stopped()}
    for row in tx.reader.all_deferred():
        place = Place(row.agency, row.topic, row.partition)
        kind: HeldKind = "deferred"
        detail = "The record is judged again when time passes or news arrive."
        if row.reason == EQUIVOCATION or place in stopped:
            kind, detail = "stopped", "Two signed texts of this sender contradict each other."
            stopped.discard(place)
        found.append(_sender(kind, place, row.since_ms, row.reason, detail))
    for place in sorted(stopped):
        detail = "Two signed texts of this sender contradict each other."
        found.append(_sender("stopped", place, 0, EQUIVOCATION, detail))
    return found


def _sender(kind: HeldKind, place: Place, since_ms: int, code: str, detail: str) -> HeldItem:
    agency, topic, partition = place
    id_ = f"{kind}-{agency}/{topic}/{partition}"
    return HeldItem(kind, id_, since_ms, code, detail, f"{topic} {partition}", agency)
