"""Checks of event flow: waiting events, other agencies' streams and heartbeats, referrals.

`doctor` names here everything that `status` shows as wrong, and every held item, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from broker.agency.config_sections import DESK, FOLDER
from broker.agency.participant import Participant
from broker.agency.running import adapter_runs
from broker.codes.meanings import CODES
from broker.held.inventory import groups_by_kind, held_folders, held_groups
from broker.held.items import KINDS
from broker.observing.side_faults import Side, side_faults
from broker.observing.tallies import kept
from broker.operations.checks.check import Check, passed, skipped, warned
from broker.operations.desk.counts import desk_counts
from broker.operations.registry_state import missing_manifests, registry_differences
from broker.receiving.persistence import NEARLY_FULL, QUARANTINE_BYTES, QUARANTINE_QUOTA, filled
from broker.registry.awaited import awaited
from broker.store.database import open_existing, state_exists
from broker.store.transaction import Transaction
from contracts.durations import DAY_MS, MINUTE_MS, duration_text
from contracts.phrases import N_, grouped, joined, phrase, phrases

SLOW_MS: Final = 10 * MINUTE_MS
"""Longest wait of an event for the agency's own system (the alert `InboxStuck`)."""
FLOW: Final = ("outbox", "inbox", "streams", "heartbeats", "newest", "referrals", "alarms")
"""Names of these checks."""
TOO_LARGE: Final = "kafka_record_too_large"


def flow_checks(participant: Participant, now: int) -> Iterator[Check]:
    """Check outbox, inbox, streams, heartbeats, referrals and alarms.

    Raises:
        StoreError: the state cannot be read.
    """
    if not state_exists(participant.state):
        for name in FLOW:
            yield passed(name, N_("no state yet: no event has been sent or received"))
        return
    runs = adapter_runs(participant.root)
    store = open_existing(participant.state)
    try:
        with store.reading() as tx:
            yield _outbox(participant, tx, now, runs=runs)
            yield _inbox(participant, tx, now, runs=runs)
            yield from _desk(tx)
            yield from _results(participant, tx, now)
            yield from _deliveries(tx, now)
            yield from _sides(tx, now, runs=runs)
            yield from _streams(tx)
            yield from _heartbeats(participant, tx, now, runs=runs)
            yield from _registry(participant, tx, now)
            yield _referrals(participant, tx, now)
            yield _alarms(participant, tx, now)
    finally:
        store.close()


def _start(participant: Participant) -> str:
    return phrase(
        "start the adapter: concordant adapter run --agency %(root)s", root=participant.root
    )


def _outbox(participant: Participant, tx: Transaction, now: int, *, runs: bool) -> Check:
    counts = tx.outbox.counts()
    waiting = counts.pending + counts.unsent
    if not waiting or counts.oldest_ms is None:
        return passed("outbox", N_("every accepted event is on Kafka"))
    since = duration_text(now - counts.oldest_ms)
    largest = max((len(row.value or b"") for row in tx.outbox.unsent()), default=0)
    detail = phrases(
        "%(n)s event waits for Kafka, the oldest for %(since)s",
        "%(n)s events wait for Kafka, the oldest for %(since)s",
        waiting,
        since=since,
    )
    faults = [one for one in kept(tx) if one.kind == "relay"]
    last = max(faults, key=lambda one: one.last_ms, default=None)
    if counts.unsent and last is not None and last.code == TOO_LARGE:
        topics = ", ".join(sorted({topic for topic, _, _ in tx.outbox.unsent_streams()}))
        detail = phrase(
            "%(detail)s; Kafka refuses records of this size: the largest has %(largest)s bytes",
            detail=detail,
            largest=largest,
        )
        fix = phrase(
            "ask Kafka's host to let %(topics)s take larger records "
            "(max.message.bytes): concordant kafka apply",
            topics=topics,
        )
        return Check("outbox", "fail", detail, fix, TOO_LARGE)
    if not runs:
        return warned(
            "outbox",
            phrase("%(detail)s, and the adapter does not run", detail=detail),
            _start(participant),
        )
    if now - counts.oldest_ms < MINUTE_MS:
        return passed("outbox", detail)
    if last is not None and counts.unsent:
        detail = phrase("%(detail)s; the last reason: %(code)s", detail=detail, code=last.code)
    fix = N_("the lines kafka and rights say what is wrong with Kafka; nothing is lost")
    return Check("outbox", "fail", detail, fix, "outbox_waits")


def _results(participant: Participant, tx: Transaction, now: int) -> Iterator[Check]:
    within_ms = participant.config.result_within_ms
    count, oldest = tx.offers.unanswered(now - within_ms)
    if count and oldest is not None:
        detail = phrases(
            "our own system has sent no result for %(n)s event that it was offered, "
            "the oldest for %(time)s",
            "our own system has sent no result for %(n)s events that it was offered, "
            "the oldest for %(time)s",
            count,
            time=duration_text(now - oldest),
        )
        fix = N_("ask the team of that system whether it reads its events and sends results")
        yield Check("results", "fail", detail, fix, "results_overdue")


