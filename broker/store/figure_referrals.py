"""Referrals that figures count, and facts about them, by the pseudonym of their case."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, delete, exists, func, select

from broker.store import figures_schema
from broker.store.area import Area, in_parts
from broker.store.dialects import upsert

_r = figures_schema.figure_referrals
_f = figures_schema.figure_referral_facts
_HELD = (
    select(_r.c.case_key, _r.c.agreement)
    .where(_r.c.case_key.in_(bindparam("cases_", expanding=True)))
    .distinct()
)
_ADD_SENT = upsert(_r).on_conflict_do_nothing()
_ADD_FACT = upsert(_f).on_conflict_do_nothing()
_SENT = (
    select(_r.c.case_key)
    .where(
        _r.c.agreement == bindparam("agreement_"),
        _r.c.sent_ms >= bindparam("from_"),
        _r.c.sent_ms < bindparam("to_"),
    )
    .distinct()
)
_FIRST = select(func.min(_r.c.sent_ms)).where(_r.c.agreement == bindparam("agreement_"))
_BETWEEN = (
    select(*_f.c)
    .where(_f.c.agreement == bindparam("agreement_"), _f.c.case_key.in_(_SENT))
    .order_by(_f.c.case_key)
)
_FORGET_CASE = delete(_f).where(_f.c.case_key == bindparam("case_"))
_FORGET_SENT = delete(_r).where(_r.c.case_key == bindparam("case_"))
_FORGET_OLD = delete(_r).where(_r.c.sent_ms < bindparam("before_"))
_FORGET_FACTS = delete(_f).where(
    ~exists().where(and_(_r.c.case_key == _f.c.case_key, _r.c.agreement == _f.c.agreement))
)


@dataclass(frozen=True, slots=True)
class FigureReferralRow:
    """An own event that made a referral with one or more recipients."""

    case_key: bytes
    agreement: str
    event_id: str
    sent_ms: int


@dataclass(frozen=True, slots=True)
class ReferralFactRow:
    """Statement of one event for figures of referrals; the content is encrypted."""

    case_key: bytes
    agreement: str
    source: str
    event_id: str
    content: bytes


class FigureReferrals(Area):
    """Referrals and facts that figures are counted from."""

    def cases(self, asked: Collection[tuple[bytes, str]]) -> set[tuple[bytes, str]]:
        """Return those of these cases and agreements of which a referral is known."""
        keys = sorted({key for key, _ in asked})
        return {
            (key, agreement)
            for part in in_parts(keys)
            for key, agreement in self._connection.execute(_HELD, {"cases_": part})
        }

    def add_sent(self, rows: Iterable[FigureReferralRow]) -> None:
        """Add events that made referrals; a known one stays as it is."""
        self._add_rows(_ADD_SENT, rows)

    def add_facts(self, rows: Iterable[ReferralFactRow]) -> None:
        """Add facts; a second one of the same event changes nothing."""
        self._add_rows(_ADD_FACT, rows)

    def between(self, agreement: str, first_ms: int, end_ms: int) -> Iterator[ReferralFactRow]:
        """Yield the facts of the cases with a referral sent from a time to before another.

        Those of one case follow each other.
        """
        asked = {"agreement_": agreement, "from_": first_ms, "to_": end_ms}
        for row in self._connection.execute(_BETWEEN, asked):
            yield ReferralFactRow(*row)

    def first_sent(self, agreement: str) -> int | None:
        """Return when this agency sent its first referral of an agreement (ms); None if none."""
        found = self._connection.execute(_FIRST, {"agreement_": agreement}).scalar_one()
        return None if found is None else int(found)

    def forget_case(self, case_key: bytes) -> int:
        """Remove the referrals of a case and their facts. Return how many facts there were."""
        facts = self._connection.execute(_FORGET_CASE, {"case_": case_key}).rowcount
        self._connection.execute(_FORGET_SENT, {"case_": case_key})
        return facts

    def forget_before(self, sent_ms: int) -> int:
        """Remove the referrals that were sent before a time, and facts of cases without others.

        Return how many facts there were.
        """
        self._connection.execute(_FORGET_OLD, {"before_": sent_ms})
        return self._connection.execute(_FORGET_FACTS).rowcount
