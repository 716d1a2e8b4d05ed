"""Suggestions for a plain event with a name that the contract or its event type lacks.

They are only for the author of the event; a reader of records never uses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.events import PlainEvent
from contracts.model import Contract
from contracts.names import nearest

__all__ = ["suggestions"]

_MOST_RECIPIENTS = 64
_MOST = 12


def suggestions(
    contracts: Iterable[Contract], sender: str, event: PlainEvent, code: str
) -> Mapping[str, tuple[str, ...]]:
    """Return, for each name of the event that is not known, what can stand there instead.

    Args:
        contracts: those under which the sender may send.
        sender: its agency id.
        event: that was refused.
        code: of the refusal.
    """
    known = tuple(contracts)
    if code == "party_unknown":
        parties = {party.id for contract in known for party in contract.parties} - {sender}
        asked = dict.fromkeys(event.recipients[:_MOST_RECIPIENTS])
        return {one: _alike(one, parties) for one in asked if one not in parties}
    if code == "type_unknown":
        types = {name for contract in known for name in contract.event_types}
        return {event.type: _alike(event.type, types)}
    if code == "event_invalid":
        for contract in known:
            form = contract.vocabulary.event_types.get(event.type)
            found = None if form is None else form.allowed_instead(event.data)
            if found is not None:
                where, written, allowed = found
                return {where: _alike(written, allowed)}
    return {}


def _alike(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return known names that resemble one; if none does, all of them if they are few."""
    names = sorted(known)
    return nearest(name, names) or (tuple(names) if len(names) <= _MOST else ())
