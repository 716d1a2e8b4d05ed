"""Pages: the disclosure log, its entries and its verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from adapters.web.officer.chosen import INSPECTORS, disclosure_log
from adapters.web.officer.words import FILTERS, KINDS
from adapters.web.pages import PageRoute
from adapters.web.reasons import REASON_WORDS, meaning
from adapters.web.visit import Visit
from broker.audit.entries import EntryKind
from broker.codes.meanings import next_step
from broker.errors import DisclosureLogError
from broker.operations.log_answer import LogAnswer, LogEntry, LogQuery
from broker.uk_time import UK
from contracts.phrases import N_
from contracts.wording import type_title

ROWS: Final = 25
_DAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "since": N_("Enter the first day, for example 2026-11-30"),
        "until": N_("Enter the last day, for example 2026-11-30"),
    }
)
_ABOUT: Final[Mapping[str, str]] = MappingProxyType(
    {"log": N_("this log"), "sealed_record": N_("a sealed message")}
)


def browse(visit: Visit) -> Response:
    """Show the entries of the log, the newest first. Reading it is an entry too."""
    if visit.agency.state() is None:
        return visit.page("officer/log_empty.html")
    faults: list[tuple[str, str]] = []
    since, until = _day(visit, "since", faults), _day(visit, "until", faults)
    if since is not None and until is not None and until <= since:
        faults.append(("until", N_("The last day is before the first day")))
    answer = None if faults else _answer(visit, since, until)
    return visit.page(
        "officer/log.html",
        status=422 if faults else 200,
        faults=faults,
        answer=answer,
        found=() if answer is None else tuple(reversed(answer.entries)),
        kinds=KINDS,
        filter_words=FILTERS,
        meaning=meaning,
        reason_words=REASON_WORDS,
        own_id=visit.agency.participant().agency,
        parties=_parties(visit),
        type_title=type_title,
        about=_ABOUT,
        older=None if answer is None or not answer.more else _older(visit, answer.entries),
        newest=not visit.query.text("before"),
        filtered=any(visit.query.text(name) for name in ("kind", "since", "until", "recipient")),
    )


def verify(visit: Visit) -> Response:
    """Recompute the whole log and check every signed head."""
    if visit.agency.state() is None:
        return visit.page("officer/log_empty.html")
    altered = None
    head = None
    try:
        head = disclosure_log(visit).verify()
    except DisclosureLogError as error:
        altered = error, next_step(error)
    return visit.page("officer/log_verified.html", head=head, altered=altered)


def _answer(visit: Visit, since: int | None, until: int | None) -> LogAnswer:
    asked = visit.query.text("kind")
    kinds: frozenset[EntryKind] = frozenset(one for one in KINDS if one == asked)
    before = visit.query.number("before", 0, most=9_999_999)
    query = LogQuery(
        kinds=kinds,
        since_ms=since,
        until_ms=until,
        recipient=visit.query.text("recipient"),
        before=before or None,
        limit=ROWS,
    )
    return disclosure_log(visit).show(query, visit.person.actor())


def _day(visit: Visit, name: str, faults: list[tuple[str, str]]) -> int | None:
    """Return the first millisecond of a UK day, of the day after for `until`; None if not given."""
    text = visit.query.text(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        following = day + timedelta(days=1 if name == "until" else 0)
        return (
            int(datetime(following.year, following.month, following.day, tzinfo=UK).timestamp())
            * 1000
        )
    except (ValueError, OverflowError):
        faults.append((name, _DAYS[name]))
        return None


def _older(visit: Visit, entries: Sequence[LogEntry]) -> str:
    """Return the address of the entries before these."""
    kept = {
        name: text
        for name in ("kind", "since", "until", "recipient")
        if (text := visit.query.text(name))
    }
    return f"/log?{urlencode({**kept, 'before': entries[0].index})}"


def _parties(visit: Visit) -> Sequence[str]:
    return sorted(
        {
            party.id
            for signed in visit.agency.participant().contracts.all()
            for party in signed.contract.parties
        }
    )


PAGES: Final[Sequence[PageRoute]] = (
    PageRoute("GET", "/log", INSPECTORS, browse),
    PageRoute("GET", "/log/verified", INSPECTORS, verify),
)
