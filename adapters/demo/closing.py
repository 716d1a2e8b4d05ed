"""Audit questions answered from verified logs, and the measurements of the run."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.demo import hosting, person
from adapters.demo.auditing import audit, audit_time, overdue, referrals_of
from adapters.demo.comparing import ExchangeComparison
from adapters.demo.desk import Arrival
from adapters.demo.figures import distinct_events, measured
from adapters.demo.hosting import Seen, take_apart
from adapters.demo.person import COUNCIL, POLICE
from adapters.demo.processes import peak_memory
from adapters.demo.report import Result
from adapters.demo.screen import Screen
from adapters.demo.stage import Stage
from adapters.demo.town import Town
from broker.agency.participant import Participant
from broker.store.rows import ReferralRow
from contracts.model import topic_name


def answers(
    stage: Stage, participants: Mapping[str, Participant], screen: Screen, result: Result
) -> None:
    """Point 5 of the story: recipients of the address; cancelled and overdue referrals.

    Raises:
        DisclosureLogError: a log differs from what was signed.
    """
    screen.act(f"Who received victim.address of {person.NAME}, and under which clause?")
    result.logs = audit(participants, result.case_id, "victim.address")
    entries = sum(log.head.size for log in result.logs)
    witnessed = sum(log.witnessed for log in result.logs)
    result.expect(
        screen,
        f"seven disclosure logs verified: {entries:,} entries, and {witnessed} heads that other "
        "agencies kept of them",
        entries > 0 and witnessed > 0,
    )
    rows = [
        [log.agency, audit_time(d.time_ms), d.type, d.source or log.agency, d.recipient, d.clause]
        for log in result.logs
        for d in log.disclosures
    ]
    screen.table("", ["log of", "UTC", "event", "from", "received by", "clause"], rows)
    readers = {d.recipient for log in result.logs for d in log.disclosures}
    result.expect(screen, "only police and council received it", readers == {POLICE, COUNCIL})
    result.referrals = referrals_of(participants[POLICE], result.case_id)
    result.overdue = overdue(participants[POLICE])
    late = {row.referral_id for row in result.overdue}
    screen.table(
        f"Referrals of the case, as {POLICE} has them",
        ["with", "side", "status", "version", "clock"],
        [
            [row.counterparty, row.role, row.status, row.version, _clock(row, late)]
            for row in result.referrals
        ],
    )
    result.expect(
        screen,
        "one referral was cancelled",
        sum(row.status == "cancelled" for row in result.referrals) == 1,
    )
    if stage.kafka is not None:
        unanswered = [row for row in result.referrals if row.referral_id in late]
        result.expect(screen, "one was never acknowledged and is overdue", len(unanswered) == 1)


def figures(
    stage: Stage, screen: Screen, result: Result, town: Town, outage: tuple[float, float]
) -> None:
    """Measure the run.

    Args:
        stage: the processes and folders of the run.
        screen: where the measurements are shown.
        result: comparison and refusals of the run.
        town: all clerks, with every arrival.
        outage: start and end of the time when something was down, seconds since the epoch.
    """
    screen.act("Measurements of this run")
    assert result.comparison is not None
    arrivals = [
        (agency, arrival)
        for agency, clerk in town.clerks.items()
        for arrival in clerk.desk.arrivals
    ]
    began, ended = outage
    quiet = [
        (agency, arrival.event_id)
        for agency, arrival in arrivals
        if not began - 1 <= _dropped(result.comparison, agency, arrival) <= ended
        and agency != "council-lewisham"  # it was stopped to show how a withheld record is noticed
    ]
    data = None if stage.kafka is None else stage.kafka.folder / "data"
    result.kafka_mib = max(result.kafka_mib, kafka_memory(stage))
    found = result.figures = measured(
        distinct_events(sealed_events(stage)),
        result.comparison,
        quiet,
        [arrival.at for _, arrival in arrivals],
        stage.adapters,
        data,
        screen.seconds,
    )
    disk = f"{found.disk_bytes:,} on disk" if found.disk_bytes else "on a Kafka elsewhere"
    adapters = ", ".join(f"{name} {mib}" for name, mib in found.adapter_mib.items())
    adapters += (
        f"; each at most {max(found.adapter_peak_mib.values(), default=0)}, at its start, while "
        "a key is derived from a passphrase"
    )
    for name, value in (
        ("Bytes", f"{found.record_bytes:,} in {found.events:,} events, {disk}"),
        (
            "Events per signature",
            f"{found.events_per_signature} (at most {found.largest_batch}; "
            f"{found.signatures:,} signatures)",
        ),
        (
            "Events per second",
            f"{found.events_per_second} into inboxes in the busiest second",
        ),
        (
            "Export to inbox",
            f"p50 {found.p50_s} s, p99 {found.p99_s} s; {found.longest_s} s with the outage",
        ),
        ("Memory, MiB", adapters + (f"; Kafka {result.kafka_mib}" if result.kafka_mib else "")),
        ("Seconds", f"{found.seconds}"),
    ):
        screen.say(f"{name}: {value}")


def _dropped(comparison: ExchangeComparison, agency: str, arrival: Arrival) -> float:
    waited = comparison.seconds.get((agency, arrival.event_id), 0.0)
    return arrival.at - waited


def sealed_events(stage: Stage) -> list[Seen]:
    """Return every sealed event that Kafka holds, as the Kafka operator sees it.

    Raises:
        TransportError: Kafka cannot be reached.
    """
    contract = stage.contract()
    topics = [topic_name(contract, name) for name in sorted(contract.topics)]
    records = hosting.dump(stage.operator, topics)
    return [seen for record in records if (seen := take_apart(record)) is not None]


def kafka_memory(stage: Stage) -> int:
    """Return the highest resident memory of the demo's Kafka in MiB; 0 for another Kafka."""
    kafka = stage.kafka
    return 0 if kafka is None or kafka.pid is None else peak_memory(kafka.pid) >> 20


def _clock(row: ReferralRow, late: set[str]) -> str:
    if row.referral_id in late:
        return "overdue: never acknowledged"
    return "closed" if row.closed else "met or running"