def _deliveries(tx: Transaction, now: int) -> Iterator[Check]:
    failing = tx.attempts.failing()
    if failing.since_ms is not None:
        reasons = ", ".join(sorted(failing.codes))
        detail = phrases(
            "our own system did not take %(n)s event; each is tried again, the first "
            "for %(time)s (%(reasons)s)",
            "our own system did not take %(n)s events; each is tried again, the "
            "first for %(time)s (%(reasons)s)",
            failing.events,
            time=duration_text(now - failing.since_ms),
            reasons=reasons,
        )
        fix = N_("ask the team of that system; docs/codes.md says what each code means")
        late = now - failing.since_ms >= SLOW_MS
        yield Check("deliveries", "fail" if late else "warn", detail, fix, "delivery_fails")


_SUBJECTS: Final[Mapping[Side, str]] = {
    "kafka": N_("the adapter cannot use Kafka"),
    "source": N_("the source of the adapter cannot work"),
    "sink": N_("the sink of the adapter cannot work"),
    "notices": N_("notices cannot be sent to people"),
}


def _sides(tx: Transaction, now: int, *, runs: bool) -> Iterator[Check]:
    for fault in side_faults(tx) if runs else ():
        detail = phrase(
            "%(fault)s: %(code)s, for %(time)s",
            fault=_SUBJECTS[fault.side],
            code=fault.code,
            time=duration_text(now - fault.since_ms),
        )
        known = CODES.get(fault.code)
        fix = N_("look up the code in docs/codes.md; nothing is lost")
        if known is not None:
            fix = phrase("%(to_do)s Nothing is lost.", to_do=known.to_do)
        yield Check(fault.side, "fail", detail, fix, "side_fails")


def _inbox(participant: Participant, tx: Transaction, now: int, *, runs: bool) -> Check:
    counts = tx.inbox.counts()
    oldest = counts.oldest_undelivered_ms
    waiting = counts.undelivered
    if not waiting or oldest is None:
        return passed("inbox", N_("our own system has every event that can be delivered"))
    detail = phrases(
        "%(n)s event waits for our own system, the oldest for %(time)s",
        "%(n)s events wait for our own system, the oldest for %(time)s",
        waiting,
        time=duration_text(now - oldest),
    )
    if not runs:
        return warned(
            "inbox",
            phrase("%(detail)s, and the adapter does not run", detail=detail),
            _start(participant),
        )
    if now - oldest < SLOW_MS:
        return passed("inbox", detail)
    if participant.config.adapter.sink == FOLDER:
        folder = participant.path(participant.config.folders.inbox)
        fix = phrase("let the account that runs the adapter write to %(folder)s", folder=folder)
    elif participant.config.adapter.sink == DESK:
        fix = N_("read the adapter's log: it says why the desk cannot keep them")
    else:
        fix = N_("ask the team of that system whether it reads events and sends results")
    return Check("inbox", "fail", detail, fix, "inbox_waits")


def _desk(tx: Transaction) -> Iterator[Check]:
    counts = desk_counts(tx)
    if counts is None:
        return
    if counts.unconfirmed:
        detail = phrase(
            "%(unconfirmed)s critical incidents were not confirmed by a person",
            unconfirmed=counts.unconfirmed,
        )
        yield warned("desk", detail, N_("ask a caseworker to open the inbox and to confirm them"))
    else:
        yield passed(
            "desk",
            phrase(
                "it keeps %(events)s events and %(drafts)s drafts",
                events=counts.events,
                drafts=counts.drafts,
            ),
        )


def _streams(tx: Transaction) -> Iterator[Check]:
    missing = {agency: gaps for agency, _, gaps, _ in tx.reader.state_sizes() if gaps}
    for agency, count in sorted(missing.items()):
        detail = phrase(
            "%(count)s gaps in the records of %(agency)s; the missing records are requested again",
            count=count,
            agency=agency,
        )
        fix = phrase(
            "if it stays for ten minutes, telephone %(agency)s, then the host of Kafka",
            agency=agency,
        )
        yield Check("streams", "fail", detail, fix, "records_missing")
    bare: dict[str, int] = {}
    for log, count in tx.reader_logs.without_content():
        bare[log.agency] = bare.get(log.agency, 0) + count
    for agency, count in sorted(bare.items()):
        detail = phrases(
            "of %(n)s record of %(agency)s only the hash arrived; the rest is requested again",
            "of %(n)s records of %(agency)s only the hash arrived; the rest is requested again",
            count,
            agency=agency,
        )
        fix = phrase("ask %(agency)s whether the content is lost there", agency=agency)
        yield Check("streams", "fail", detail, fix, "content_missing")
    if not missing and not bare:
        yield passed("streams", N_("no record that another agency signed is missing"))


