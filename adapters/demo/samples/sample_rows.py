"""Rows of any agency, made from facts in its own terms, with the flaws of real exports.

The mapping file of the agency renders the leaves of a case, so a sample is what its system would
export. Flaws are added afterwards and marked in each sample row, so that a demo or a test can count
the rows that must be refused, and the reasons.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from adapters.base import Context
from adapters.demo.samples.facts import LONG_NARRATIVE
from adapters.mapping import MemoryLinks, RowMapping
from broker.event import JSON

Flaw: TypeAlias = Literal["", "duplicate", "unknown_value", "invalid_date", "text_too_long"]
"""Flaw of a sample row: none, a repeat, or the code with which it is refused."""

NARRATIVE_LIMIT = 8_000
"""Maximum number of characters of a narrative in an event."""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A row of a sample export.

    Attributes:
        values: own column -> value, as the format writes it.
        case: number of the case.
        event_type: event type that the row becomes.
        flaw: its flaw, if any.
    """

    values: Mapping[str, object]
    case: int
    event_type: str
    flaw: Flaw = ""


_PLAIN_LETTERS = str.maketrans({"\u0141": "L", "\u0142": "l", "\u0110": "D", "\u0111": "d"})


def encoded(text: str, encoding: str) -> bytes:
    """Return the text without the accents that the encoding of an older client lacks."""
    return "".join(_held(char, encoding) for char in text).encode(encoding)


def _held(char: str, encoding: str) -> str:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        plain = unicodedata.normalize("NFKD", char.translate(_PLAIN_LETTERS))
        return "".join(part for part in plain if not unicodedata.combining(part))
    return char


def rendered(
    mapping: RowMapping,
    event_type: str,
    leaves: Mapping[str, JSON],
    *,
    recipients: Sequence[str],
    case: str = "",
    shared_case: str = "",
    referral: str = "",
    shared_referral: str = "",
    partners: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return one row in the agency's own terms.

    Args:
        mapping: the agency's mapping.
        event_type: event type that the row becomes.
        leaves: by path, without ids; leaves without a column are left out (the prosecution service
            has no column for a strand).
        recipients: own codes of partners.
        case: own reference of the case.
        shared_case: shared id of the case, when it came from a partner.
        referral: own reference of the referral.
        shared_referral: shared id of the referral.
        partners: own code -> agency id, where a leaf names an agency.
    """
    document = mapping.document
    sayable = {p for c, p in document.columns_of(event_type) if c.use != "import"}
    context = Context(agency="", partners=partners or {}, links=MemoryLinks())
    kept = {path: value for path, value in leaves.items() if path in sayable}
    row = mapping.own_values(event_type, kept, context)
    roles = document.roles
    for name, value in (
        (roles.case, case),
        (roles.shared_case, shared_case),
        (roles.referral, referral),
        (roles.shared_referral, shared_referral),
    ):
        if name:
            row[name] = value
    text = document.style == "text"
    row[roles.recipients] = roles.recipients_separator.join(recipients) if text else [*recipients]
    imported = {
        *document.import_columns(),
        *(c.column for c in document.columns if c.use == "import"),
    }
    return {name: value for name, value in row.items() if name not in imported}


def answering(
    mapping: RowMapping,
    received: Mapping[str, object],
    event_type: str,
    leaves: Mapping[str, JSON],
    *,
    case: str,
    referral: str = "",
    recipients: Sequence[str] = (),
    partners: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return a row that answers a record from a partner: same case and referral, own references.

    Args:
        mapping: the agency's mapping.
        received: result of ``read_back`` for the received file.
        event_type: event type that the row becomes.
        leaves: by path, without ids.
        case: own reference that the agency gave to the case.
        referral: own reference that it gave to the referral.
        recipients: own codes of partners; the sender of the record when empty.
        partners: own code -> agency id.
    """
    roles = mapping.document.roles
    return rendered(
        mapping,
        event_type,
        leaves,
        recipients=recipients or (str(received[roles.received_from]),),
        case=case,
        shared_case=str(received[roles.shared_case]),
        referral=referral,
        shared_referral=str(received.get(roles.shared_referral, "")) if referral else "",
        partners=partners,
    )


def flawed(rng: random.Random, rows: Sequence[SampleRow], mapping: RowMapping) -> list[SampleRow]:
    """Return the rows with some spoiled, some repeated, and over-long narratives marked as such.

    Args:
        rng: the seeded source.
        rows: good rows.
        mapping: the agency's mapping; it says which columns hold codes and dates.
    """
    spoiled: list[SampleRow] = []
    for row in rows:
        draw = rng.random()
        if _narrative_length(row, mapping) > NARRATIVE_LIMIT:
            spoiled.append(replace(row, flaw="text_too_long"))
        elif draw < 0.012:
            spoiled.append(_with(row, mapping, ("code", "codes"), "unknown_value", rng))
        elif draw < 0.02:
            spoiled.append(_with(row, mapping, ("date",), "invalid_date", rng))
        else:
            spoiled.append(row)
            if draw > 0.985:
                spoiled.append(replace(row, flaw="duplicate"))
    return spoiled


def spoiled(
    row: SampleRow, mapping: RowMapping, flaw: Literal["unknown_value", "invalid_date"]
) -> SampleRow:
    """Return the row with a code that is on no list, or a date that does not exist.

    A row without a filled column of that kind is returned unchanged.
    """
    kinds = ("date",) if flaw == "invalid_date" else ("code", "codes")
    return _with(row, mapping, kinds, flaw, random.Random(row.case))  # noqa: S311  # a choice of column


def _narrative_length(row: SampleRow, mapping: RowMapping) -> int:
    columns = mapping.document.columns_of(row.event_type)
    return max(
        (len(str(row.values.get(c.column, ""))) for c, _ in columns if c.limit >= NARRATIVE_LIMIT),
        default=0,
    )


def _with(
    row: SampleRow, mapping: RowMapping, kinds: Sequence[str], flaw: Flaw, rng: random.Random
) -> SampleRow:
    document = mapping.document
    filled = [
        column
        for column, _ in document.columns_of(row.event_type)
        if column.kind in kinds and row.values.get(column.column) and column.use == "both"
    ]
    if not filled:
        return row
    column = rng.choice(filled)
    wrong: object = "XX99"
    if flaw == "invalid_date":
        pattern = (column.formats or document.date_formats)[0]
        wrong = pattern.replace("%d", "31").replace("%m", "02").replace("%Y", "2026")
    if isinstance(row.values[column.column], list):
        wrong = [wrong]
    return replace(row, values={**row.values, column.column: wrong}, flaw=flaw)


__all__ = ["LONG_NARRATIVE", "Flaw", "SampleRow", "answering", "flawed", "rendered", "spoiled"]
