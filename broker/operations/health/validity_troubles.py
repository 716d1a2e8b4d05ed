"""Troubles of validity: what ends, awaits a signature, or is not in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.operations.agency_progress import MANIFEST_WARNING_MS
from broker.operations.agency_status import Status
from broker.operations.checks.examination import ENDS_SOON_MS
from broker.operations.health.trouble import Trouble, Urgency, in_days
from contracts.durations import DAY_MS

URGENT_MS: Final = 7 * DAY_MS
"""Time before an end from which it needs a person today."""


def validity_troubles(status: Status) -> Iterator[Trouble]:
    """Return what ends soon, or has ended."""
    now = status.time_ms
    if not any(one.state == "in_force" for one in status.contracts):
        yield Trouble(
            "agreement-not-in-force",
            "now",
            "no agreement is in force",
            f"{status.next.what} `{status.next.command}`"
            if status.next.command
            else status.next.what,
        )
    for end in status.tls:
        if end.soon and not end.ends_ms:
            do = "Run `concordant doctor --agency DIR`: it says what is wrong with the file."
            yield Trouble("ends-soon", "now", f"the {end.what} for Kafka cannot be used", do)
        elif end.soon:
            do = "Run `concordant doctor --agency DIR`: it says who renews it."
            yield _ending("ends-soon", f"the {end.what} for Kafka", end.ends_ms, do, now)
    expires = status.manifest_expires_ms
    if expires is not None and expires - now < MANIFEST_WARNING_MS:
        do = "Renew it: `concordant keys renew --agency DIR`."
        yield _ending("manifest-not-renewed", "our key list", expires, do, now)
    if status.delegation_due is not None and status.delegation_expires_ms is not None:
        do = "Make an appointment with the holder of the governance keys."
        yield _ending(
            "delegation-ends", "the delegation of our keys", status.delegation_expires_ms, do, now
        )
    for one in status.contracts:
        named = f"{one.name} {one.version}"
        if one.awaits_us:
            yield Trouble(
                "signature-awaited",
                "soon",
                f"{named} awaits our signature",
                "Tell the officer: `concordant agency status --agency DIR` has the next step.",
            )
        elif one.state == "in_force" and one.ends_ms - now < ENDS_SOON_MS:
            do = "Tell the officer: the parties sign a new version."
            yield _ending("ends-soon", named, one.ends_ms, do, now)


def _ending(entry: str, what: str, ends_ms: int, do: str, now: int) -> Trouble:
    urgency: Urgency = "soon"
    if ends_ms <= now:
        urgency = "now"
    elif ends_ms - now < URGENT_MS:
        urgency = "today"
    verb = "ended" if ends_ms <= now else "ends"
    return Trouble(entry, urgency, f"{what} {verb} {in_days(ends_ms, now)}", do)
