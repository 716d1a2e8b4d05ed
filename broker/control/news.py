"""Result of a batch of control records, which the adapter acts on and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.control.counts_taken import CountsTaken
from broker.control.reports_taken import ReportTaken
from broker.registry.newest_manifests import Awaited
from broker.statements.heartbeats import Heartbeat
from broker.statements.notices import Notice
from broker.tlog.checkpoint import GenerationPlace


@dataclass(slots=True)
class News:
    """Result of a batch of control records.

    Attributes:
        heartbeats: verified, newest of each agency last.
        missing: (log, last) of logs for which a heartbeat names more records, up to ``last``, than
            this reader has.
        replays: requests to this agency to publish a range again.
        refusals: notices that a record of this agency was refused: (reader, notice).
        receipts: number of stored receipts.
        let_go: dropped ranges of replay requests.
        awaited: after heartbeats, the manifests that they name and that are missing, by agency;
            None if there was no heartbeat.
        manifest_asked: whether an agency lacks our newest manifest and asks for it.
        manifests_wanted: agencies whose heartbeat verifies with no key that is known here, so that
            their newest manifest is asked for.
        reports: reports that were taken.
        listings: agencies whose listing was taken.
        unions: agencies whose statement for a union was taken.
        counts: counts that were taken.
        reports_dropped: (agency, code) of reports for this agency that were at fault.
        rejected: codes of records that did not verify.
        alarms: (agency, code) of states that need a person.
    """

    heartbeats: list[Heartbeat] = field(default_factory=list)
    missing: list[tuple[GenerationPlace, int]] = field(default_factory=list)
    replays: list[Notice] = field(default_factory=list)
    refusals: list[tuple[str, Notice]] = field(default_factory=list)
    receipts: int = 0
    let_go: int = 0
    awaited: Mapping[str, Awaited] | None = None
    manifest_asked: bool = False
    manifests_wanted: list[str] = field(default_factory=list)
    reports: list[ReportTaken] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    unions: list[str] = field(default_factory=list)
    counts: list[CountsTaken] = field(default_factory=list)
    reports_dropped: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)
