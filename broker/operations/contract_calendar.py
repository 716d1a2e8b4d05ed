"""Calendar file of an agreement, for the calendar program of an officer (iCalendar, RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event

from contracts.calendar import AgreementDate, agreement_dates
from contracts.hidden_characters import one_line
from contracts.model import Contract

__all__ = ["calendar_file"]

REMIND_DAYS = 30
"""Days before a duty at which the calendar program reminds."""


def calendar_file(contracts: Iterable[Contract], now: int) -> bytes:
    """Return an iCalendar file with one whole-day entry for each date of the agreements.

    The identifier of an entry depends on partnership, agreement and kind of date, so that the file
    of the next version moves the entries instead of doubling them.

    Args:
        contracts: the agreements.
        now: milliseconds since the epoch; the time of the file.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Concordant//Calendar of an agreement//EN")
    calendar.add("version", "2.0")
    stamp = datetime.fromtimestamp(now // 1000, UTC)
    for contract in contracts:
        for one in agreement_dates(contract):
            calendar.add_component(_entry(contract, one, stamp))
    return bytes(calendar.to_ical())


def _entry(contract: Contract, one: AgreementDate, stamp: datetime) -> Event:
    entry = Event()
    entry.add("uid", f"{one.kind}.{contract.name}.{contract.deployment}@concordant.invalid")
    entry.add("dtstamp", stamp)
    entry.add("dtstart", one.day)
    entry.add("dtend", one.day + timedelta(days=1))
    summary = one_line(f"{contract.title}: {one.what}")
    entry.add("summary", summary)
    entry.add(
        "description",
        f"Agreement {contract.name} {contract.version} of {contract.deployment}. "
        f"Who acts: {', '.join(one.by) or 'no party is named yet'}.",
    )
    entry.add("transp", "TRANSPARENT")
    if one.kind != "start":
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", summary)
        alarm.add("trigger", timedelta(days=-REMIND_DAYS))
        entry.add_component(alarm)
    return entry
