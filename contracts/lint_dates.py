"""Lint rules of dates, limits, registrations and the version record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from contracts.durations import DAY_MS, duration_ms, duration_text
from contracts.findings import Finding
from contracts.lint_rules import finding, number_limit, text_limit
from contracts.model import Contract, DraftContract

__all__ = ["date_findings"]

REPORT_RECORD_BYTES = 10_000
"""Bytes of a report on Kafka, about (docs/spec/reports.md)."""


def date_findings(contract: Contract, today: date) -> Iterator[Finding]:
    """Yield what is overdue, too long, repeated or inconsistent."""
    yield from _review(contract, today)
    yield from _term(contract, today)
    yield from _assessments(contract, today)
    yield from _consultations(contract, today)
    yield from _retention(contract)
    yield from _heartbeats(contract)
    yield from _reports(contract)
    yield from _registrations(contract)
    yield from _version_record(contract, today)


def _review(contract: Contract, today: date) -> Iterator[Finding]:
    review, open_ended = contract.review_on, _open_ended(contract)
    if review is None:
        yield finding("review-missing", "draft" if open_ended else "date", "review_on")
        return
    if contract.parties and not contract.review_by:
        yield finding("review-missing", "party", "review_by")
    if review <= today:
        yield finding("review-due", "due", "review_on", review=review)
    elif review - today <= timedelta(days=number_limit("review-due", "days")):
        yield finding("review-due", "soon", "review_on", review=review)
    if review > contract.ends and not open_ended:
        yield finding("review-after-end", "after", "review_on", review=review, ends=contract.ends)


def _term(contract: Contract, today: date) -> Iterator[Finding]:
    years = number_limit("term-too-long", "years")
    starts, ends = contract.starts, contract.ends
    if _open_ended(contract):
        return
    if (ends - starts).days > years * 366:
        yield finding("term-too-long", "long", "ends", starts=starts, ends=ends, years=years)
    elif (starts - today).days > 366:
        yield finding("starts-late", "late", "starts", starts=starts)


def _open_ended(contract: Contract) -> bool:
    """Return whether this is a draft without its dates."""
    return isinstance(contract, DraftContract) and not {"starts", "ends"}.isdisjoint(
        contract.absent
    )


def _assessments(contract: Contract, today: date) -> Iterator[Finding]:
    years = number_limit("assessment-date", "years")
    oldest = number_limit("assessment-due", "years")
    for name, assessment in (
        ("dpia", contract.dpia),
        ("equality_impact_assessment", contract.equality_impact_assessment),
    ):
        made, review = assessment.date, assessment.review_on
        at = f"{name}.review_on"
        if made > today:
            yield finding("assessment-date", "in-the-future", f"{name}.date")
        if review is not None and review <= today:
            yield finding("assessment-due", "review-due", at, review=review)
        if review is not None and review <= made:
            yield finding("assessment-date", "review-before", at)
        elif review is not None and (review - made).days > years * 366:
            yield finding("assessment-date", "review-too-late", at, review=review, years=years)
        if (today - made).days > oldest * 366:
            yield finding("assessment-due", "too-old", f"{name}.date", date=made, years=oldest)


def _consultations(contract: Contract, today: date) -> Iterator[Finding]:
    for index, consultation in enumerate(contract.consulted):
        if consultation.date > today:
            at = f"consulted[{index}].date"
            yield finding("consultation-date", "in-the-future", at, date=consultation.date)


def _retention(contract: Contract) -> Iterator[Finding]:
    limits = {
        name: number_limit("retention-long", name)
        for name in (
            "recipient_years_warning",
            "recipient_years",
            "kafka_days_warning",
            "grace_days_warning",
        )
    }
    for name, terms in contract.event_types.items():
        where = f"event_types.{name}.retention"
        if terms.retention is None:
            yield finding("retention-missing", "missing", f"event_types.{name}")
            continue
        years, days = terms.retention.recipient_years, terms.retention.kafka_days
        if years > limits["recipient_years_warning"]:
            case = "refused" if years > limits["recipient_years"] else "years"
            at = f"{where}.recipient_years"
            yield finding("retention-long", case, at, years=years, **limits)
        if days > limits["kafka_days_warning"]:
            yield finding("retention-long", "kafka", f"{where}.kafka_days", days=days, **limits)
    grace = contract.retention.grace_days
    if grace > limits["grace_days_warning"]:
        yield finding("retention-long", "grace", "retention.grace_days", days=grace, **limits)


def _heartbeats(contract: Contract) -> Iterator[Finding]:
    levels, interval = contract.service_levels, contract.heartbeat_interval_ms
    values = {"parties": len(contract.parties), "interval": duration_text(interval)}
    for name, agreed, wrong, case in (
        (
            "heartbeat_every",
            levels.heartbeat_every,
            duration_ms(levels.heartbeat_every) < interval,
            "too-often",
        ),
        (
            "silence_alarm_after",
            levels.silence_alarm_after,
            duration_ms(levels.silence_alarm_after) <= interval,
            "alarm-too-soon",
        ),
    ):
        if wrong:
            at = f"service_levels.{name}"
            yield finding("heartbeat-interval", case, at, agreed=agreed, **values)


def _reports(contract: Contract) -> Iterator[Finding]:
    """Compare the bytes of the reports of all parties in a day with a limit."""
    every, parties = contract.report_every_ms, len(contract.parties)
    limit = number_limit("report-interval", "megabytes_a_day")
    if every is None or contract.report_every is None:
        return
    # each party reports to each other party: an upper bound, as not every party may send to each
    size = parties * (parties - 1) * (DAY_MS // every) * REPORT_RECORD_BYTES // 1_000_000
    if size > limit:
        agreed = duration_text(every)
        yield finding(
            "report-interval",
            "too-often",
            "report_every",
            parties=parties,
            agreed=agreed,
            size=size,
            limit=limit,
        )


def _registrations(contract: Contract) -> Iterator[Finding]:
    form = re.compile(text_limit("registration-form", "form"))
    numbers = Counter(party.ico_registration for party in contract.parties)
    names = Counter(" ".join(party.legal_name.casefold().split()) for party in contract.parties)
    for index, party in enumerate(contract.parties):
        number, at = party.ico_registration, f"parties[{index}].ico_registration"
        if number is not None and not form.fullmatch(number):
            yield finding("registration-form", "form", at, number=number)
        if number is not None and numbers[number] > 1:
            count = numbers[number]
            yield finding("registration-repeated", "repeated", at, number=number, count=count)
        if names[" ".join(party.legal_name.casefold().split())] > 1:
            yield finding("party-repeated", "repeated", f"parties[{index}].legal_name")


def _version_record(contract: Contract, today: date) -> Iterator[Finding]:
    record = contract.version_record
    counted = Counter(_plain(entry.version) for entry in record)
    if _plain(contract.version) not in counted:
        yield _record(f"it has no entry for version {contract.version}")
    for version, count in counted.items():
        if count > 1:
            yield _record(f"it has {count} entries for version {version}")
    if contract.previous and len(counted) < 2:
        yield _record("it has one version, and `previous` says that this text replaces another")
    if not contract.previous and len(counted) > 1:
        yield _record("it has earlier versions, and `previous` names none")
    numbered = [entry for entry in record if re.fullmatch(r"[0-9]+(\.[0-9]+){2}", entry.version)]
    for entry in record:
        if entry not in numbered:
            yield _record(f"{entry.version} is not a version number such as 1.0.0")
        if entry.date > today:
            yield _record(f"the entry for {entry.version} is dated in the future")
    ordered = sorted(numbered, key=lambda entry: [int(part) for part in entry.version.split(".")])
    newest = _plain(ordered[-1].version) if ordered else ""
    if ordered and _plain(contract.version) in counted and newest != _plain(contract.version):
        yield _record(f"it has {ordered[-1].version}, which is newer than {contract.version}")
    for before, after in pairwise(ordered):
        if after.date < before.date:
            yield _record(f"{after.version} is dated before {before.version}")


def _plain(version: str) -> str:
    """Return a version number without leading zeros: 01.0.0 is 1.0.0."""
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", version)


def _record(message: str) -> Finding:
    return finding("version-record", "wrong", "version_record", detail=message)
