"""Text of a proposed mapping file, and the notes that go with it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from adapters.authoring.column_proposals import ColumnProposal
from adapters.authoring.proposal import MappingProposal
from adapters.mapping.localtime import has_short_year
from adapters.mapping.parts import DEFAULT_TEXT_LIMIT

__all__ = ["add_code_line", "mapping_text", "proposal_notes", "shared_codes"]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*( [A-Za-z0-9_.-]+)*")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_KINDS: Final[Mapping[str, str]] = {
    "day": "date",
    "time_of_day": "time",
    "instant": "datetime",
    "boolean": "flag",
    "uuid": "uuid",
}
_DEFAULT_FORMATS: Final = {"date": "%d/%m/%Y", "time": "%H:%M", "datetime": "%d/%m/%Y %H:%M"}
_SHOWN: Final = 12
"""Most own codes that one note names."""


def mapping_text(proposal: MappingProposal, source: str, today: date) -> str:
    """Return the file.

    Args:
        proposal: what it says.
        source: name of the sample, for `source`.
        today: for the version.
    """
    return "\n".join(_lines(proposal, source, today)) + "\n"


def add_code_line(table: str, own: str, folder: str, mapping: str = "") -> str:
    """Return the command that gives an own code its meaning; SHARED is left to the author."""
    words = ["concordant", "mapping", "add-code", table, own, "SHARED", "--agency", folder]
    return shlex.join([*words, *(("--mapping", mapping) if mapping else ())])


def shared_codes(codes: Iterable[str]) -> str:
    """Return a sentence that names the codes which may stand for SHARED."""
    return f"SHARED is one of: {_some(list(codes))}."


def proposal_notes(proposal: MappingProposal, folder: str) -> Iterator[str]:
    """Yield the notes for the author: what was found and why, and what is left to do.

    Args:
        proposal: the proposal.
        folder: the agency's folder, for commands.
    """
    yield from proposal.detected.notes
    yield f"A row becomes {proposal.type}. For another event type: --type TYPE."
    if proposal.case:
        yield f"{proposal.case}: own reference of the case."
    else:
        yield "TO DO: name the column of the case's own reference under `roles: case`."
    if proposal.recipients:
        yield (
            f"TO DO: {proposal.recipients} is proposed for the recipients: every value is a "
            "partner, and its name says so. Confirm it."
        )
    elif proposal.unknown_partners is not None:
        column, unknown = proposal.unknown_partners
        yield (
            f"TO DO: {column} may name the recipients, but [partners] in agency.toml "
            f"does not have: {_some(unknown)}. Add them there, then run this command again."
        )
    else:
        yield "TO DO: no column holds partners. Choose under `routes` who gets which rows."
    for one in proposal.columns:
        if one.leaf is None:
            todo = "TO DO: " if one.consent else ""
            yield f"{todo}{one.column}: ignored; {one.reason}."
            continue
        yield f"{one.column}: {one.leaf.path}; {one.reason}."
        if one.joined:
            yield (
                f"TO DO: {one.column} is a derived column that joins them with a blank. Confirm "
                "their order."
            )
        if _column(proposal, one).get("century"):
            yield (
                f"TO DO: the years of {one.column} have two digits. `century: past` is proposed: "
                "its dates are never in the future. Confirm it."
            )
        if one.unknown:
            codes = proposal.vocabulary.code_lists[one.leaf.form.value.code or ""].codes
            yield (
                f"TO DO: {one.column} has codes that the vocabulary does not know by that "
                f"word: {_some(one.unknown)}. Say for each what it means: "
                f"{add_code_line(_table(one), one.unknown[0], folder)}. {shared_codes(codes)}"
            )
    if any(one.consent for one in proposal.columns):
        answers = ", ".join(sorted(proposal.vocabulary.answers))
        yield (
            "TO DO: an answer about consent stands under `columns` with what the person was asked, "
            f"for example {{column: NAME, paths: [PATH], kind: flag}}. PATH is one of: {answers}. "
            "For answers in words, docs/guides/mappings.md has a recipe."
        )
    for path in proposal.missing:
        yield (
            f"TO DO: every {proposal.type} needs {path}, and no column is like it. Name its "
            "column, derive one, or write it under `fixed`."
        )


def _some(values: Sequence[str]) -> str:
    return ", ".join(values[:_SHOWN]) + (" ..." if len(values) > _SHOWN else "")


def _lines(proposal: MappingProposal, source: str, today: date) -> Iterator[str]:
    yield "# Mapping of our system's columns and codes to the vocabulary that we agreed on."
    yield "# Try it: concordant mapping check FILE --agency DIR. Guide: docs/guides/mappings.md"
    yield f"mapping: {_q(proposal.name)}"
    yield f"version: {_q(today.isoformat())}"
    yield f"source: {_q(f'sample {source}')}"
    yield f"vocabulary: {_q(proposal.vocabulary.form.vocabulary)}"
    settings = proposal.detected.settings.model_dump(exclude_defaults=True, exclude_none=True)
    yield f"format: {_flow({'type': proposal.detected.settings.type, **settings})}"
    if proposal.detected.settings.type in ("json", "jsonl"):
        yield "style: json"
    elif proposal.detected.settings.type == "xml":
        yield "style: lists"
    yield from _forms(proposal)
    yield from _roles(proposal)
    yield from _kinds(proposal)
    if proposal.routes:
        yield "# Who gets which rows: a condition over the row, and partners. Choose; a route"
        yield "# without `when` is for every row."
        yield "routes:"
        yield f'  - {{when: "false", to: {_flow(list(proposal.routes))}}}'
    yield from _tables(proposal)
    yield from _columns(proposal)
    ignored = [one.column for one in proposal.columns if one.leaf is None]
    if ignored:
        yield "# Not read. Move a column up if it belongs into the event."
        yield f"ignored: {_flow(ignored)}"


def _forms(proposal: MappingProposal) -> Iterator[str]:
    flags = next(
        (
            one.form.yes_no
            for one in proposal.columns
            if one.form.yes_no and (one.leaf is not None or one.consent)
        ),
        None,
    )
    if flags is not None:
        yield f'flags: {{codes: {{{_q(flags[0])}: "true", {_q(flags[1])}: "false"}}}}'


def _roles(proposal: MappingProposal) -> Iterator[str]:
    yield "roles:"
    if proposal.recipients:
        yield f"  recipients: {_q(proposal.recipients)}"
        yield f"  recipients_separator: {_q(proposal.recipients_separator)}"
    if proposal.case:
        yield f"  case: {_q(proposal.case)}"
    else:
        yield '  case: ""  # TO DO: the column of your own reference of the case'
    if _makes_referral(proposal):
        if proposal.case:
            yield "  referral: referral reference"
        else:
            yield '  referral: ""  # TO DO: the column of your own reference of the referral'
        yield f"  referral_pattern: {json.dumps(proposal.case_pattern)}"
    yield f"  case_pattern: {json.dumps(proposal.case_pattern)}"
    rest = "SharedInformation" if proposal.detected.settings.type == "xml" else "Shared information"
    yield f"  rest: {rest}  # written: everything that has no column of its own"
    derived = {one.column: one.expression for one in proposal.columns if one.joined}
    if _makes_referral(proposal) and proposal.case:
        case = json.dumps(proposal.case, ensure_ascii=False)
        derived = {"referral reference": f"row[{case}]", **derived}
    if derived:
        yield "derived:  # a column that the export does not have: an expression over the row (CEL)"
    for name, expression in derived.items():
        yield f"  {_q(name)}: {_q(expression)}"


def _makes_referral(proposal: MappingProposal) -> bool:
    referrals = proposal.vocabulary.referrals
    return referrals is not None and proposal.type == referrals.made.type


def _kinds(proposal: MappingProposal) -> Iterator[str]:
    yield "kinds:"
    referral = ", referral: new" if _makes_referral(proposal) else ""
    yield f"  {_own_kind(proposal.type)}: {{type: {proposal.type}{referral}}}"
    for each in proposal.received:
        yield f"  {_own_kind(each)}: {{type: {each}, use: import}}"


def _own_kind(event_type: str) -> str:
    return event_type.replace(".", " ")


def _tables(proposal: MappingProposal) -> Iterator[str]:
    coded = [one for one in proposal.columns if one.leaf is not None and one.leaf.form.value.code]
    if coded:
        yield "tables:  # our code: code of the vocabulary"
    for one in coded:
        assert one.leaf is not None
        code_list = one.leaf.form.value.code or ""
        yield f"  {_table(one)}:"
        yield f"    list: {code_list}"
        known = proposal.vocabulary.code_lists[code_list].codes
        if not one.codes:
            yield "    codes: {}"
        else:
            yield "    codes:"
            for own, shared in one.codes.items():
                yield f"      {_q(own)}: {_q(shared)}"
        if one.accepted:
            yield "    accepted:"
            for own, shared in one.accepted.items():
                yield f"      {_q(own)}: {_q(shared)}"
        rest = [code for code in known if code not in one.codes.values()]
        if rest:
            shown = ", ".join(rest[:_SHOWN]) + (" ..." if len(rest) > _SHOWN else "")
            yield f"    # without an own code: {shown}"


def _columns(proposal: MappingProposal) -> Iterator[str]:
    yield "columns:" if any(one.leaf for one in proposal.columns) else "columns: []"
    for one in proposal.columns:
        if one.leaf is None:
            continue
        yield f"  # {one.reason}"
        yield f"  - {_flow(_column(proposal, one))}"


def _column(proposal: MappingProposal, one: ColumnProposal) -> dict[str, object]:
    leaf = one.leaf
    assert leaf is not None
    found: dict[str, object] = {"column": one.column, "paths": [leaf.path]}
    value = leaf.form.value
    if value.code is not None:
        found["kind"] = "code" if leaf.form.longest is None else "codes"
        found["table"] = _table(one)
        if one.separator and one.separator != ";":
            found["separator"] = one.separator
        return found
    kind = _KINDS.get(value.kind or "")
    own = proposal.vocabulary.form.kinds.get(value.kind or "")
    if leaf.form.longest is not None:
        found["kind"] = "texts"
    elif kind is not None:
        found["kind"] = kind
        likely = _DEFAULT_FORMATS.get(kind)
        if likely and one.form.formats and one.form.formats[0] != likely:
            found["formats"] = [one.form.formats[0]]
            if has_short_year(one.form.formats[0]):
                found["century"] = "past"
    elif own is not None and own.integer is not None:
        found["kind"] = "integer"
        found["minimum"], found["maximum"] = own.integer.lowest, own.integer.highest
    elif own is not None and own.text is not None and own.text.longest > DEFAULT_TEXT_LIMIT:
        found["limit"] = own.text.longest
        found["multiline"] = True
    return found


def _table(one: ColumnProposal) -> str:
    assert one.leaf is not None
    return one.leaf.path.replace(".", "_")


def _q(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_q(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _q(str(value))
