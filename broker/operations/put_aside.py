"""List of everything that is put aside, without values: codes, positions, and what helps.

A file name or a key of the agency's own database may hold personal data, so that neither is in the
list. The id of an item names it for `quarantine list`, which shows more on a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from broker.agency.participant import Participant
from broker.codes.meanings import CODES, retry_helps
from broker.held.inventory import held_folders, held_items
from broker.held.items import KINDS, HeldItem
from broker.held.quarantine_folder import refused_rows
from broker.held.reason_file import RowReason
from broker.observing.metrics import HeldKind
from broker.store.transaction import Transaction
from contracts.phrases import N_, joined, phrase, phrases

NAMELESS: Final[frozenset[HeldKind]] = frozenset({"file", "rows", "row", "entry", "temporary"})
"""Kinds whose name is the agency's own and may hold personal data."""
_RETRIED: Final[frozenset[HeldKind]] = frozenset(
    {"record", "unconfirmed", "deferred", "event", "outbox", "file", "rows", "row", "entry",
     "temporary"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PutAside:
    """One item.

    Attributes:
        id: argument of `quarantine retry` and `quarantine discard`.
        kind: its kind.
        agency: the partner it comes from; None for our own.
        code: reason code.
        means: what the code means; empty if this software does not know it.
        helps: the advice of the code, in whole sentences.
        place: where it stands: topic, partition, position and step, or the field.
        count: number of rows or events that it stands for.
        since_ms: when it was first held; 0 if that is not known.
        event_id: id of an event, which is a random number.
        retried: whether a retry can be asked for here.
        retry_helps: whether a retry can help at all, by the advice of the code.
        discarded: whether a person may discard it.
        accepted: whether it was accepted from another agency, so that no copy stays after a
            discard.
        stays: why it cannot be discarded; empty if it can.
    """

    id: str
    kind: HeldKind
    agency: str | None
    code: str
    means: str
    helps: str
    place: str
    count: int
    since_ms: int
    event_id: str | None
    retried: bool
    retry_helps: bool
    discarded: bool
    accepted: bool
    stays: str


@dataclass(frozen=True, slots=True)
class PutAsideList:
    """A part of the list.

    Attributes:
        items: the items of the part, oldest first.
        total: number of items that the choice has.
        by_kind: number of items of each kind in the whole list; kinds without any are left out.
    """

    items: Sequence[PutAside]
    total: int
    by_kind: Mapping[HeldKind, int]


def put_aside(
    participant: Participant,
    tx: Transaction,
    now: int,
    *,
    kind: str = "",
    first: int = 0,
    most: int = 25,
) -> PutAsideList:
    """Return a part of everything that is put aside, oldest first.

    Args:
        participant: the agency.
        tx: its state.
        now: milliseconds since the epoch.
        kind: only this kind; empty for all.
        first: number of items that are passed over.
        most: most items.
    """
    items = sorted(
        held_items(tx, held_folders(participant), now), key=lambda one: (one.since_ms, one.id)
    )
    chosen = [one for one in items if not kind or one.kind == kind]
    counts = Counter(one.kind for one in items)
    return PutAsideList(
        [_described(tx, one) for one in chosen[first : first + most]],
        len(chosen),
        {name: counts[name] for name in KINDS if counts[name]},
    )


def one_put_aside(participant: Participant, tx: Transaction, id_: str, now: int) -> PutAside | None:
    """Return one item by its id; None if it is not held any more."""
    for item in held_items(tx, held_folders(participant), now):
        if item.id == id_:
            return _described(tx, item)
    return None


def refused_rows_of(participant: Participant, id_: str) -> tuple[RowReason, ...]:
    """Return place and code of each refused row of an export; none if the item is no such rows."""
    return refused_rows(held_folders(participant).quarantine, id_)


def _described(tx: Transaction, item: HeldItem) -> PutAside:
    meaning = CODES.get(item.code)
    kind = KINDS[item.kind]
    waits = item.kind == "outbox" and item.event_id is None
    return PutAside(
        item.id,
        item.kind,
        item.agency,
        item.code,
        "" if meaning is None else N_(meaning.means),
        "" if meaning is None else N_(meaning.to_do),
        _place(tx, item),
        item.count,
        item.since_ms,
        item.event_id,
        item.kind in _RETRIED,
        retry_helps(item.code),
        not kind.stays and not waits,
        item.kind == "event",
        kind.stays
        or (
            N_("Kafka has not taken these events yet; they go out by themselves.") if waits else ""
        ),
    )


def _place(tx: Transaction, item: HeldItem) -> str:
    """Return where an item stands, in words and without a value."""
    if item.kind in {"record", "unconfirmed"}:
        row = tx.quarantine.get(int(item.id.removeprefix("unconfirmed-")))
        if row is not None:
            return phrase(
                "topic %(topic)s, partition %(partition)s, position %(index)s, step %(step)s",
                topic=row.topic,
                partition=row.partition,
                index=row.index,
                step=f"{row.step:g}",
            )
    parts = [] if item.kind in NAMELESS else [item.about]
    if item.field:
        parts.append(phrase("field %(field)s", field=item.field))
    if item.kind == "rows":
        parts.append(phrases("%(count)s row", "%(count)s rows", item.count, count=item.count))
    return joined(", ", (part for part in parts if part))
