"""Both sides of a change between two versions, in plain words for the person who signs.

`contracts/comparison_words.py` names each term exactly, for the record. Here event types, laws,
days and lengths of time stand in words, and the sides mark what is removed and what is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final, Literal, TypeAlias

from contracts.comparison_summary import SummaryLine
from contracts.comparison_words import grounds, reason_asked, shown_value
from contracts.differences import Difference, TermPath, TermValue
from contracts.durations import duration_ms
from contracts.legal_codes import KINDS, codes_in, law_in_words, legal_codes
from contracts.model import Contract
from contracts.phrases import N_, Phrase, capitalised, day_words, joined, phrase, phrases
from contracts.wording import duration_words, field_label, flat, in_words, type_title

__all__ = ["MarkedText", "PlainChange", "SupportingFact", "plain_change"]

Mark: TypeAlias = Literal["", "removed", "added"]


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A piece of one side: it stays, or it is removed or added."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class SupportingFact:
    """Something that a person needs to judge a change: its name as code, and the text.

    Attributes:
        name: `event`, `purpose`, `basis` or `consent`.
        text: in words; empty if there is none.
    """

    name: Literal["event", "purpose", "basis", "consent"]
    text: str


@dataclass(frozen=True, slots=True)
class PlainChange:
    """A change in plain words.

    Attributes:
        title: what changes.
        old: the side of the older version; empty if it has nothing there.
        new: the side of the newer version; empty if it has nothing there.
        facts: event type, purposes, legal bases and consent of a change of disclosure.
    """

    title: Phrase
    old: tuple[MarkedText, ...] = ()
    new: tuple[MarkedText, ...] = ()
    facts: tuple[SupportingFact, ...] = ()


def plain_change(before: Contract, after: Contract, line: SummaryLine) -> PlainChange:
    """Return a line of a summary in plain words.

    Args:
        before: the older version.
        after: the newer one.
        line: the line.
    """
    found = line.changes[0].difference if len(line.changes) == 1 else None
    if found is None:
        text = line.text if isinstance(line.text, Phrase) else joined("", (line.text,))
        return PlainChange(capitalised(text.with_values(partial(_plain_text, before, after))))
    title, facts = _titled(before, after, found)
    if found.kind == "reordered":
        return PlainChange(phrase("%(title)s: the order changed", title=title))
    return PlainChange(title, *_sides(before, after, found), facts)


# --- the sides ------------------------------------------------------------------------------------


def _sides(
    before: Contract, after: Contract, found: Difference
) -> tuple[tuple[MarkedText, ...], tuple[MarkedText, ...]]:
    words = partial(_words, before, after, found.path)
    old, new = (_items(contract, found.path[:-1]) for contract in (before, after))
    if found.kind != "changed" and (old is not None or new is not None):
        return _listed(old or (), new or (), words, "removed"), _listed(
            new or (), old or (), words, "added"
        )
    left = () if found.before is None else (MarkedText(words(found.before), "removed"),)
    right = () if found.after is None else (MarkedText(words(found.after), "added"),)
    return left, right


def _items(contract: Contract, path: TermPath) -> Sequence[str] | None:
    """Return the list of ids at a path; None if there is none."""
    value: object = contract.model_dump(mode="json")
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    return None


def _listed(
    items: Sequence[str], others: Sequence[str], words: Callable[[TermValue], str], mark: Mark
) -> tuple[MarkedText, ...]:
    return tuple(MarkedText(words(one), "" if one in others else mark) for one in items)


# --- titles ---------------------------------------------------------------------------------------


def _titled(
    before: Contract, after: Contract, found: Difference
) -> tuple[Phrase, tuple[SupportingFact, ...]]:
    contract = before if found.kind == "removed" else after
    match found.path:
        case ("event_types", name, "fields", leaf, *rest):
            return _of_field(contract, name, leaf, rest, found)
        case ("event_types", name, *rest):
            return _of_type(name, rest, found), ()
        case ("reason_asked_of", *_):
            asked = reason_asked(found)
            return capitalised(_REASONS if asked is None else asked.with_values(in_words)), ()
        case (top, *_) if top in _TOP:
            return capitalised(_TOP[top]), ()
    return capitalised(_plain_path(before, after, found.path)), ()


def _of_type(name: str, rest: Sequence[str], found: Difference) -> Phrase:
    title = f"“{type_title(name)}”"
    if not rest:
        if found.kind == "added":
            return phrase("New kind of event: %(title)s", title=title)
        return phrase("Kind of event: %(title)s", title=title)
    moved = _ROLES_OF_TYPE.get((rest[0], found.kind))
    if moved is not None and len(rest) > 1:
        return phrase(moved, role=_upper(in_words(rest[1])), title=title)
    return joined(": ", (title, _rest(rest, found)))


def _of_field(
    contract: Contract, name: str, leaf: str, rest: Sequence[str], found: Difference
) -> tuple[Phrase, tuple[SupportingFact, ...]]:
    label = field_label(contract.vocabulary, name, leaf)
    if not rest and found.kind in _FIELDS:
        title = phrase(_FIELDS[found.kind], label=label)
        readers = contract.event_types[name].fields[leaf].readers
        return title, _facts(contract, name, leaf, readers)
    if rest[:1] == ["readers"] and found.kind in _READERS and len(rest) > 1:
        title = phrase(_READERS[found.kind], role=_upper(in_words(rest[1])), label=label)
        return title, _facts(contract, name, leaf, rest[1:])
    title = joined(": ", (_upper(label), _rest(rest, found)))
    return title, (SupportingFact("event", type_title(name)),)


def _facts(
    contract: Contract, name: str, leaf: str, readers: Iterable[str]
) -> tuple[SupportingFact, ...]:
    terms = contract.event_types[name]
    found = grounds(contract, terms, terms.fields[leaf], readers)
    return (
        SupportingFact("event", type_title(name)),
        SupportingFact("purpose", ", ".join(map(in_words, found.purposes))),
        SupportingFact("basis", joined("; ", map(law_in_words, found.bases))),
        SupportingFact("consent", ", ".join(_scope(contract, one) for one in found.scopes)),
    )


_REASONS: Final = N_("roles whose people state a reason before they see data of an event")
_ROLES_OF_TYPE: Final[Mapping[tuple[str, str], Phrase]] = {
    ("publishers", "added"): N_("%(role)s may also send %(title)s"),
    ("publishers", "removed"): N_("%(role)s may no longer send %(title)s"),
    ("recipients", "added"): N_("%(role)s may also be sent %(title)s"),
    ("recipients", "removed"): N_("%(role)s may no longer be sent %(title)s"),
}
_FIELDS: Final[Mapping[str, Phrase]] = {
    "added": N_("New field: %(label)s"),
    "removed": N_("Field removed: %(label)s"),
}
_READERS: Final[Mapping[str, Phrase]] = {
    "added": N_("%(role)s will also read: %(label)s"),
    "removed": N_("%(role)s will no longer read: %(label)s"),
}
_TOP: Final[Mapping[str, Phrase]] = {
    "review_on": N_("day of the next review"),
    "starts": N_("first day of the agreement"),
    "ends": N_("last day of the agreement"),
}
_MEMBERS: Final[Mapping[str, Phrase]] = {
    "retention.recipient_years": N_("time that recipients keep it"),
    "retention.kafka_days": N_("time that it stays on Kafka"),
    "service_levels.acknowledge_within": N_("time to acknowledge it"),
    "service_levels.respond_within": N_("time to answer it"),
    "service_levels.urgent_acknowledge_within": N_("time to acknowledge it if it is urgent"),
    "service_levels.urgent_respond_within": N_("time to answer it if it is urgent"),
    "readers": N_("roles that read it"),
    "senders": N_("roles that send it"),
    "purposes": N_("purposes"),
    "consent": N_("consent that it needs"),
    "incident_identifiers": N_("identifying fields of a record without a person"),
}


def _rest(rest: Sequence[str], found: Difference) -> str:
    """Return the part of a path after the event type or field in words."""
    if (whole := _MEMBERS.get(".".join(rest))) is not None:
        return whole
    if found.kind != "changed" and len(rest) > 1 and rest[0] in _MEMBERS:
        return _MEMBERS[rest[0]]
    return ", ".join(map(in_words, rest))


def _plain_path(before: Contract, after: Contract, path: TermPath) -> Phrase:
    words = [in_words(_plain_text(before, after, key)) for key in path]
    return joined(", ", words) if words else N_("the whole agreement")


# --- values ---------------------------------------------------------------------------------------


def _years(number: int) -> Phrase:
    return phrases("%(number)s year", "%(number)s years", number, number=number)


def _days(number: int) -> Phrase:
    return phrases("%(number)s day", "%(number)s days", number, number=number)


_COUNTED: Final[Mapping[str, Callable[[int], Phrase]]] = {
    "recipient_years": _years,
    "kafka_days": _days,
    "grace_days": _days,
}
_REGIMES: Final[Mapping[str, str]] = {
    "uk-gdpr": N_("UK GDPR"),
    "dpa2018-part3": N_("Data Protection Act 2018, Part 3"),
}
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:()\-]*[A-Za-z0-9)]")


def _words(before: Contract, after: Contract, path: TermPath, value: TermValue) -> str:
    """Return a value of an agreement in words; a signing key by its fingerprint."""
    if path[:1] == ("governance_keys",):
        return shown_value(path, value)
    if isinstance(value, dict):
        named = ((name, each) for name, each in value.items() if each is not None)
        return joined(
            "; ",
            (
                joined(": ", (in_words(name), _words(before, after, (*path, name), each)))
                for name, each in named
            ),
        )
    if isinstance(value, list):
        if not value:
            return N_("none")
        return joined(", ", (_words(before, after, path, each) for each in value))
    if isinstance(value, str):
        return _text_in_words(before, after, value)
    unit = _COUNTED.get(path[-1]) if path else None
    return unit(value) if unit is not None and isinstance(value, int) else flat(value)


def _text_in_words(before: Contract, after: Contract, text: str) -> str:
    codes = codes_in(text)
    if any(map(_is_law, codes)):
        return joined("; ", map(law_in_words, codes))
    return _name_in_words(before, after, text) or text


def _name_in_words(before: Contract, after: Contract, text: str) -> str | None:
    """Return a name, code, day or length of time in words; None if it is another text."""
    return _name_in(after, text) or _name_in(before, text) or _notation_in_words(text)


def _name_in(contract: Contract, text: str) -> str | None:
    """Return a name that an agreement gives in words; None if it gives no such name."""
    if text in contract.event_types:
        return f"“{type_title(text)}”"
    if (party := contract.party(text)) is not None:
        return party.legal_name
    if text in contract.roles or text in contract.purposes:
        return in_words(text)
    return _scope(contract, text) if text in contract.vocabulary.scopes else None


def _notation_in_words(text: str) -> str | None:
    """Return a code of law, a day or a length of time in words; None if it is another text."""
    if text in _REGIMES or _is_law(text):
        return _REGIMES.get(text) or law_in_words(text)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return day_words(date.fromisoformat(text))
    return _length(text) if re.fullmatch(r"P[0-9DTHM]+", text) else None


def _scope(contract: Contract, scope: str) -> str:
    text = contract.vocabulary.scopes[scope]
    return text[:1].lower() + text[1:]


def _length(text: str) -> str | None:
    try:
        duration_ms(text)
    except ValueError:
        return None
    return duration_words(text)


def _is_law(code: str) -> bool:
    return any(code in legal_codes(kind) for kind in KINDS)


def _plain_text(before: Contract, after: Contract, text: str) -> str:
    """Return a sentence with event types, laws, days and lengths of time in words."""

    def word(found: re.Match[str]) -> str:
        token = found[0]
        if any(token in contract.by_id or token in contract.roles for contract in (before, after)):
            return token
        return _name_in_words(before, after, token) or token

    return _TOKEN.sub(word, text)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
