"""Corrections of a referral by its sender: new values, and fields that were withdrawn.

A referral's page shows them beside the first values, so that no person acts on a value that was
corrected since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.operations.desk.history import HistoryItem
from broker.operations.desk.shown_fields import ShownField


@dataclass(frozen=True, slots=True)
class FieldCorrection:
    """The latest correction of one field.

    Attributes:
        field: the field with its new values; None if it was withdrawn.
        time_ms: when the correction was sealed.
    """

    field: ShownField | None
    time_ms: int


def corrections_of(
    made: HistoryItem, items: Sequence[HistoryItem]
) -> Mapping[str, FieldCorrection]:
    """Return the latest correction of each field of a referral.

    Corrections of the sender count. Those of the other side stay in the history only. A value that
    is repeated as it was corrects nothing.

    Args:
        made: the event that made the referral.
        items: events of the referral and of its case, oldest first.
    """
    first = {field.path: field.values for field in made.fields}
    found: dict[str, FieldCorrection] = {}
    for item in items:
        if item.source != made.source or item.about != (made.source, made.event_id):
            continue
        for path in item.withdrawn:
            found[path] = FieldCorrection(None, item.time_ms)
        for field in item.corrected:
            if field.path in found or field.values != first.get(field.path):
                found[field.path] = FieldCorrection(field, item.time_ms)
    return found


def with_added(
    made: HistoryItem, corrections: Mapping[str, FieldCorrection]
) -> tuple[ShownField, ...]:
    """Return the fields of a referral, and after them those that only a correction states."""
    known = {field.path for field in made.fields}
    added = [
        replace(one.field, values=())
        for path, one in corrections.items()
        if path not in known and one.field is not None
    ]
    return (*made.fields, *added)
