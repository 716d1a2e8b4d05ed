"""Pairs of a sample's columns and an event type's fields, with the reasons for each pair."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters.authoring.header_matching import likeness, may_be_consent, part_of
from adapters.authoring.value_forms import (
    MAX_CODE,
    ValueForm,
    codes_of,
    known_words,
    match_codes,
    separator_of,
)
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import Leaf

_LIKELY: Final = 0.45
"""Least sum of likeness and evidence for a proposal."""
_SAME: Final = 0.7
"""Share of a column's codes that are words of a list, from which the list alone is a reason."""
_ANSWERS: Final = 6
"""Most different texts of a column that holds answers in words."""
_FORM_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "uuid": ("uuid",),
    "day": ("date", "datetime"),
    "time_of_day": ("time",),
    "instant": ("datetime",),
    "email": ("email",),
    "boolean": ("flag",),
}
"""Forms of a sample's values that a built-in kind takes."""
_PATTERNS: Final = ("postcode", "area", "uprn", "phone")


@dataclass(frozen=True, slots=True)
class ColumnProposal:
    """A column with the field that it probably holds.

    Attributes:
        column: own name.
        leaf: the field; None for a column that is ignored.
        form: form of its values.
        reason: why, in words.
        separator: between the codes of a cell.
        codes: own code -> code of the vocabulary.
        accepted: further own codes with the same meaning; only read.
        unknown: own codes without a code of the vocabulary.
        score: likeness and evidence.
        consent: whether it may hold an answer about consent.
        joined: columns of which it is made, in order; it is then a derived column.
    """

    column: str
    leaf: Leaf | None
    form: ValueForm
    reason: str
    separator: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    score: float = 0.0
    consent: bool = False
    joined: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """Return the expression of a derived column: its columns with blanks between them."""
        first, *others = (f"row[{json.dumps(one, ensure_ascii=False)}]" for one in self.joined)
        return first + "".join(f' + ({one} == "" ? "" : " " + {one})' for one in others)


def column_proposals(
    header: Sequence[str],
    values: Mapping[str, Sequence[object]],
    forms: Mapping[str, ValueForm],
    words: Vocabulary,
    event_type: str,
    ids: frozenset[str],
) -> tuple[ColumnProposal, ...]:
    """Pair columns and fields, the likeliest pair first; each has at most one partner.

    Args:
        header: the columns.
        values: their values in the sample.
        forms: the forms of the values.
        words: the vocabulary.
        event_type: type of the event.
        ids: leaf paths of ids, which no column is proposed for.
    """
    candidates = [
        found
        for column in header
        for path, leaf in words.type(event_type).leaves.items()
        if path not in ids
        and (found := _candidate(column, values[column], forms[column], words, leaf)) is not None
    ]
    chosen: dict[str, ColumnProposal] = {}
    taken: set[str] = set()
    for one in sorted(candidates, key=lambda found: -found.score):
        assert one.leaf is not None
        if one.column not in chosen and one.leaf.path not in taken:
            chosen[one.column] = one
            taken.add(one.leaf.path)
    return _joined([_proposed(c, chosen.get(c), forms[c], words) for c in header])


def _joined(found: Sequence[ColumnProposal]) -> tuple[ColumnProposal, ...]:
    """Join columns that are parts of one field; one of them alone would lose the others."""
    groups: dict[tuple[str, ...], dict[int, ColumnProposal]] = defaultdict(dict)
    for one in found:
        part = part_of(one.column)
        if part is not None and one.form.filled:
            groups[part[0]].setdefault(part[1], one)
    result = list(found)
    for group in groups.values():
        members = [group[at] for at in sorted(group)]
        fields = [one for one in members if one.leaf is not None]
        if len(members) < 2 or len(fields) != 1:
            continue
        names = tuple(one.column for one in members)
        name = " and ".join(names)
        reason = f"{name} are parts of one field"
        result[result.index(fields[0])] = replace(
            fields[0], column=name, reason=reason, joined=names
        )
        result = [one for one in result if one.column not in names]
    return tuple(result)


