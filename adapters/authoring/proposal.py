"""Proposal of a mapping file from a sample: likely fields with the reasons, and what is left to do.

Nothing is guessed about consent or about a code: a code is proposed only where its word is that of
the vocabulary, and every other code is named so that its author decides. The proposal is a file
that loads; `concordant mapping check` then shows which rows of the sample it would send.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from adapters.authoring.column_proposals import ColumnProposal, column_proposals
from adapters.authoring.header_matching import words_of
from adapters.authoring.value_forms import (
    ValueForm,
    codes_of,
    form_of,
)
from adapters.formats import Detected
from adapters.mapping.references import DEFAULT_PATTERN
from broker.errors import WrongInputError
from contracts.examples import permitted_recipients, permitted_types
from contracts.model import Contract
from contracts.names import suggestion
from contracts.phrases import N_, phrase
from contracts.vocabulary import Vocabulary

__all__ = ["ColumnProposal", "MappingProposal", "chosen_type", "propose"]

_TO: Final = frozenset({
    "to", "recipient", "recipients", "partner", "partners", "notify", "refer", "share", "send",
    "agency", "agencies",
})  # fmt: skip
_NOT_TO: Final = frozenset({"not", "no", "never", "by", "from", "except", "without", "source"})
"""Words of a column's name that speak for and against recipients."""


@dataclass(frozen=True, slots=True)
class MappingProposal:
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
) -> MappingProposal:
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
    ids = _ids(words)
    columns = column_proposals(rest, values, forms, words, event_type, ids)
    held = {one.leaf.path for one in columns if one.leaf is not None}
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
    return MappingProposal(
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
            phrase("This agency may not publish %(wanted)s.", wanted=wanted),
            code=code,
            fix=suggestion(wanted, [each for _, each in may]) or None,
        )
    makes = [
        (one, each)
        for one, each in may
        if one.vocabulary.referrals is not None and each == one.vocabulary.referrals.made.type
    ]
    if not may:
        raise WrongInputError(
            N_("This agency may publish no event type."), code="type_not_permitted"
        )
    return (makes or may)[0]


def _reads(contract: Contract, agency: str, event_type: str) -> bool:
    role = contract.role_of.get(agency)
    fields = contract.event_types[event_type].fields.values()
    return role is not None and any(role in each.readers for each in fields)


def _ids(words: Vocabulary) -> frozenset[str]:
    made = () if words.referrals is None else (words.referrals.made.id, words.referrals.changed.id)
    return frozenset({words.case, *made})


def _recipients(
    values: Mapping[str, Sequence[object]], forms: Mapping[str, ValueForm], known: set[str]
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


def _named_recipients(forms: Mapping[str, ValueForm]) -> Iterator[str]:
    for column, form in forms.items():
        named = frozenset(words_of(column))
        if form.filled and named & _TO and not named & _NOT_TO:
            yield column


def _unknown_partners(
    values: Mapping[str, Sequence[object]], forms: Mapping[str, ValueForm], known: set[str]
) -> tuple[str, tuple[str, ...]] | None:
    """Return a column with a name for recipients and some partners, and its other values."""
    for column in _named_recipients(forms):
        items = set(codes_of(values[column], ";"))
        if items & known:
            return column, tuple(sorted(items - known))
    return None


def _case(header: Sequence[str], forms: Mapping[str, ValueForm], taken: str | None) -> str | None:
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
