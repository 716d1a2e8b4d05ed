"""Proposal of a mapping file from a sample: likely fields with the reasons, and what is left to do.

Nothing is guessed about consent or about a code: a code is proposed only where its word is that of
the vocabulary, and every other code is named so that its author decides. The proposal is a file
that loads; `concordant mapping check` then shows which rows of the sample it would send.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters.authoring.header_matching import likeness, may_be_consent, part_of, words_of
from adapters.authoring.value_forms import (
    MAX_CODE,
    Form,
    codes_of,
    form_of,
    known_words,
    match_codes,
    separator_of,
)
from adapters.formats import Detected
from adapters.mapping.references import DEFAULT_PATTERN
from broker.errors import WrongInputError
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.names import suggestion
from contracts.vocabulary import Vocabulary
from contracts.vocabulary.event_types import Leaf

__all__ = ["ColumnProposal", "Proposal", "chosen_type", "propose"]

_LIKELY: Final = 0.45
"""Least sum of likeness and evidence for a proposal."""
_SAME: Final = 0.7
"""Share of a column's codes that are words of a list, from which the list alone is a reason."""
_ANSWERS: Final = 6
"""Most different texts of a column that holds answers in words."""
_TO: Final = frozenset({
    "to", "recipient", "recipients", "partner", "partners", "notify", "refer", "share", "send",
    "agency", "agencies",
})  # fmt: skip
_NOT_TO: Final = frozenset({"not", "no", "never", "by", "from", "except", "without", "source"})
"""Words of a column's name that speak for and against recipients."""
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
    form: Form
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


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed mapping.

    Attributes:
        name: of the mapping.
        vocabulary: of its event type.
        type: event type that a row becomes.
        received: further event types that the agency receives.
        detected: the sample's format.
        case: column of the own reference of the case; None if none was found.
        case_pattern: pattern that every reference of the sample matches.
        recipients: column of partners; None if none was found.
        recipients_separator: between several partners.
        unknown_partners: column that may name the recipients, with its values that are no partners;
            None if there is none.
        routes: agencies that may receive the type, where no column names them.
        columns: the others, in the order of the sample.
        missing: fields that every event needs and no column holds.
    """

    name: str
    vocabulary: Vocabulary
    type: str
    received: tuple[str, ...]
    detected: Detected
    case: str | None
    case_pattern: str
    recipients: str | None
    recipients_separator: str
    unknown_partners: tuple[str, tuple[str, ...]] | None
    routes: tuple[str, ...]
    columns: tuple[ColumnProposal, ...]
    missing: tuple[str, ...]


def propose(
    name: str,
    contracts: Sequence[Contract],
    agency: str,
    partners: Mapping[str, str],
    detected: Detected,
    chosen: tuple[Contract, str],
) -> Proposal:
    """Propose a mapping for a sample.

    Args:
        name: name of the mapping.
        contracts: agreements of the agency.
        agency: its id.
        partners: own code of a partner -> agency id.
        detected: the sample.
        chosen: result of `chosen_type`.
    """
    contract, event_type = chosen
    words = contract.vocabulary
    values = {c: [row.values.get(c) for row in detected.rows] for c in detected.header}
    forms = {column: form_of(found) for column, found in values.items()}
    readers = permitted_recipients(contract, agency, event_type)
    known = {*partners, *partners.values(), *readers}
    recipients, separator = _recipients(values, forms, known)
    case = _case(detected.header, forms, recipients)
    rest = [c for c in detected.header if c not in (case, recipients)]
    columns = _columns(rest, values, forms, words, event_type)
    held = {one.leaf.path for one in columns if one.leaf is not None}
    ids = _ids(words)
    missing = [
        path
        for path, leaf in words.type(event_type).leaves.items()
        if leaf.required and path not in held and path not in ids
    ]
    received = [
        each
        for one in contracts
        if one.vocabulary.hash == words.hash
        for each in one.event_types
        if each != event_type and _reads(one, agency, each)
    ]
    references = values[case] if case else []
    return Proposal(
        name,
        words,
        event_type,
        tuple(dict.fromkeys(received)),
        detected,
        case,
        _pattern([str(value) for value in references if value]),
        recipients,
        separator,
        None if recipients else _unknown_partners(values, forms, known),
        () if recipients else readers,
        columns,
        tuple(missing),
    )


def chosen_type(
    contracts: Sequence[Contract], agency: str, wanted: str | None
) -> tuple[Contract, str]:
    """Return the event type that a row becomes, with its agreement.

    Args:
        contracts: agreements of the agency.
        agency: its id.
        wanted: the type; the one that makes a referral if it is left out, or the first one that the
            agency may publish.

    Raises:
        WrongInputError: `type_unknown` or `type_not_permitted`.
    """
    may = [(one, each) for one in contracts for each in permitted_types(one, agency)]
    if wanted is not None:
        found = [pair for pair in may if pair[1] == wanted]
        if found:
            return found[0]
        every = [each for one in contracts for each in one.event_types]
        code = "type_not_permitted" if wanted in every else "type_unknown"
        raise WrongInputError(
            f"This agency may not publish {wanted}.",
            code=code,
            fix=suggestion(wanted, [each for _, each in may]) or None,
        )
    makes = [
        (one, each)
        for one, each in may
        if one.vocabulary.referrals is not None and each == one.vocabulary.referrals.made.type
    ]
    if not may:
        raise WrongInputError("This agency may publish no event type.", code="type_not_permitted")
    return (makes or may)[0]


def _reads(contract: Contract, agency: str, event_type: str) -> bool:
    role = contract.role_of.get(agency)
    fields = contract.event_types[event_type].fields.values()
    return role is not None and any(role in each.readers for each in fields)


def _ids(words: Vocabulary) -> frozenset[str]:
    made = () if words.referrals is None else (words.referrals.made.id, words.referrals.changed.id)
    return frozenset({words.case, *made})


def _recipients(
    values: Mapping[str, Sequence[object]], forms: Mapping[str, Form], known: set[str]
) -> tuple[str | None, str]:
    """Return the column of recipients, with the separator between several.

    Every value is a partner, and the name says that the row goes there. A column of partners with
    another name (who sent the row, who must not get it) is left to the author.
    """
    for column in _named_recipients(forms):
        for separator in (";", ",", "|"):
            items = codes_of(values[column], separator)
            if items and set(items) <= known:
                return column, separator
    return None, ";"


def _named_recipients(forms: Mapping[str, Form]) -> Iterator[str]:
    for column, form in forms.items():
        named = frozenset(words_of(column))
        if form.filled and named & _TO and not named & _NOT_TO:
            yield column


def _unknown_partners(
    values: Mapping[str, Sequence[object]], forms: Mapping[str, Form], known: set[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Return a column with a name for recipients and some partners, and its other values."""
    for column in _named_recipients(forms):
        items = set(codes_of(values[column], ";"))
        if items & known:
            return column, tuple(sorted(items - known))
    return None


