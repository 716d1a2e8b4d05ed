"""Troubles with partners: contradictions, missing records and key lists, silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from broker.codes.meanings import CODES
from broker.operations.agency_status import Status
from broker.operations.health.trouble import Trouble, listed, since
from contracts.durations import DAY_MS
from contracts.wording import counted

NAMED_AT_MOST: Final = 2
"""Most partners that one sentence names."""
ALARM_SHOWN_MS: Final = DAY_MS
"""Time for which an alarm needs a person after it was last raised."""
_SHOWN_AS_STATE: Final = frozenset(
    {
        "silence", "gap", "withheld", "content_missing", "equivocation", "manifest_not_received",
        "registry_differs", "manifest_not_ours", "referral_unacknowledged", "referral_unanswered",
        "refused_by_recipient",
    }
)  # fmt: skip
"""Alarms about a state that is a trouble of its own while it lasts."""

Named: TypeAlias = Callable[[str], str]
"""Gives the name of an agency for people, by its id."""


def trust_troubles(status: Status, named: Named) -> Iterator[Trouble]:
    """Return contradictions: each may be an attack, so they come before everything else."""
    now = status.time_ms
    for agency in sorted({one.agency for one in status.received if one.stopped}):
        yield Trouble(
            "stream-stopped",
            "now",
            f"{named(agency)} has signed two texts that contradict each other",
            f"Telephone {named(agency)}. Ask whether it restored a backup, or lost a key.",
            agency=agency,
        )
    for differing in status.registry_differs:
        yield Trouble(
            "registry-differs",
            "now",
            f"{named(differing.agency)} has known other keys than we do "
            f"{since(differing.since_ms, now)}",
            f"Telephone {named(differing.agency)} and compare the hashes that "
            "`concordant status --agency DIR` shows.",
            differing.since_ms,
            differing.agency,
        )
    for missing in status.manifests_not_received:
        yield Trouble(
            "manifest-not-received",
            "now",
            f"the newest key list of {named(missing.agency)} has been missing "
            f"{since(missing.since_ms, now)}",
            f"Telephone {named(missing.agency)}, then Kafka's host.",
            missing.since_ms,
            missing.agency,
        )


def alarm_troubles(status: Status, named: Named) -> Iterator[Trouble]:
    """Return alarms of the last day that are about no lasting state."""
    for alarm in status.alarms:
        if alarm.code in _SHOWN_AS_STATE or status.time_ms - alarm.last_ms >= ALARM_SHOWN_MS:
            continue
        about = f" about {named(alarm.agency)}" if alarm.agency else ""
        yield Trouble(
            "alarm",
            "today",
            f"the alarm {alarm.code}{about} was raised",
            CODES[alarm.code].to_do if alarm.code in CODES else "Look the code up.",
            alarm.last_ms,
            alarm.agency or None,
        )


def silence_trouble(status: Status, named: Named) -> Trouble | None:
    """Return which partners are silent; None if all are heard."""
    silent = [one for one in status.heartbeats if one.silent]
    if not silent:
        return None
    begun = min((one.heard_ms for one in silent if one.heard_ms is not None), default=None)
    first = "" if begun is None else f" {since(begun, status.time_ms)}"
    if len(silent) == len(status.heartbeats) > 1:
        return Trouble(
            "partner-silent",
            "now",
            f"no partner has been heard{first}" if first else "no partner was ever heard",
            "Run `concordant doctor --agency DIR`: the fault is probably here or at Kafka.",
            begun,
        )
    names = [named(one.agency) for one in silent]
    if len(names) > NAMED_AT_MOST:
        return Trouble(
            "partner-silent",
            "now",
            f"{len(names)} partners are silent" + (f", the first{first}" if first else ""),
            f"Telephone {listed(names)}. Ask whether their adapters run.",
            begun,
        )
    have = "has" if len(names) == 1 else "have"
    if begun is None or any(one.heard_ms is None for one in silent):
        says = f"{listed(names)} {have} not been heard yet"
    else:
        says = f"{listed(names)} {have} been silent{first}"
    agency = silent[0].agency if len(silent) == 1 else None
    do = f"Telephone {listed(names)}. Ask whether the adapter runs there."
    return Trouble("partner-silent", "now", says, do, begun, agency)


def missing_troubles(status: Status, named: Named) -> Iterator[Trouble]:
    """Return partners of which records are missing."""
    for agency, count in sorted(missing_records(status).items()):
        yield Trouble(
            "records-missing",
            "now",
            f"{counted(count, 'record', 'records')} of {named(agency)} "
            f"{'is' if count == 1 else 'are'} missing",
            f"Wait ten minutes: the missing records are asked for. If they do not come, "
            f"telephone {named(agency)}.",
            agency=agency,
        )


def missing_records(status: Status) -> dict[str, int]:
    """Return the number of records of each partner that did not arrive, or without content."""
    found: dict[str, int] = {}
    for stream in status.received:
        count = sum(last - first + 1 for _, first, last in stream.gaps)
        count += sum(bare for _, bare in stream.without_content)
        if count:
            found[stream.agency] = found.get(stream.agency, 0) + count
    return found


def answer_troubles(status: Status) -> Iterator[Trouble]:
    """Return own events that partners did not take, and time limits that have passed."""
    if status.not_taken:
        count = len({one.event for one in status.not_taken})
        yield Trouble(
            "not-taken",
            "today",
            f"partners did not take {counted(count, 'event', 'events')} of ours",
            "See which events, and why: `concordant status --json --agency DIR`.",
            min(one.since_ms for one in status.not_taken),
        )
    late = status.referrals.overdue
    if late:
        yield Trouble(
            "deadline-passed",
            "today",
            f"{counted(len(late), 'time limit has', 'time limits have')} passed",
            "Tell the caseworkers. `concordant status --agency DIR` names the cases.",
            min(one.due_ms for one in late),
        )
