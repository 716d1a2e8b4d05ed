"""Words for each change between two versions of an agreement, for the officer who signs it.

The sentence of a change of disclosure names who reads or sends what, for which purpose, and on
which legal basis. Every other change names its place, the value before and the value after.
`contracts/comparison.py` says which changes there are.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.consent_needs import consent_needs
from contracts.differences import Difference, TermPath, TermValue
from contracts.legal_codes import codes_in, legal_codes
from contracts.model import Contract
from contracts.parties import key_fingerprint
from contracts.phrases import N_, Phrase, phrase
from contracts.terms import EventTerms, FieldTerms
from contracts.wording import flat

__all__ = ["Grounds", "change_in_words", "grounds", "reason_asked", "shown_value"]


def change_in_words(before: Contract, after: Contract, found: Difference) -> str:
    """Return one change in words, with all that is added, or removed, or changed.

    Args:
        before: the older version.
        after: the newer one.
        found: the difference.
    """
    return (
        _of_disclosure(before, after, found)
        or _retention(found)
        or reason_asked(found)
        or _plain(found)
    )


# --- who reads and who sends what -----------------------------------------------------------------


def _of_disclosure(before: Contract, after: Contract, found: Difference) -> str | None:
    """Return the sentence of a change of disclosure; None if the change is of another kind."""
    if found.kind not in {"added", "removed"}:
        return None
    added = found.kind == "added"
    contract = after if added else before  # what is removed stands in the older version only
    match found.path:
        case ("event_types", name, "publishers" | "recipients" as which, role):
            what = f"send {name}" if which == "publishers" else f"be sent {name}"
            return f"{role} may {'also' if added else 'no longer'} {what}"
        case ("event_types", name, "fields", leaf):
            return _field(contract, name, leaf, found)
        case ("event_types", name, "fields", leaf, member, item):
            return _item(contract, name, leaf, member, item, added=added)
    return None


def _item(
    contract: Contract, name: str, leaf: str, member: str, item: str, *, added: bool
) -> str | None:
    """Return the sentence of one item of a field's readers, consent or purposes."""
    terms = contract.event_types[name]
    field, of = terms.fields[leaf], _named(contract, name, leaf)
    if member == "readers":
        will = f"{item} will {'also' if added else 'no longer'} read {of}"
        return f"{will} ({_reasons(contract, terms, field, (item,))})" if added else will
    if member == "consent":
        consent = contract.vocabulary.scope_in_words(item)
        return f"{of} {'now' if added else 'no longer'} needs consent to {consent}"
    if member == "purposes":
        purpose = contract.purposes.get(item)
        text = f": {purpose.text}" if purpose is not None else ""
        return f"{of} may {'also' if added else 'no longer'} be used for {item}{text}"
    return None


def _field(contract: Contract, name: str, leaf: str, found: Difference) -> str:
    terms = contract.event_types[name]
    field = terms.fields[leaf]
    readers = ", ".join(field.readers)
    of = _named(contract, name, leaf)
    if found.kind == "removed":
        return f"{of} is removed; {readers} no longer read it"
    why = _reasons(contract, terms, field, field.readers)
    return f"{readers} will also read {of}, a new field ({why}). Its terms: {flat(found.after)}"


def _named(contract: Contract, name: str, leaf: str) -> str:
    """Return a field in the words of the vocabulary, with its path and event type."""
    of_type = contract.vocabulary.event_types.get(name)
    form = None if of_type is None or leaf not in of_type.leaves else of_type.leaves[leaf].form
    return f"{form.label}, {leaf} of {name}" if form and form.label else f"{leaf} of {name}"


@dataclass(frozen=True, slots=True)
class Grounds:
    """Grounds on which some roles read a field: names of purposes, codes of legal bases, scopes."""

    purposes: tuple[str, ...]
    bases: tuple[str, ...]
    scopes: tuple[str, ...]


