"""Troubles of the adapter itself, of Kafka, of the agency's own system, and what is put aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from broker.codes.meanings import CODES
from broker.held.items import KINDS
from broker.operations.agency_status import Status
from broker.operations.checks.check import Check
from broker.operations.checks.flow_checks import SLOW_MS
from broker.operations.health.kafka_outage import kafka_outage
from broker.operations.health.trouble import Trouble, since
from contracts.durations import DAY_MS
from contracts.wording import counted

_SIDES: Final = {"source": "fetch from", "sink": "hand events to"}


def own_troubles(status: Status, checks: Sequence[Check]) -> Iterator[Trouble]:
    """Return what keeps this agency itself from its work."""
    if not status.adapter_runs:
        yield Trouble(
            "adapter-down",
            "now",
            "the adapter does not run",
            "Start the adapter: `concordant adapter run --agency DIR`, or its service.",
        )
    if status.signing_token not in {None, "present"}:
        assert status.signing_token is not None
        meaning = CODES[status.signing_token]
        yield Trouble("signing-token", "now", "the signing keys cannot be used", meaning.to_do)
    if status.manifests_not_ours:
        version = status.manifests_not_ours[0]
        yield Trouble(
            "manifest-not-ours",
            "now",
            f"a key list of this agency, version {version}, was not made here",
            "Find out whether a copy of the folder ran, or a backup was restored.",
        )
    for check in checks:
        if check.name == "disk" and check.status != "ok":
            yield Trouble(
                "disk-full",
                "now" if check.status == "fail" else "today",
                f"the disk is nearly full ({check.detail})",
                "Free room on the disk of the agency's folder. Delete nothing in state/.",
            )


def kafka_trouble(status: Status) -> Trouble | None:
    """Return why events do not reach Kafka; None if they do."""
    now, waiting = status.time_ms, status.outbox.waiting
    outage = kafka_outage(status.outbox, status.side_faults, now)
    if outage is None:
        return None
    begun = outage.since_ms
    if outage.code is not None:
        says = f"the adapter has not reached Kafka {since(begun, now)}"
        why = f" The reason code is {outage.code}."
    else:
        says = (
            f"{counted(waiting, 'event has', 'events have')} waited for Kafka {since(begun, now)}"
        )
        why = ""
    do = f"Run `concordant doctor --agency DIR`, then telephone Kafka's host.{why}"
    return Trouble("kafka-unavailable", "now", says, do, begun)


def own_system_troubles(status: Status) -> Iterator[Trouble]:
    """Return what the agency's own system does not do."""
    now = status.time_ms
    for fault in status.side_faults:
        if fault.side in _SIDES:
            yield Trouble(
                "own-system",
                "now",
                f"the adapter has not been able to {_SIDES[fault.side]} our own system "
                f"{since(fault.since_ms, now)}",
                f"Look up the reason code {fault.code}, and tell the team of that system.",
                fault.since_ms,
            )
        if fault.side == "notices":
            yield Trouble(
                "notices-not-sent",
                "today",
                f"people have not been told of referrals {since(fault.since_ms, now)}",
                f"Look up the reason code {fault.code}, and correct [notices] or the mail server.",
                fault.since_ms,
            )
    oldest = status.inbox.oldest_undelivered_ms
    if status.adapter_runs and oldest is not None and now - oldest >= SLOW_MS:
        count = status.inbox.undelivered
        yield Trouble(
            "inbox-waits",
            "now",
            f"{counted(count, 'event waits', 'events wait')} for our own system "
            f"{since(oldest, now)}",
            "Ask the team of that system whether it takes events.",
            oldest,
        )
    failing = status.deliveries_failing
    if failing is not None and failing.since_ms is not None and now - failing.since_ms >= SLOW_MS:
        yield Trouble(
            "own-system",
            "now",
            f"our own system has not taken {counted(failing.events, 'event', 'events')} "
            f"{since(failing.since_ms, now)}",
            f"Look up the reason code {', '.join(sorted(failing.codes))}, and tell the team of "
            "that system.",
            failing.since_ms,
        )
    if status.results_overdue and status.oldest_result_ms is not None:
        yield Trouble(
            "results-overdue",
            "today",
            f"our own system owes {counted(status.results_overdue, 'result', 'results')} "
            f"{since(status.oldest_result_ms, now)}",
            "Ask the team of that system whether it sends results.",
            status.oldest_result_ms,
        )


def put_aside_troubles(status: Status) -> Iterator[Trouble]:
    """Return what waits for a decision."""
    urgent = [one for one in status.held if KINDS[one.kind].urgent and one.kind != "stopped"]
    waits = [one for one in urgent if one.kind != "outbox" or set(one.codes) != {"unsent"}]
    count = sum(one.count for one in waits)
    if count:
        times = [one.oldest_ms for one in waits if one.count and one.oldest_ms]
        yield Trouble(
            "put-aside",
            "today",
            counted(count, "thing is put aside", "things are put aside"),
            f"Decide on the {counted(count, 'thing that is', 'things that are')} put aside: "
            "`concordant quarantine list --agency DIR`.",
            min(times, default=None),
        )
    for full in status.quarantine:
        if full.nearly_full:
            yield Trouble(
                "quarantine-filling",
                "today",
                f"the room for refused records of {full.agency} is {full.filled:.0%} full",
                "Retry what opens now: `concordant quarantine retry --all --agency DIR`. Discard "
                "what no retry can open.",
                agency=full.agency,
            )
    if status.oldest_copy_ms is not None and status.time_ms - status.oldest_copy_ms >= DAY_MS:
        yield Trouble(
            "copies-wait",
            "today",
            f"{counted(status.copies, 'event waits', 'events wait')} for a partner that cannot be "
            f"reached {since(status.oldest_copy_ms, status.time_ms)}",
            "See which partner it is: `concordant event waiting --agency DIR`. Telephone it.",
            status.oldest_copy_ms,
        )
