"""Texts and JSON of ``concordant status``; tables without rows are not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from broker.cli.output import plain_table, printable
from broker.cli.times import instant
from broker.codes.meanings import CODES
from broker.held.items import KINDS
from broker.operations.agency_status import Status
from broker.operations.counts_status import PartnerCounts
from broker.operations.health.agency_health import Health
from broker.operations.runbook.runbook import RUNBOOK
from broker.utc_text import moment
from contracts.durations import duration_text
from contracts.wording import counted


def status_json(status: Status, found: Health) -> dict[str, object]:
    """The whole status for scripts, every time as text."""
    values = asdict(status)
    del values["time_ms"]
    return {
        "time": instant(status.time_ms),
        "health": {
            "flows": found.flows,
            "sentence": found.sentence,
            "works": found.works,
            "troubles": [_timed(asdict(one)) for one in found.troubles],
        },
        **{n: _timed(v) for n, v in values.items()},
    }


def needs(status: Status) -> list[str]:
    """Return what a person should look at."""
    lines = [
        f"{one.name} {one.version} awaits the signature of this agency. {status.next.what} "
        f"{status.next.command}"
        for one in status.contracts
        if one.awaits_us
    ]
    lines += [
        f"{one.agency} {one.topic} {one.partition} is stopped: its signed texts contradict each "
        f"other. Ask {one.agency}, then: concordant status release {one.agency} {one.topic} "
        f"{one.partition} --agency DIR"
        for one in status.received
        if one.stopped
    ]
    if status.signing_token not in {None, "present"}:
        code = status.signing_token
        lines.append(f"{CODES[code].means}. Nothing is sent. {CODES[code].to_do}" if code else "")
    gaps = sum(len(one.gaps) for one in status.received)
    if gaps:
        lines.append(f"{gaps} gap(s): records that a sender signed have not arrived.")
    leaves = sum(count for one in status.received for _, count in one.without_content)
    if leaves:
        lines.append(f"{leaves} record(s) of which only the hash came; they are asked for again.")
    if status.quarantined:
        lines.append("Refused records are held: concordant quarantine list")
    lines += [
        f"The quarantine of {one.agency} is {one.filled:.0%} full; when it is full, its "
        "records wait. Retry what opens now, and discard what no retry can open: concordant "
        "quarantine list --agency DIR"
        for one in status.quarantine
        if one.nearly_full
    ]
    said = {"record"} | ({"stopped"} if any(one.stopped for one in status.received) else set())
    lines += [
        f"Held: {counted(one.count, KINDS[one.kind].single, one.title)}: "
        "concordant quarantine list --agency DIR"
        for one in status.held
        if one.count and one.kind not in said
    ]
    lines += [
        f"The TLS {one.what} for Kafka ends on {moment(one.ends_ms)}: concordant doctor --agency "
        "DIR says what to do."
        if one.ends_ms
        else f"The TLS {one.what} for Kafka cannot be used: concordant doctor --agency DIR says "
        "what is wrong."
        for one in status.tls
        if one.soon
    ]
    if status.delegation_due is not None:
        lines.append(f"{status.delegation_due} The command: concordant keys delegate --agency DIR")
    lines += [
        f"This folder did not make the manifest of this agency, version {version}; the adapter "
        "issues none: concordant agency status --agency DIR says what to do."
        for version in status.manifests_not_ours
    ]
    lines += [
        f"The newest manifest of {one.agency} has not come since {moment(one.since_ms)}. "
        + (
            f"Nothing is sealed to it until it comes, or until {moment(one.not_sealed_until_ms)}. "
            if status.time_ms < one.not_sealed_until_ms
            else ""
        )
        + f"Telephone {one.agency}, then the host of Kafka."
        for one in status.manifests_not_received
    ]
    lines += [
        f"{one.agency} knows other delegations of the parties of {one.contract} than we do since "
        f"{moment(one.since_ms)}: our hash is {one.ours}, its hash is {one.theirs}. Compare the "
        f"hashes below with {one.agency} by telephone."
        for one in status.registry_differs
    ]
    late = status.referrals.overdue
    if late:
        longest = duration_text(status.time_ms - min(one.due_ms for one in late))
        lines.append(f"{len(late)} referral(s) overdue, the longest by {longest}.")
    unlimited = [one.name for one in status.folders if one.unlimited]
    if unlimited:
        lines.append(
            f"Unencrypted files in {', '.join(unlimited)} are kept for ever, because the number of "
            "days is 0: set processed_days, quarantine_days and inbox_days under [retention] in "
            "agency.toml."
        )
    over = sum(one.over for one in status.folders)
    if over:
        lines.append(f"{over} file(s) are past their retention: the running adapter removes them.")
    return lines


def agency_status_text(status: Status, found: Health) -> str:
    """The whole status as text: whether everything flows, what to do now, then every detail."""
    text = f"{found.sentence}\n{found.works}\n\n{_first_steps(found)}"
    text += f"{status.agency} in {status.deployment}, {moment(status.time_ms)}\n\n"
    text += plain_table(("", ""), list(_facts(status))).partition("\n")[2]
    for heading, columns, rows in _tables(status):
        if rows:
            text += f"\n{heading}\n{plain_table(columns, rows)}"
    return text


def _adapters(status: Status) -> Iterator[tuple[str, str]]:
    """Yield which adapter works on a state that several share, which wait and which are away."""
    adapters = status.adapters
    if adapters is None:
        return
    parts = ["none works" if adapters.works is None else f"{printable(adapters.works)} works"]
    parts += [f"{printable(name)} waits" for name in adapters.waits]
    parts += [
        f"{printable(one.name)} is away since {moment(one.since_ms)}" for one in adapters.missing
    ]
    yield "adapters", ", ".join(parts)


def _first_steps(found: Health) -> str:
    """Return the first step of each trouble and its runbook entry; nothing without a trouble."""
    if not found.troubles:
        return ""
    lines = (
        f"{number}. {one.do} Runbook: {RUNBOOK[one.entry].title} ({one.entry})"
        for number, one in enumerate(found.troubles, 1)
    )
    return "\n".join(("WHAT TO DO NOW", *lines, "", ""))


def _facts(status: Status) -> Iterator[tuple[str, str]]:
    for one in status.contracts:
        gone = "".join(f", {agency} {state}" for agency, state in one.departed.items())
        until = moment(one.ends_ms)
        ours = ", awaits our signature" if one.awaits_us else ""
        yield "agreement", f"{one.name} {one.version}: {one.state}{gone}{ours}, until {until}"
    if status.manifest_version is not None:
        until = moment(status.manifest_expires_ms)
        yield "manifest", f"version {status.manifest_version}, until {until}"
    if status.delegation_expires_ms is not None:
        yield "delegation", f"until {moment(status.delegation_expires_ms)}"
    for end in status.tls:
        until = f"until {moment(end.ends_ms)}" if end.ends_ms else "cannot be used"
        yield f"TLS {end.what}", until
    yield from _adapters(status)
    outbox, inbox = status.outbox, status.inbox
    yield (
        "outbox",
        f"{outbox.pending} wait for their place, {outbox.unsent} for Kafka, {outbox.sent} sent"
        + _since(status, outbox.oldest_pending_ms),
    )
    if status.copies:
        yield (
            "copies",
            f"{status.copies} wait for an agency" + _since(status, status.oldest_copy_ms),
        )
    yield (
        "inbox",
        f"{inbox.undelivered} wait for delivery, {inbox.delivered} delivered"
        + (f", {inbox.held} held" if inbox.held else "")
        + (f", {inbox.behind} wait behind them" if inbox.behind else "")
        + (f", {inbox.discarded} discarded" if inbox.discarded else "")
        + _since(status, inbox.oldest_undelivered_ms),
    )
    if status.desk is not None:
        yield (
            "desk",
            f"{status.desk.events} events kept for people, {status.desk.drafts} drafts"
            + (
                f", {status.desk.unconfirmed} critical incidents not confirmed"
                if status.desk.unconfirmed
                else ""
            ),
        )
    if status.not_taken:
        counts = Counter(one.state.replace("_", " ") for one in status.not_taken)
        newest = status.not_taken[0]
        yield (
            "recipients",
            ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
            + f" in the last 7 days; the newest: concordant event status {newest.event}",
        )
    if status.results_overdue:
        yield (
            "results",
            f"{status.results_overdue} are overdue from the agency's own system"
            + _since(status, status.oldest_result_ms),
        )
    for fault in status.side_faults:
        yield fault.side, f"cannot be used now: {fault.code}" + _since(status, fault.since_ms)
    failing = status.deliveries_failing
    if failing is not None and failing.events:
        yield (
            "deliveries",
            f"{failing.events} are tried again ({', '.join(sorted(failing.codes))})"
            + _since(status, failing.since_ms),
        )
    gaps = sum(len(one.gaps) for one in status.received)
    stopped = sum(one.stopped for one in status.received)
    leaves = sum(count for one in status.received for _, count in one.without_content)
    without = f", {leaves} records without content" if leaves else ""
    yield "streams", f"{len(status.received)} received, {gaps} gaps, {stopped} stopped{without}"
    by_sender = "".join(
        f", {one.agency} {one.records} ({_size(one.bytes)}, {one.filled:.0%} full)"
        for one in status.quarantine
    )
    held = sum(status.quarantined.values())
    yield "quarantine", f"{held} {'record' if held == 1 else 'records'} held{by_sender}"
    if status.notices_left_out:
        kinds = ", ".join(f"{count} {kind}" for kind, count in status.notices_left_out.items())
        yield "notices", f"too many to send, left out so far: {kinds}"
    yield from _counts(status)
    yield from _unions(status)
    yield from _too_large(status)
    if status.evidence:
        yield "evidence", f"{status.evidence} contradictions between signed texts, kept"
    referrals = status.referrals
    yield (
        "referrals",
        f"{referrals.open} open, {len(referrals.overdue)} overdue, "
        f"{referrals.cancellation_requested} to be cancelled, {referrals.cancelled} cancelled",
    )


def _counts(status: Status) -> Iterator[tuple[str, str]]:
    for one in status.counts:
        sent = "not sent yet" if one.sent_ms is None else f"sent {moment(one.sent_ms)}"
        parts = [sent, *(_counts_of(partner) for partner in one.partners)]
        yield "counts", f"{one.agreement}: {'; '.join(parts)}"


def _counts_of(partner: PartnerCounts) -> str:
    if partner.newest_ms is None:
        text = f"{partner.agency} none"
    else:
        quarters = counted(partner.quarters, "quarter", "quarters")
        text = f"{partner.agency} {quarters}, {moment(partner.newest_ms)}"
    return text if partner.refused is None else f"{text}, refused ({partner.refused})"


def _unions(status: Status) -> Iterator[tuple[str, str]]:
    for one in status.unions:
        until = moment(one.destroyed_by_ms)
        part = "pseudonyms" if one.part == "tokens" else one.part
        held = f"{part} of {counted(one.agencies, 'agency', 'agencies')}, destroyed by {until}"
        yield "share", f"{one.agreement} {one.period}: {held}"


def _too_large(status: Status) -> Iterator[tuple[str, str]]:
    for one in status.too_large:
        what = f"{one.statement} of {one.agreement} {one.period}"
        yield "too large", f"{what}, not sent (made {moment(one.made_ms)})"


def _since(status: Status, oldest_ms: int | None) -> str:
    return (
        "" if oldest_ms is None else f", the oldest for {duration_text(status.time_ms - oldest_ms)}"
    )


Rows = Sequence[Sequence[str]]


def _tables(status: Status) -> Iterator[tuple[str, Sequence[str], Rows]]:
    yield (
        "PARTNERS (sent and received in the last 24 hours)",
        ("partner", "sent", "received", "to send", "to deliver", "put aside", "overdue"),
        [
            (
                p.agency,
                str(p.sent),
                str(p.received),
                str(p.to_send),
                str(p.to_deliver),
                str(p.put_aside),
                str(p.overdue),
            )
            for p in status.partners
        ],
    )
    yield (
        "STREAMS THAT WE WRITE",
        ("topic", "partition", "size", "log time", "generation"),
        [
            (s.topic, str(s.partition), str(s.size), moment(s.log_time_ms), s.generation)
            for s in status.streams
        ],
    )
    yield (
        "STREAMS THAT WE RECEIVE",
        ("from", "topic", "partition", "size", "log time", "state"),
        [
            (
                s.agency,
                s.topic,
                str(s.partition),
                str(s.size),
                moment(s.log_time_ms),
                "stopped" if s.stopped else "gaps" if s.gaps else "",
            )
            for s in status.received
        ],
    )
    yield (
        "GAPS",
        ("from", "topic", "partition", "first", "last", "generation"),
        [
            (s.agency, s.topic, str(s.partition), str(first), str(last), generation)
            for s in status.received
            for generation, first, last in s.gaps
        ],
    )
    yield (
        "RECORDS OF WHICH ONLY THE HASH CAME",
        ("from", "topic", "partition", "how many", "generation"),
        [
            (s.agency, s.topic, str(s.partition), str(count), generation)
            for s in status.received
            for generation, count in s.without_content
        ],
    )
    yield (
        "WAITING TO BE JUDGED",
        ("from", "topic", "partition", "offset", "why", "since"),
        [
            (w.agency, w.topic, str(w.partition), str(w.offset), w.reason, moment(w.since_ms))
            for w in status.waiting
        ],
    )
    yield (
        "HELD (concordant quarantine list)",
        ("kind", "how many", "since", "codes"),
        [
            (
                one.kind,
                str(one.count),
                moment(one.oldest_ms),
                ", ".join(f"{code} {count}" for code, count in one.codes.items()),
            )
            for one in status.held
            if one.count
        ],
    )
    yield (
        "HEARTBEATS",
        ("from", "heard", ""),
        [
            (h.agency, moment(h.heard_ms) or "never", "silent" if h.silent else "")
            for h in status.heartbeats
        ],
    )
    yield (
        "MANIFESTS THAT HAVE NOT COME",
        ("of", "version", "since", "nothing is sealed to it until"),
        [
            (m.agency, str(m.version), moment(m.since_ms), moment(m.not_sealed_until_ms))
            for m in status.manifests_not_received
        ],
    )
    yield (
        "AGENCIES THAT KNOW OTHER DELEGATIONS",
        ("agency", "agreement", "since", "our hash", "its hash"),
        [
            (d.agency, d.contract, moment(d.since_ms), d.ours, d.theirs)
            for d in status.registry_differs
        ],
    )
    yield (
        "NEWEST DELEGATIONS THAT WE KNOW",
        ("agreement", "party", "hash"),
        [
            (contract, party, known or "none")
            for contract, parties in {
                one.contract: one.delegations for one in status.registry_differs
            }.items()
            for party, known in parties.items()
        ],
    )
    yield (
        "OVERDUE REFERRALS",
        ("referral", "our case", "we are", "with", "status", "missed", "due"),
        [
            (
                r.referral,
                r.own_reference or "",
                r.role,
                r.counterparty,
                r.status,
                r.missed,
                moment(r.due_ms),
            )
            for r in status.referrals.overdue
        ],
    )
    yield (
        "FILES IN CLEAR",
        ("folder", "files", "the oldest since", "kept for", "past that"),
        [
            (f.name, str(f.files), moment(f.oldest_ms), _kept_for(f.keep_days), str(f.over))
            for f in status.folders
            if f.files
        ],
    )
    yield (
        "ALARMS SO FAR",
        ("alarm", "about", "how often", "last"),
        [
            (a.code, a.agency or "this adapter", str(a.count), moment(a.last_ms))
            for a in status.alarms
        ],
    )


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"


def _kept_for(days: int) -> str:
    return f"{days} days" if days else "ever"


def _timed(value: Any) -> object:
    """Return values named ``..._ms`` as instants under the name without it; the rest unchanged."""
    if isinstance(value, dict):
        return {
            name.removesuffix("_ms"): instant(item) if name.endswith("_ms") else _timed(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_timed(item) for item in value]
    return value
