"""Troubles with partners: contradictions, missing records and key lists, silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from broker.codes.meanings import CODES
from broker.operations.agency_status import Status
from broker.operations.health.trouble import Trouble, since
from contracts.durations import DAY_MS
from contracts.phrases import N_, enumerated, phrase, phrases

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
            phrase(
                "%(agency)s has signed two texts that contradict each other", agency=named(agency)
            ),
            phrase(
                "Telephone %(agency)s. Ask whether it restored a backup, or lost a key.",
                agency=named(agency),
            ),
            agency=agency,
        )
    for differing in status.registry_differs:
        yield Trouble(
            "registry-differs",
            "now",
            phrase(
                "%(agency)s has known other keys than we do %(since)s",
                agency=named(differing.agency),
                since=since(differing.since_ms, now),
            ),
            phrase(
                "Telephone %(agency)s and compare the hashes that `concordant status --agency DIR` "
                "shows.",
                agency=named(differing.agency),
            ),
            differing.since_ms,
            differing.agency,
        )
    for missing in status.manifests_not_received:
        yield Trouble(
            "manifest-not-received",
            "now",
            phrase(
                "the newest key list of %(agency)s has been missing %(since)s",
                agency=named(missing.agency),
                since=since(missing.since_ms, now),
            ),
            phrase("Telephone %(agency)s, then Kafka's host.", agency=named(missing.agency)),
            missing.since_ms,
            missing.agency,
        )


def alarm_troubles(status: Status, named: Named) -> Iterator[Trouble]:
    """Return alarms of the last day that are about no lasting state."""
    for alarm in status.alarms:
        if alarm.code in _SHOWN_AS_STATE or status.time_ms - alarm.last_ms >= ALARM_SHOWN_MS:
            continue
        if alarm.agency:
            says = phrase(
                "the alarm %(code)s about %(agency)s was raised",
                code=alarm.code,
                agency=named(alarm.agency),
            )
        else:
            says = phrase("the alarm %(code)s was raised", code=alarm.code)
        yield Trouble(
            "alarm",
            "today",
            says,
            N_(CODES[alarm.code].to_do) if alarm.code in CODES else N_("Look the code up."),
            alarm.last_ms,
            alarm.agency or None,
            alarm.code,
        )


def silence_trouble(status: Status, named: Named) -> Trouble | None:
    """Return which partners are silent; None if all are heard."""
    silent = [one for one in status.heartbeats if one.silent]
    if not silent:
        return None
    begun = min((one.heard_ms for one in silent if one.heard_ms is not None), default=None)
    first = None if begun is None else since(begun, status.time_ms)
    if len(silent) == len(status.heartbeats) > 1:
        return Trouble(
            "partner-silent",
            "now",
            N_("no partner was ever heard")
            if first is None
            else phrase("no partner has been heard %(since)s", since=first),
            N_("Run `concordant doctor --agency DIR`: the fault is probably here or at Kafka."),
            begun,
        )
    names = [named(one.agency) for one in silent]
    if len(names) > NAMED_AT_MOST:
        return Trouble(
            "partner-silent",
            "now",
            phrase("%(number)s partners are silent", number=len(names))
            if first is None
            else phrase(
                "%(number)s partners are silent, the first %(since)s",
                number=len(names),
                since=first,
            ),
            phrase(
                "Telephone %(agencies)s. Ask whether their adapters run.",
                agencies=enumerated(names),
            ),
            begun,
        )
    if first is None or any(one.heard_ms is None for one in silent):
        says = phrases(
            "%(agencies)s has not been heard yet",
            "%(agencies)s have not been heard yet",
            len(names),
            agencies=enumerated(names),
        )
    else:
        says = phrases(
            "%(agencies)s has been silent %(since)s",
            "%(agencies)s have been silent %(since)s",
            len(names),
            agencies=enumerated(names),
            since=first,
        )
    agency = silent[0].agency if len(silent) == 1 else None
    do = phrase(
        "Telephone %(agencies)s. Ask whether the adapter runs there.", agencies=enumerated(names)
    )
    return Trouble("partner-silent", "now", says, do, begun, agency)


def missing_troubles(status: Status, named: Named) -> Iterator[Trouble]:
    """Return partners of which records are missing."""
    for agency, count in sorted(missing_records(status).items()):
        yield Trouble(
            "records-missing",
            "now",
            phrases(
                "%(n)s record of %(agency)s is missing",
                "%(n)s records of %(agency)s are missing",
                count,
                agency=named(agency),
            ),
            phrase(
                "Wait ten minutes: the missing records are asked for. If they do not come, "
                "telephone %(agency)s.",
                agency=named(agency),
            ),
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
            phrases(
                "partners did not take %(n)s event of ours",
                "partners did not take %(n)s events of ours",
                count,
            ),
            N_("See which events, and why: `concordant status --json --agency DIR`."),
            min(one.since_ms for one in status.not_taken),
        )
    late = status.referrals.overdue
    if late:
        yield Trouble(
            "deadline-passed",
            "today",
            phrases("%(n)s time limit has passed", "%(n)s time limits have passed", len(late)),
            N_("Tell the caseworkers. `concordant status --agency DIR` names the cases."),
            min(one.due_ms for one in late),
        )
