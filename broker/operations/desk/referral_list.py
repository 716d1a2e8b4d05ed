"""Lists of referrals, received and sent, without anything that identifies a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from broker.operations.desk.agency import DeskAgency
from broker.operations.desk.subject import code_label, service_label
from broker.store.desk_rows import ListedReferralRow, ReferralFilter, ReferralSelection
from broker.store.rows import ReferralRow
from broker.uk_time import UK, uk_datetime
from contracts.referral import ReferralRules, Side, referral_rules, service_path
from contracts.vocabulary import Vocabulary

PAGE_ROWS: Final = 25

Due: TypeAlias = Literal["acknowledge", "respond"]
"""The deadline that runs: to acknowledge the referral, or to respond to it."""


@dataclass(frozen=True, slots=True)
class ReferralQuery:
    """List that a person asks for.

    Attributes:
        role: `fulfiller` for received referrals, `referrer` for sent ones.
        selection: which of them.
        agency: only those with this agency.
        service: only those for this code.
        reference: only those whose id begins with these characters.
        page: number of the page, from 1.
    """

    role: Side
    selection: ReferralSelection = "open"
    agency: str | None = None
    service: str | None = None
    reference: str | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """One referral of a list.

    Attributes:
        referral_id: its id.
        agency: the other side.
        agency_name: its legal name.
        service: what is asked for, in words; None if the desk does not hold the referral.
        urgency: code of its urgency, if it states one.
        urgent: whether the shorter deadlines apply.
        critical: whether its case has a critical event.
        status: its status in words.
        business_status: progress within the status in words, if there is any.
        made_ms: when it was made.
        due: the next deadline, if one runs.
        due_ms: its time.
        updated_ms: when its status last changed.
        closed: whether it has ended.
    """

    referral_id: str
    agency: str
    agency_name: str
    service: str | None
    urgency: str | None
    urgent: bool
    critical: bool
    status: str
    business_status: str | None
    made_ms: int
    due: Due | None
    due_ms: int | None
    updated_ms: int
    closed: bool

    def overdue(self, now: int) -> bool:
        """Return whether its next deadline was missed."""
        return self.due_ms is not None and self.due_ms < now


@dataclass(frozen=True, slots=True)
class ReferralPage:
    """One page of a list.

    Attributes:
        lines: the most pressing first; closed ones newest first.
        total: referrals of the list with its filters.
        counts: referrals of each selection, without other filters.
        page: number of the page, from 1.
        pages: number of pages, at least 1.
        agencies: id to name of every agency that can be chosen.
        services: code to words of every service that can be chosen.
        now: ms; the time of the answer.
    """

    lines: tuple[ReferralLine, ...]
    total: int
    counts: Mapping[ReferralSelection, int]
    page: int
    pages: int
    agencies: Mapping[str, str]
    services: Mapping[str, str]
    now: int


def referral_list(agency: DeskAgency, query: ReferralQuery) -> ReferralPage:
    """Return one page of a list of referrals.

    Raises:
        StoreError: the state cannot be read.
    """
    now = agency.clock()
    asked = ReferralFilter(
        query.role,
        query.selection,
        now,
        day_end(now),
        query.agency,
        query.service,
        (query.reference or "").strip().lower() or None,
    )
    with agency.store.reading() as tx:
        counts = tx.referral_lists.counts(asked)
        filtered = (asked.counterparty, asked.service, asked.reference) != (None, None, None)
        total = tx.referral_lists.count(asked) if filtered else counts[asked.selection]
        pages = max(1, -(-total // PAGE_ROWS))
        page = min(max(1, query.page), pages)
        rows = tx.referral_lists.page(asked, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    words = Words(agency)
    return ReferralPage(
        tuple(words.line(row) for row in rows),
        total,
        counts,
        page,
        pages,
        words.agencies,
        words.services,
        now,
    )


def day_end(now: int) -> int:
    """Return the end of the day of a time, in the United Kingdom; both in milliseconds."""
    local = uk_datetime(now)
    midnight = datetime(local.year, local.month, local.day, tzinfo=UK) + timedelta(days=1)
    return int(midnight.timestamp()) * 1000


def next_due(referral: ReferralRow) -> tuple[Due, int] | tuple[None, None]:
    """Return the next deadline of a referral and its time (ms), if one runs."""
    if referral.closed:
        return None, None
    acknowledge, respond = referral.acknowledge_by_ms, referral.respond_by_ms
    if acknowledge is not None and (respond is None or acknowledge <= respond):
        return "acknowledge", acknowledge
    return (None, None) if respond is None else ("respond", respond)


class Words:
    """Names of agencies, services and statuses, from every agreement that the agency holds.

    A code that several agreements have gets the label of the newest.
    """

    def __init__(self, agency: DeskAgency) -> None:
        contracts = agency.known_contracts()
        self.agencies: dict[str, str] = {}
        self.services: dict[str, str] = {}
        self._rules: list[tuple[Vocabulary, ReferralRules]] = []
        for contract in contracts:
            vocabulary = contract.vocabulary
            for party in contract.parties:
                if party.id != agency.id:
                    self.agencies[party.id] = party.legal_name
            rules = referral_rules(vocabulary)
            if rules is None:
                continue
            self._rules.insert(0, (vocabulary, rules))
            path = service_path(vocabulary)
            if path is not None:
                listed = vocabulary.type(rules.made.type).leaves[path].form.code
                assert listed is not None
                self.services |= vocabulary.code_lists[listed].codes

    def line(self, row: ListedReferralRow) -> ReferralLine:
        """Return a row of a list in words."""
        referral = row.referral
        which, due_ms = next_due(referral)
        return ReferralLine(
            referral_id=referral.referral_id.partition("/")[0],
            agency=referral.counterparty,
            agency_name=self.agencies.get(referral.counterparty, referral.counterparty),
            service=None if row.service is None else self.service(row.service),
            urgency=row.urgency,
            urgent=any(row.urgency in rules.urgent for _, rules in self._rules),
            critical=row.critical,
            status=self.status(referral.status),
            business_status=None
            if referral.business_status is None
            else self.progress(referral.business_status),
            made_ms=referral.made_ms,
            due=which,
            due_ms=due_ms,
            updated_ms=referral.updated_ms,
            closed=referral.closed,
        )

    def service(self, code: str) -> str:
        """Return a service in words."""
        found = (service_label(vocabulary, code) for vocabulary, _ in self._rules)
        return next((label for label in found if label != code), code)

    def status(self, code: str) -> str:
        """Return a status in words."""
        return self._label(code, lambda rules: rules.changed.status)

    def progress(self, code: str) -> str:
        """Return the progress within a status in words."""
        return self._label(code, lambda rules: rules.changed.business_status)

    def _label(self, code: str, path_of: Callable[[ReferralRules], str]) -> str:
        found = (
            code_label(vocabulary, rules.changed.type, path_of(rules), code)
            for vocabulary, rules in self._rules
        )
        return next((label for label in found if label != code), code)
