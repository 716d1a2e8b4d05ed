"""Cases that figures count, and facts about them, by the pseudonym of the case."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select

from broker.store import figures_schema
from broker.store.area import Area, in_parts
from broker.store.dialects import upsert

_c = figures_schema.figure_cases
_f = figures_schema.figure_facts
_KNOWN = select(*_c.c).where(_c.c.case_key.in_(bindparam("cases_", expanding=True)))
_ADD_CASE = upsert(_c).on_conflict_do_nothing()
_ADD_FACT = upsert(_f).on_conflict_do_nothing()
_MINTED = (
    (_c.c.agreement == bindparam("agreement_"))
    & (_c.c.minted_ms >= bindparam("from_"))
    & (_c.c.minted_ms < bindparam("to_"))
    & _c.c.minted_ms.is_not(None)
)
_BETWEEN = (
    select(*_f.c).join(_c, _c.c.case_key == _f.c.case_key).where(_MINTED).order_by(_f.c.case_key)
)
_FIRST = select(func.min(_c.c.minted_ms)).where(
    _c.c.agreement == bindparam("agreement_"), _c.c.minted_ms.is_not(None)
)
_FORGET_CASE = delete(_c).where(_c.c.case_key == bindparam("case_"))
_FORGET_FACTS = delete(_f).where(_f.c.case_key == bindparam("case_"))
_OLD = select(_c.c.case_key).where(_c.c.minted_ms < bindparam("before_"))
_FORGET_OLD_FACTS = delete(_f).where(_f.c.case_key.in_(_OLD))


@dataclass(frozen=True, slots=True)
class FigureCaseRow:
    """A case of an agreement that counts.

    Attributes:
        agreement: name of the agreement; None if the case is older than the counting.
        minted_ms: when this agency minted it; None if it did not.
    """

    case_key: bytes
    agreement: str | None
    minted_ms: int | None


@dataclass(frozen=True, slots=True)
class FigureFactRow:
    """Statement of one event for figures; the content is encrypted."""

    case_key: bytes
    source: str
    event_id: str
    content: bytes


class FigureFacts(Area):
    """Cases and facts that figures are counted from."""

    def known(self, case_keys: Collection[bytes]) -> dict[bytes, FigureCaseRow]:
        """Return those of these cases that are known, by pseudonym."""
        asked = list(dict.fromkeys(case_keys))
        return {
            row.case_key: row
            for part in in_parts(asked)
            for row in self._all(FigureCaseRow, _KNOWN, {"cases_": part})
        }

    def add_cases(self, rows: Iterable[FigureCaseRow]) -> None:
        """Add cases; a known one stays as it is."""
        self._add_rows(_ADD_CASE, rows)

    def add_facts(self, rows: Iterable[FigureFactRow]) -> None:
        """Add facts; a second one of the same event changes nothing."""
        self._add_rows(_ADD_FACT, rows)

    def between(self, agreement: str, first_ms: int, end_ms: int) -> Iterator[FigureFactRow]:
        """Yield the facts of the cases that this agency minted from a time to before another.

        Those of one case follow each other.
        """
        asked = {"agreement_": agreement, "from_": first_ms, "to_": end_ms}
        for row in self._connection.execute(_BETWEEN, asked):
            yield FigureFactRow(*row)

    def first_minted(self, agreement: str) -> int | None:
        """Return when this agency minted its first case of an agreement (ms); None without one."""
        found = self._connection.execute(_FIRST, {"agreement_": agreement}).scalar_one()
        return None if found is None else int(found)

    def forget_case(self, case_key: bytes) -> int:
        """Remove a case and its facts. Return how many facts there were."""
        facts = self._connection.execute(_FORGET_FACTS, {"case_": case_key}).rowcount
        self._connection.execute(_FORGET_CASE, {"case_": case_key})
        return facts

    def forget_facts_before(self, minted_ms: int) -> int:
        """Remove the facts of cases that were minted before a time. Return how many there were.

        The cases themselves stay known, so that a late event does not count one again.
        """
        return self._connection.execute(_FORGET_OLD_FACTS, {"before_": minted_ms}).rowcount
