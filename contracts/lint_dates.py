"""Lint rules of dates, limits, registrations and the version record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from contracts.durations import duration_ms, duration_text
from contracts.findings import Finding
from contracts.legal_codes import legal_rules
from contracts.model import Contract, DraftContract

__all__ = ["date_findings"]


def date_findings(contract: Contract, today: date) -> Iterator[Finding]:
    """Yield what is overdue, too long, repeated or inconsistent."""
    yield from _review(contract, today)
    yield from _term(contract, today)
    yield from _assessments(contract, today)
    yield from _consultations(contract, today)
    yield from _retention(contract)
    yield from _heartbeats(contract)
    yield from _registrations(contract)
    yield from _version_record(contract, today)


def _review(contract: Contract, today: date) -> Iterator[Finding]:
    if contract.review_on is None:
        severity: Literal["error", "warning"] = "warning" if _open_ended(contract) else "error"
        yield Finding("review-missing", severity, "review_on", "no review date is agreed")
        return
    if contract.parties and not contract.review_by:
        yield Finding("review-missing", "warning", "review_by", "no party is named to review it")
    if contract.review_on <= today:
        yield Finding(
            "review-due", "error", "review_on", f"the review was due on {contract.review_on}"
        )
    elif contract.review_on - today <= timedelta(days=legal_rules().review_warning_days):
        yield Finding(
            "review-due", "warning", "review_on", f"the review is due on {contract.review_on}"
        )
    if contract.review_on > contract.ends and not _open_ended(contract):
        yield Finding(
            "review-after-end",
            "error",
            "review_on",
            f"the review on {contract.review_on} is after the end on {contract.ends}",
        )


def _term(contract: Contract, today: date) -> Iterator[Finding]:
    years = legal_rules().agreement_years
    if _open_ended(contract):
        return
    if (contract.ends - contract.starts).days > years * 366:
        yield Finding(
            "term-too-long",
            "error",
            "ends",
            f"it runs from {contract.starts} to {contract.ends}, more than {years} years",
        )
    elif (contract.starts - today).days > 366:
        yield Finding(
            "starts-late",
            "error",
            "starts",
            f"it starts on {contract.starts}, more than a year from now; what it says would be out "
            "of date by then",
        )


def _open_ended(contract: Contract) -> bool:
    """Return whether this is a draft without its dates."""
    return isinstance(contract, DraftContract) and not {"starts", "ends"}.isdisjoint(
        contract.absent
    )


def _assessments(contract: Contract, today: date) -> Iterator[Finding]:
    years = legal_rules().assessment_years
    for name, assessment in (
        ("dpia", contract.dpia),
        ("equality_impact_assessment", contract.equality_impact_assessment),
    ):
        review = assessment.review_on
        if assessment.date > today:
            yield Finding("assessment-date", "error", f"{name}.date", "it is in the future")
        if review is not None and review <= today:
            yield Finding(
                "assessment-due", "error", f"{name}.review_on", f"its review was due on {review}"
            )
        if review is not None and review <= assessment.date:
            yield Finding(
                "assessment-date", "error", f"{name}.review_on", "its review is before its date"
            )
        elif review is not None and (review - assessment.date).days > years * 366:
            yield Finding(
                "assessment-date",
                "error",
                f"{name}.review_on",
                f"its review on {review} is more than {years} years after its date",
            )
        if (today - assessment.date).days > years * 366:
            yield Finding(
                "assessment-due",
                "error",
                f"{name}.date",
                f"it is of {assessment.date}, more than {years} years old",
            )


def _consultations(contract: Contract, today: date) -> Iterator[Finding]:
    for index, consultation in enumerate(contract.consulted):
        if consultation.date > today:
            yield Finding(
                "consultation-date",
                "error",
                f"consulted[{index}].date",
                f"{consultation.date} is in the future",
            )


def _retention(contract: Contract) -> Iterator[Finding]:
    rules = legal_rules()
    for name, terms in contract.event_types.items():
        where = f"event_types.{name}.retention"
        if terms.retention is None:
            yield Finding(
                "retention-missing", "error", f"event_types.{name}", "no retention is agreed"
            )
            continue
        years, days = terms.retention.recipient_years, terms.retention.kafka_days
        if years > rules.recipient_years_warning:
            most = rules.recipient_years
            yield Finding(
                "retention-long",
                "error" if years > most else "warning",
                f"{where}.recipient_years",
                f"{years} years; more than {rules.recipient_years_warning} need a reason, and more "
                f"than {most} are refused",
            )
        if days > rules.kafka_days_warning:
            yield Finding(
                "retention-long",
                "warning",
                f"{where}.kafka_days",
                f"{days} days on Kafka; more than {rules.kafka_days_warning} need a reason",
            )
    grace = contract.retention.grace_days
    if grace > rules.grace_days_warning:
        yield Finding(
            "retention-long",
            "warning",
            "retention.grace_days",
            f"{grace} days of grace; more than {rules.grace_days_warning} need a reason",
        )


def _heartbeats(contract: Contract) -> Iterator[Finding]:
    levels, interval = contract.service_levels, contract.heartbeat_interval_ms
    if duration_ms(levels.heartbeat_every) < interval:
        yield Finding(
            "heartbeat-interval",
            "warning",
            "service_levels.heartbeat_every",
            f"{len(contract.parties)} parties send a heartbeat every {duration_text(interval)}, "
            f"not every {levels.heartbeat_every}",
        )
    if duration_ms(levels.silence_alarm_after) <= interval:
        yield Finding(
            "heartbeat-interval",
            "warning",
            "service_levels.silence_alarm_after",
            f"an alarm after {levels.silence_alarm_after} comes before the next heartbeat, which "
            f"{len(contract.parties)} parties send every {duration_text(interval)}",
        )


def _registrations(contract: Contract) -> Iterator[Finding]:
    form = re.compile(legal_rules().ico_registration)
    numbers = Counter(party.ico_registration for party in contract.parties)
    names = Counter(" ".join(party.legal_name.casefold().split()) for party in contract.parties)
    for index, party in enumerate(contract.parties):
        at = f"parties[{index}]"
        number = party.ico_registration
        if number is not None and not form.fullmatch(number):
            yield Finding(
                "registration-form",
                "error",
                f"{at}.ico_registration",
                f"{number} is not a number of the ICO's register, such as ZA123456",
            )
        if number is not None and numbers[number] > 1:
            yield Finding(
                "registration-repeated",
                "error",
                f"{at}.ico_registration",
                f"{number} stands for {numbers[number]} parties; each controller has its own",
            )
        if names[" ".join(party.legal_name.casefold().split())] > 1:
            yield Finding(
                "party-repeated",
                "warning",
                f"{at}.legal_name",
                "two parties have this legal name",
            )


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
    return Finding("version-record", "error", "version_record", message)