def _case(header: Sequence[str], forms: Mapping[str, Form], taken: str | None) -> str | None:
    """Return the column that is likeliest the own reference of a case."""

    def score(column: str) -> float:
        form, words = forms[column], set(words_of(column))
        if column == taken or form.filled == 0 or form.distinct * 10 < form.filled * 5:
            return 0.0
        shaped = form.kind in ("reference", "integer", "uuid", "text", "codes")
        named = len(words & {"case", "ref", "reference", "id", "no", "number", "urn"})
        other = len(words & {"crime", "officer", "tenant", "property", "phone", "uprn", "house"})
        return (named - other) * shaped + (0.5 if form.kind == "reference" else 0.0)

    best = max(header, key=score, default=None)
    return best if best is not None and score(best) >= 1 else None


def _pattern(references: Sequence[str]) -> str:
    """Return a pattern for references: the default one if it fits, else a wider one."""
    for pattern in (DEFAULT_PATTERN, "[A-Za-z0-9]+(?:[ ./_:-][A-Za-z0-9]+)*"):
        if all(re.fullmatch(pattern, text.strip()) for text in references):
            return pattern
    return "[!-~]+(?: [!-~]+)*"


def _columns(
    header: Sequence[str],
    values: Mapping[str, Sequence[object]],
    forms: Mapping[str, Form],
    words: Vocabulary,
    event_type: str,
) -> tuple[ColumnProposal, ...]:
    """Pair columns and fields, the likeliest pair first; each has at most one partner."""
    ids = _ids(words)
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
    column: str, found: ColumnProposal | None, form: Form, words: Vocabulary
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


def _like_answers(form: Form) -> bool:
    """Return whether values may be answers: yes and no, or a few different short texts."""
    few = 0 < form.distinct <= _ANSWERS and form.longest <= MAX_CODE
    return form.yes_no is not None or (few and form.kind in ("codes", "reference", "text"))


def _candidate(
    column: str, values: Sequence[object], form: Form, words: Vocabulary, leaf: Leaf
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
    form: Form,
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
    words: Vocabulary, leaf: Leaf, form: Form
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
