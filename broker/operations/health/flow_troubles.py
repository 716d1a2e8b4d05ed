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
from contracts.phrases import N_, Phrase, phrase, phrases, sentences

_SIDES: Final = {
    "source": N_("the adapter has not been able to fetch from our own system %(since)s"),
    "sink": N_("the adapter has not been able to hand events to our own system %(since)s"),
}


def own_troubles(status: Status, checks: Sequence[Check]) -> Iterator[Trouble]:
    """Return what keeps this agency itself from its work."""
    if not status.adapter_runs:
        yield Trouble(
            "adapter-down",
            "now",
            N_("the adapter does not run"),
            N_("Start the adapter: `concordant adapter run --agency DIR`, or its service."),
        )
    elif status.adapters is not None:
        for gone in status.adapters.missing:
            yield Trouble(
                "adapter-missing",
                "soon",
                phrase(
                    "the adapter %(name)s, which can take over, has been away %(since)s",
                    name=gone.name,
                    since=since(gone.since_ms, status.time_ms),
                ),
                N_("Start it again, so that another adapter can take over when this one fails."),
                gone.since_ms,
                about=gone.name,
            )
    if status.signing_token not in {None, "present"}:
        assert status.signing_token is not None
        to_do = N_(CODES[status.signing_token].to_do)
        yield Trouble("signing-token", "now", N_("the signing keys cannot be used"), to_do)
    if status.manifests_not_ours:
        version = status.manifests_not_ours[0]
        yield Trouble(
            "manifest-not-ours",
            "now",
            phrase(
                "a key list of this agency, version %(version)s, was not made here",
                version=version,
            ),
            N_("Find out whether a copy of the folder ran, or a backup was restored."),
        )
    for check in checks:
        if check.name == "disk" and check.status != "ok":
            yield Trouble(
                "disk-full",
                "now" if check.status == "fail" else "today",
                phrase("the disk is nearly full (%(room)s)", room=check.detail),
                N_("Free room on the disk of the agency's folder. Delete nothing in state/."),
            )


def kafka_trouble(status: Status) -> Trouble | None:
    """Return why events do not reach Kafka; None if they do."""
    now, waiting = status.time_ms, status.outbox.waiting
    outage = kafka_outage(status.outbox, status.side_faults, now)
    if outage is None:
        return None
    begun = outage.since_ms
    do = N_("Run `concordant doctor --agency DIR`, then telephone Kafka's host.")
    if outage.code is not None:
        says = phrase("the adapter has not reached Kafka %(since)s", since=since(begun, now))
        do = sentences(do, phrase("The reason code is %(code)s.", code=outage.code))
    else:
        says = phrases(
            "%(n)s event has waited for Kafka %(since)s",
            "%(n)s events have waited for Kafka %(since)s",
            waiting,
            since=since(begun, now),
        )
    return Trouble("kafka-unavailable", "now", says, do, begun)


def own_system_troubles(status: Status) -> Iterator[Trouble]:
    """Return what the agency's own system does not do."""
    now = status.time_ms
    for fault in status.side_faults:
        if fault.side in _SIDES:
            yield Trouble(
                "own-system",
                "now",
                phrase(_SIDES[fault.side], since=since(fault.since_ms, now)),
                _look_up(fault.code),
                fault.since_ms,
                about=fault.side,
            )
        if fault.side == "notices":
            yield Trouble(
                "notices-not-sent",
                "today",
                phrase(
                    "notices have not reached people %(since)s",
                    since=since(fault.since_ms, now),
                ),
                phrase(
                    "Look up the reason code %(code)s, and correct [notices] or the mail server.",
                    code=fault.code,
                ),
                fault.since_ms,
            )
    oldest = status.inbox.oldest_undelivered_ms
    if status.adapter_runs and oldest is not None and now - oldest >= SLOW_MS:
        count = status.inbox.undelivered
        yield Trouble(
            "inbox-waits",
            "now",
            phrases(
                "%(n)s event waits for our own system %(since)s",
                "%(n)s events wait for our own system %(since)s",
                count,
                since=since(oldest, now),
            ),
            N_("Ask the team of that system whether it takes events."),
            oldest,
        )
    failing = status.deliveries_failing
    if failing is not None and failing.since_ms is not None and now - failing.since_ms >= SLOW_MS:
        yield Trouble(
            "own-system",
            "now",
            phrases(
                "our own system has not taken %(n)s event %(since)s",
                "our own system has not taken %(n)s events %(since)s",
                failing.events,
                since=since(failing.since_ms, now),
            ),
            _look_up(", ".join(sorted(failing.codes))),
            failing.since_ms,
        )
    if status.results_overdue and status.oldest_result_ms is not None:
        yield Trouble(
            "results-overdue",
            "today",
            phrases(
                "our own system owes %(n)s result %(since)s",
                "our own system owes %(n)s results %(since)s",
                status.results_overdue,
                since=since(status.oldest_result_ms, now),
            ),
            N_("Ask the team of that system whether it sends results."),
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
            phrases("%(n)s thing is put aside", "%(n)s things are put aside", count),
            phrases(
                "Decide on the %(n)s thing that is put aside: "
                "`concordant quarantine list --agency DIR`.",
                "Decide on the %(n)s things that are put aside: "
                "`concordant quarantine list --agency DIR`.",
                count,
            ),
            min(times, default=None),
        )
    for full in status.quarantine:
        if full.nearly_full:
            yield Trouble(
                "quarantine-filling",
                "today",
                phrase(
                    "the room for refused records of %(agency)s is %(part)s full",
                    agency=full.agency,
                    part=f"{full.filled:.0%}",
                ),
                N_(
                    "Retry what opens now: `concordant quarantine retry --all --agency DIR`. "
                    "Discard what no retry can open."
                ),
                agency=full.agency,
            )
    if status.oldest_copy_ms is not None and status.time_ms - status.oldest_copy_ms >= DAY_MS:
        yield Trouble(
            "copies-wait",
            "today",
            phrases(
                "%(n)s event waits for a partner that cannot be reached %(since)s",
                "%(n)s events wait for a partner that cannot be reached %(since)s",
                status.copies,
                since=since(status.oldest_copy_ms, status.time_ms),
            ),
            N_("See which partner it is: `concordant event waiting --agency DIR`. Telephone it."),
            status.oldest_copy_ms,
        )


def _look_up(codes: str) -> Phrase:
    return phrase(
        "Look up the reason code %(codes)s, and tell the team of that system.", codes=codes
    )