def grounds(
    contract: Contract, terms: EventTerms, field: FieldTerms, readers: Iterable[str]
) -> Grounds:
    """Return purposes, legal bases and consent of a field for some of its readers.

    Args:
        contract: the agreement.
        terms: terms of the event type.
        field: terms of the field.
        readers: roles.
    """
    roles = frozenset(readers)
    bases = {
        code: None
        for basis in contract.legal_bases
        if basis.purpose in field.purposes and roles.intersection(basis.relied_on_by)
        for code in codes_in(basis.basis)
    }
    needs = consent_needs(contract, terms, field)
    scopes = dict.fromkeys(
        (*needs.everyone, *(need.scope for need in needs.by_role if need.role in roles))
    )
    return Grounds(tuple(field.purposes), tuple(bases), tuple(scopes))


def _reasons(
    contract: Contract, terms: EventTerms, field: FieldTerms, readers: Iterable[str]
) -> str:
    """Return purpose, legal basis and consent of a field for some of its readers."""
    found = grounds(contract, terms, field, readers)
    known = legal_codes("bases")
    named = [f"{code} ({known[code].label})" if code in known else code for code in found.bases]
    consent = ", ".join(map(contract.vocabulary.scope_in_words, found.scopes))
    parts = [
        f"{_noun('purpose', found.purposes)}: {', '.join(found.purposes)}",
        f"legal basis: {' and '.join(named) or 'none is named'}",
        f"only with consent to {consent}" if consent else "without consent",
    ]
    return "; ".join(parts)


def _noun(word: str, items: Sequence[str]) -> str:
    return word if len(items) == 1 else f"{word}s"


_KEPT = {
    "kafka_days": "{name} is kept on Kafka for {after} days; before, for {before}",
    "recipient_years": "recipients keep {name} for {after} years; before, for {before}",
}


def _retention(found: Difference) -> str | None:
    match found.path:
        case ("event_types", name, "retention", member) if member in _KEPT:
            return _KEPT[member].format(name=name, after=found.after, before=found.before)
    return None


def reason_asked(found: Difference) -> Phrase | None:
    """Return the sentence of a role that is asked for a reason, or is not asked any more."""
    if found.path[:1] != ("reason_asked_of",) or found.kind not in {"added", "removed"}:
        return None
    if found.kind == "added":
        said = N_("people of %(role)s state a reason before they see data of an event")
    else:
        said = N_("people of %(role)s no longer state a reason before they see data of an event")
    return phrase(said, role=found.path[-1])


# --- every other change ---------------------------------------------------------------------------


def _plain(found: Difference) -> str:
    at = _place(found.path)
    if found.kind == "reordered":
        return f"{at}: the order changed"
    if found.kind == "changed":
        old, new = (shown_value(found.path, value) for value in (found.before, found.after))
        return f"{at}: was {old}; becomes {new}"
    value = found.after if found.kind == "added" else found.before
    text = shown_value(found.path, value)
    verb = "is added" if found.kind == "added" else "is removed"
    if found.path and text == found.path[-1]:
        return f"{_place(found.path[:-1])}: {text} {verb}"
    return f"{at} {verb}: {text}"


def shown_value(path: TermPath, value: TermValue) -> str:
    """Return a value in words; a signing key by its fingerprint, to be compared by telephone."""
    if path[:1] != ("governance_keys",) or value is None:
        return flat(value)
    return _keys_shown(path[-1], value)


def _keys_shown(member: str, value: TermValue) -> str:
    if isinstance(value, dict):
        given = ((name, part) for name, part in value.items() if part is not None)
        return "; ".join(f"{name}: {_keys_shown(name, part)}" for name, part in given)
    return _fingerprint(member, value) if member in {"ed25519", "ml_dsa_65"} else flat(value)


def _fingerprint(member: str, key: TermValue) -> str:
    algorithm = member.replace("_", "-")
    return key_fingerprint("governance", algorithm, base64.b64decode(str(key)))


def _place(path: TermPath) -> str:
    if path[:1] == ("event_types",) and len(path) >= 2:
        rest = path[2:]
        if rest[:1] == ("fields",) and len(rest) >= 2:
            inner = " ".join(rest[2:]).replace("_", " ")
            return f"{path[1]}, field {rest[1]}" + (f", {inner}" if inner else "")
        inner = " ".join(rest).replace("_", " ")
        return path[1] + (f", {inner}" if inner else "")
    return " ".join(path).replace("_", " ") or "the whole agreement"