def _heartbeats(
    participant: Participant, tx: Transaction, now: int, *, runs: bool
) -> Iterator[Check]:
    if not runs:
        yield skipped("heartbeats", N_("the adapter does not run"))
        return
    intervals = participant.config.intervals
    heard = {row.agency: row.heard_ms for row in tx.heads.all()}
    others = {
        agency: intervals.silence_ms(agreed)
        for agency, agreed in awaited(participant.contracts, participant.manifests, now).items()
        if agency != participant.agency
    }
    silent = [agency for agency, limit in others.items() if now - heard.get(agency, 0) > limit]
    for agency in silent:
        since = (
            phrase("for %(time)s", time=duration_text(now - heard[agency]))
            if agency in heard
            else N_("ever")
        )
        fix = phrase(
            "telephone %(agency)s: its adapter is down, or its records are withheld", agency=agency
        )
        yield warned(
            "heartbeats",
            phrase("no heartbeat from %(agency)s %(since)s", agency=agency, since=since),
            fix,
        )
    if not silent:
        yield passed(
            "heartbeats", phrase("all %(count)s other parties sent heartbeats", count=len(others))
        )


def _registry(participant: Participant, tx: Transaction, now: int) -> Iterator[Check]:
    missing = missing_manifests(participant, tx, now)
    for one in missing:
        detail = phrase(
            "the newest manifest of %(agency)s, version %(version)s, has not come for %(time)s",
            agency=one.agency,
            version=one.version,
            time=duration_text(now - one.since_ms),
        )
        fix = phrase(
            "telephone %(agency)s, then the host of Kafka: it may withhold the manifest",
            agency=one.agency,
        )
        yield Check("newest", "fail", detail, fix, "manifest_not_received")
    differing = registry_differences(participant, tx, now)
    for other in differing:
        detail = phrase(
            "%(agency)s knows other delegations of the parties of %(contract)s than "
            "we do: our hash is %(ours)s, its hash is %(theirs)s",
            agency=other.agency,
            contract=other.contract,
            ours=other.ours,
            theirs=other.theirs,
        )
        fix = phrase(
            "compare with %(agency)s by telephone what this command says of "
            "delegations: concordant status --agency %(root)s",
            agency=other.agency,
            root=participant.root,
        )
        yield Check("newest", "fail", detail, fix, "registry_differs")
    if not missing and not differing:
        yield passed("newest", N_("we have the newest manifest of every agency that was heard"))


def _referrals(participant: Participant, tx: Transaction, now: int) -> Check:
    late = len(tx.referrals.overdue(now))
    if late:
        fix = phrase(
            "concordant status --agency %(root)s names them; tell the caseworkers",
            root=participant.root,
        )
        detail = phrases(
            "%(n)s referral is past a deadline of the contract",
            "%(n)s referrals are past a deadline of the contract",
            late,
        )
        return warned("referrals", detail, fix)
    return passed("referrals", N_("none is past a deadline of the contract"))


def _alarms(participant: Participant, tx: Transaction, now: int) -> Check:
    recent = [one for one in kept(tx) if one.kind == "alarm" and now - one.last_ms < DAY_MS]
    if recent:
        named = ", ".join(f"{one.code} ({one.about})" for one in recent)
        fix = phrase(
            "concordant status --agency %(root)s; the guide says what each means",
            root=participant.root,
        )
        return warned("alarms", phrase("in the last day: %(named)s", named=named), fix)
    return passed("alarms", N_("none in the last day"))


def held_checks(participant: Participant, now: int) -> Iterator[Check]:
    """Check for held items: one line for each kind.

    Raises:
        StoreError: the state cannot be read.
    """
    if not state_exists(participant.state):
        yield passed("held", N_("no state yet: nothing is held"))
        return
    store = open_existing(participant.state)
    try:
        with store.reading() as tx:
            groups = held_groups(tx, held_folders(participant), now)
            sizes = tx.quarantine.sizes()
    finally:
        store.close()
    for name, found in groups_by_kind(groups).items():
        if not found.count:
            continue
        kind = KINDS[name]
        since = (
            ""
            if not found.oldest_ms
            else phrase(", the oldest for %(time)s", time=duration_text(now - found.oldest_ms))
        )
        items = kind.single if found.count == 1 else kind.title
        detail = joined("", (grouped(found.count), " ", items, since))
        fix = f"concordant quarantine list --agency {participant.root}"
        if kind.urgent:
            yield Check("held", "fail", detail, fix, f"held_{name}")
        else:
            yield warned("held", detail, fix)
    for agency, size in sizes.items():
        part = filled(size)
        if part >= NEARLY_FULL:
            yield Check(
                "held",
                "fail" if part >= 1 else "warn",
                phrase(
                    "the quarantine of %(agency)s is %(part)s full: %(records)s of "
                    "%(quarantine_quota)s records, %(size)s of %(quarantine_bytes)s bytes",
                    agency=agency,
                    part=f"{part:.0%}",
                    records=size.records,
                    quarantine_quota=QUARANTINE_QUOTA,
                    size=size.size,
                    quarantine_bytes=QUARANTINE_BYTES,
                ),
                phrase(
                    "retry records that open now, and discard those that no retry can open: "
                    "concordant quarantine discard ID --reason TEXT --agency %(root)s",
                    root=participant.root,
                ),
                "quarantine_full",
            )
    if not groups:
        yield passed("held", N_("nothing is held"))
