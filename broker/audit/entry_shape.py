"""Properties of an entry by which queries choose: kind, recipients and fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from broker.audit.entries import EntryKind, NewLogEntry

__all__ = ["EntryShape", "kind_of", "recipients_of", "shape_of"]


@dataclass(frozen=True, slots=True)
class EntryShape:
    """Kind, recipients and fields of an entry. Many entries share one shape.

    Attributes:
        kind: as ``kind_of`` returns it.
        recipients: as ``recipients_of`` returns them.
        paths: paths of the fields that the entry names, shared or left out.
    """

    kind: EntryKind
    recipients: frozenset[str]
    paths: frozenset[str]


def shape_of(entry: NewLogEntry) -> EntryShape:
    """Return the shape of an entry."""
    return EntryShape(kind_of(entry), recipients_of(entry), frozenset(_paths(entry)))


def kind_of(entry: NewLogEntry) -> EntryKind:
    """Return the kind of an entry for display.

    Earlier versions logged records from a partner as a disclosure; they are a collection.
    """
    if entry.kind == "disclosure" and entry.source is not None:
        return "collection"
    return entry.kind


def recipients_of(entry: NewLogEntry) -> frozenset[str]:
    """Return the agencies that got something, or to which a refused event was not sent."""
    return frozenset(
        (*(one for share in entry.shares for one in share.recipients), *entry.recipients)
    )


def _paths(entry: NewLogEntry) -> Iterator[str]:
    for share in entry.shares:
        yield from share.fields
    yield from entry.left_out
    for codes in entry.left_out_for.values():
        yield from codes
