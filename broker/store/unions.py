"""Ids of cases that tokens are made of, and statements for unions; both are encrypted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import bindparam, delete, select

from broker.store import figures_schema
from broker.store.area import Area, columns_of
from broker.store.dialects import upsert

Part: TypeAlias = Literal["key", "tokens", "result"]
"""Part of a union: the contributors' key, the tokens of a contributor, or the result."""

_c = figures_schema.union_cases
_s = figures_schema.union_statements
_m = figures_schema.figure_cases
_ADD_CASE = upsert(_c).on_conflict_do_nothing()
_SEEN = (
    select(_c.c.case_key, _c.c.content, _m.c.minted_ms)
    .outerjoin(_m, _m.c.case_key == _c.c.case_key)
    .where(_c.c.agreement == bindparam("agreement_"), _c.c.seen_ms >= bindparam("from_"))
    .order_by(_c.c.case_key)
)
_FORGET_CASE = delete(_c).where(_c.c.case_key == bindparam("case_"))
_FORGET_BEFORE = delete(_c).where(_c.c.seen_ms < bindparam("before_"))
_OF_PERIOD = (
    (_s.c.agreement == bindparam("agreement_"))
    & (_s.c.period == bindparam("period_"))
    & (_s.c.part == bindparam("part_"))
)
_ALL = select(*_s.c).where(_OF_PERIOD).order_by(_s.c.agency)
_ONE = select(*_s.c).where(_OF_PERIOD, _s.c.agency == bindparam("agency_"))
_HELD = select(_s.c.agreement, _s.c.period, _s.c.part, _s.c.agency).order_by(
    _s.c.agreement, _s.c.period, _s.c.part, _s.c.agency
)
_INSERT = upsert(_s)
_SAVE = _INSERT.on_conflict_do_update(
    index_elements=[_s.c.agreement, _s.c.period, _s.c.part, _s.c.agency],
    set_={name: _INSERT.excluded[name] for name in ("time_ms", "note", "content")},
)
_FORGET = delete(_s).where(_OF_PERIOD)


@dataclass(frozen=True, slots=True)
class UnionCaseRow:
    """A case about which this agency has sent an event; the content is its encrypted id."""

    case_key: bytes
    agreement: str
    seen_ms: int
    content: bytes


@dataclass(frozen=True, slots=True)
class SeenCase:
    """A case that this agency has seen.

    Attributes:
        content: its encrypted id.
        minted_ms: when this agency minted it; None if it did not.
    """

    case_key: bytes
    content: bytes
    minted_ms: int | None


@dataclass(frozen=True, slots=True)
class UnionRow:
    """A statement for a union.

    Attributes:
        agency: the agency that made it.
        time_ms: its time.
        note: the signed note; empty for a statement of this agency.
        content: encrypted.
    """

    agreement: str
    period: str
    part: Part
    agency: str
    time_ms: int
    note: bytes
    content: bytes


@dataclass(frozen=True, slots=True)
class HeldStatement:
    """Place of a statement in the state, without its content."""

    agreement: str
    period: str
    part: Part
    agency: str


class Unions(Area):
    """Cases and statements for unions of cases over agencies."""

    def add_cases(self, rows: Iterable[UnionCaseRow]) -> None:
        """Add cases; a known one stays as it is."""
        self._add_rows(_ADD_CASE, rows)

    def seen_since(self, agreement: str, first_ms: int) -> Iterator[SeenCase]:
        """Yield the cases about which this agency first sent an event at a time or later."""
        for row in self._connection.execute(_SEEN, {"agreement_": agreement, "from_": first_ms}):
            yield SeenCase(*row)

    def forget_case(self, case_key: bytes) -> int:
        """Remove the id of a case. Return how many there were."""
        return self._connection.execute(_FORGET_CASE, {"case_": case_key}).rowcount

    def forget_cases_before(self, seen_ms: int) -> int:
        """Remove the ids of cases that were seen before a time. Return how many there were."""
        return self._connection.execute(_FORGET_BEFORE, {"before_": seen_ms}).rowcount

    def all(self, agreement: str, period: str, part: Part) -> list[UnionRow]:
        """Return the statements of one part, by agency."""
        return self._all(UnionRow, _ALL, _of(agreement, period, part))

    def get(self, agreement: str, period: str, part: Part, agency: str) -> UnionRow | None:
        """Return the statement of one agency."""
        return self._first(UnionRow, _ONE, {**_of(agreement, period, part), "agency_": agency})

    def held(self) -> list[HeldStatement]:
        """Return the places of every statement that is held."""
        return self._all(HeldStatement, _HELD, {})

    def save(self, row: UnionRow) -> None:
        """Store a statement; it replaces the one before of its agency."""
        self._connection.execute(_SAVE, columns_of(row))

    def forget(self, agreement: str, period: str, part: Part) -> int:
        """Remove the statements of one part. Return how many there were."""
        return self._connection.execute(_FORGET, _of(agreement, period, part)).rowcount


def _of(agreement: str, period: str, part: Part) -> dict[str, object]:
    return {"agreement_": agreement, "period_": period, "part_": part}
