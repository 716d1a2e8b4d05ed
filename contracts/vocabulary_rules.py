"""Rules of a vocabulary in an officer's words: codes that close, and fields that an event needs.

They are not terms of an agreement, and bind its parties all the same, because the agreement pins
the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contracts.legal_codes import PartyKind, party_kind
from contracts.model import Contract
from contracts.parties import Party
from contracts.policy import granted_from
from contracts.vocabulary import EventType
from contracts.vocabulary.report import condition_in_words

__all__ = ["closed_codes", "needed_beside", "own_closed_codes", "own_conditions"]

_KINDS: Mapping[PartyKind, str] = {
    "competent-authority": "bodies that process for law enforcement",
    "public-authority": "other public authorities",
    "other": "organisations that are no public authority",
}


def _type(contract: Contract, event_type: str) -> EventType | None:
    return contract.vocabulary.event_types.get(event_type)


def closed_codes(contract: Contract, event_type: str, path: str) -> Iterator[str]:
    """Yield for each code of a field that some parties stop using: which, when and who."""
    of_type = _type(contract, event_type)
    if of_type is None:
        return
    for code, kinds in of_type.closed.get(path, {}).items():
        for kind, day in kinds.items():
            who = [party.id for party in contract.parties if party_kind(party) == kind]
            named = f": {', '.join(who)}" if who else ""
            yield (
                f"{_label(contract, of_type, path, code)} ({code}) may not be sent from {day} by "
                f"{_KINDS[kind]}{named}. Others go on, and what was sent before stays readable."
            )


def needed_beside(contract: Contract, event_type: str, path: str) -> Iterator[str]:
    """Yield when an event needs a field beside the value of another one, and the rule."""
    of_type = _type(contract, event_type)
    for one in () if of_type is None else of_type.conditions:
        if path in one.required:
            assert of_type is not None
            when = condition_in_words(contract.vocabulary.form, of_type, one)
            yield f"required if {when}. {one.text}"


def own_closed_codes(contract: Contract, party: Party) -> Iterator[str]:
    """Yield each code that a party has to stop using, with its day."""
    kind = party_kind(party)
    found = {
        (str(kinds[kind]), _label(contract, of_type, path, code), code)
        for name, paths in _sent(contract, party).items()
        if (of_type := _type(contract, name)) is not None
        for path, codes in of_type.closed.items()
        for code, kinds in codes.items()
        if path in paths and kind in kinds
    }
    for day, label, code in sorted(found):
        yield f"{day}: we stop sending {label} ({code})"


def own_conditions(contract: Contract, party: Party) -> Iterator[str]:
    """Yield each rule about fields that a party has to state beside other values, once."""
    found = {
        one.text
        for name, paths in _sent(contract, party).items()
        if (of_type := _type(contract, name)) is not None
        for one in of_type.conditions
        if one.field in paths and not paths.isdisjoint(one.required)
    }
    yield from sorted(found)


def _sent(contract: Contract, party: Party) -> Mapping[str, frozenset[str]]:
    others = [each.id for each in contract.parties if each.id != party.id]
    return {
        name: frozenset[str]().union(
            *(granted_from(contract, party.id, other, name) for other in others)
        )
        for name in contract.event_types
    }


def _label(contract: Contract, of_type: EventType, path: str, code: str) -> str:
    listed = of_type.leaves[path].form.value.code
    return contract.vocabulary.code_lists[listed].codes[code] if listed else code