def _proposed(
    column: str, found: ColumnProposal | None, form: ValueForm, words: Vocabulary
) -> ColumnProposal:
    """Return the proposal for a column; an answer about consent is left to the author."""
    likely = found is not None and found.leaf is not None and found.leaf.path in words.answers
    if not likely and may_be_consent(column, yes_or_no=_like_answers(form)):
        why = "it may be an answer about consent: you decide"
        return ColumnProposal(column, None, form, why, consent=True)
    if found is None or found.leaf is None:
        return ColumnProposal(column, None, form, "no field of the event is like it")
    if found.leaf.path in words.answers:
        why = f"it may be an answer about consent ({found.leaf.path}): you decide"
        return ColumnProposal(column, None, form, why, consent=True)
    return found


def _like_answers(form: ValueForm) -> bool:
    """Return whether values may be answers: yes and no, or a few different short texts."""
    few = 0 < form.distinct <= _ANSWERS and form.longest <= MAX_CODE
    return form.yes_no is not None or (few and form.kind in ("codes", "reference", "text"))


def _candidate(
    column: str, values: Sequence[object], form: ValueForm, words: Vocabulary, leaf: Leaf
) -> ColumnProposal | None:
    """Return a column with one field, if they are alike enough and the values can be its values."""
    if leaf.form.value.object is not None or (form.kind == "empty" and not _alike(column, leaf)):
        return None
    named = likeness(column, leaf.path, leaf.form.label or "")
    if leaf.form.value.code is not None:
        return _coded(column, values, form, words, leaf, named)
    evidence = _evidence(words, leaf, form)
    if evidence is None or named + evidence < _LIKELY or named == 0:
        return None
    reasons = [f"its name is like {leaf.path}"]
    if evidence > 0:
        reasons.append(f"its values have that form ({form.kind})")
    return ColumnProposal(column, leaf, form, " and ".join(reasons), score=named + evidence)


def _alike(column: str, leaf: Leaf) -> bool:
    return likeness(column, leaf.path, leaf.form.label or "") >= _LIKELY


def _coded(
    column: str,
    values: Sequence[object],
    form: ValueForm,
    words: Vocabulary,
    leaf: Leaf,
    named: float,
) -> ColumnProposal | None:
    codes = words.code_lists[leaf.form.value.code or ""].codes
    separator = separator_of(values, known_words(codes)) if leaf.form.longest is not None else None
    own = codes_of(values, separator)
    if form.kind in ("text", "email", "datetime") and form.distinct > len(codes) * 2:
        return None
    matched = match_codes(own, codes)
    share = sum(own[code] for code in matched) / max(sum(own.values()), 1)
    if named < _LIKELY and (share < _SAME or len(matched) < 2):
        return None
    first = {shared: code for code, shared in reversed(matched.items())}
    once = {code: shared for shared, code in first.items()}
    accepted = {code: shared for code, shared in matched.items() if code not in once}
    reasons = [f"its name is like {leaf.path}"] if named >= _LIKELY else []
    reasons.append(f"{len(matched)} of its {len(own)} codes are words of the list")
    unknown = tuple(sorted(code for code in own if code not in matched))
    return ColumnProposal(
        column,
        leaf,
        form,
        " and ".join(reasons),
        separator,
        once,
        accepted,
        unknown,
        named + share,
    )


def _evidence(  # noqa: PLR0911 - one answer for each kind of field
    words: Vocabulary, leaf: Leaf, form: ValueForm
) -> float | None:
    """Return how the form of the values speaks for a field; None if it speaks against it."""
    if form.kind == "empty":
        return 0.0
    kind = leaf.form.value.kind or ""
    if kind in _FORM_OF:
        return 0.4 if form.kind in _FORM_OF[kind] else None
    own = words.form.kinds.get(kind)
    if own is not None and own.integer is not None:
        return 0.2 if form.kind in ("integer", "flag") else None
    if own is not None and own.pattern is not None:
        if form.kind in _PATTERNS and form.kind in leaf.path:
            return 0.4
        return None if form.kind in ("date", "datetime", "time", "flag", "email") else 0.0
    if form.kind in ("date", "datetime", "time", "flag", "uuid"):
        return None
    return 0.0
