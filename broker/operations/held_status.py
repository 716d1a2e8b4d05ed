"""Held items in the status of an agency: a line for each kind, and the number for each partner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.held.inventory import groups_by_kind
from broker.held.items import KINDS, HeldGroup
from broker.observing.metrics import HeldKind

__all__ = ["Held", "for_a_person", "held_lines"]


@dataclass(frozen=True, slots=True)
class Held:
    """Held items of one kind.

    ``codes`` counts the reasons; ``retry`` is the command that tries them again.
    """

    kind: HeldKind
    title: str
    count: int
    oldest_ms: int | None
    codes: dict[str, int]
    retry: str


def _decided(kind: HeldKind) -> bool:
    """Return whether a person decides on items of a kind."""
    return KINDS[kind].urgent and not KINDS[kind].stays


def for_a_person(groups: Sequence[HeldGroup]) -> dict[str, int]:
    """Return the number of items of each agency on which a person decides."""
    found: dict[str, int] = {}
    for one in groups:
        if one.agency and _decided(one.kind):
            found[one.agency] = found.get(one.agency, 0) + one.count
    return found


def held_lines(groups: Sequence[HeldGroup]) -> tuple[Held, ...]:
    """Return a line for each kind, also for those without an item."""
    counts = groups_by_kind(groups)
    return tuple(
        Held(
            name,
            kind.title,
            counts[name].count,
            counts[name].oldest_ms,
            _codes(groups, name),
            kind.retry,
        )
        for name, kind in KINDS.items()
    )


def _codes(groups: Sequence[HeldGroup], kind: HeldKind) -> dict[str, int]:
    """Return the number of items of a kind for each code, sorted."""
    found: dict[str, int] = {}
    for one in sorted(groups, key=lambda each: each.code):
        if one.kind == kind:
            found[one.code] = found.get(one.code, 0) + one.count
    return found
