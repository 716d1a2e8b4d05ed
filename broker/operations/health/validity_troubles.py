"""Troubles of validity: what ends, awaits a signature, or is not in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from broker.operations.agency_progress import MANIFEST_WARNING_MS
from broker.operations.agency_status import Status
from broker.operations.checks.examination import ENDS_SOON_MS
from broker.operations.health.trouble import Trouble, Urgency, in_days
from contracts.durations import DAY_MS
from contracts.phrases import N_, Phrase, joined, phrase

_FILES: Final = {"certificate": N_("certificate"), "authority": N_("authority")}
URGENT_MS: Final = 7 * DAY_MS
"""Time before an end from which it needs a person today."""


def validity_troubles(status: Status) -> Iterator[Trouble]:
    """Return what ends soon, or has ended."""
    now = status.time_ms
    if not any(one.state == "in_force" for one in status.contracts):
        yield Trouble(
            "agreement-not-in-force",
            "now",
            N_("no agreement is in force"),
            joined(" ", (status.next.what, f"`{status.next.command}`"))
            if status.next.command
            else status.next.what,
        )
    for end in status.tls:
        if end.soon and not end.ends_ms:
            do = N_("Run `concordant doctor --agency DIR`: it says what is wrong with the file.")
            says = phrase("the %(file)s for Kafka cannot be used", file=_FILES[end.what])
            yield Trouble("ends-soon", "now", says, do, about=end.what)
        elif end.soon:
            do = N_("Run `concordant doctor --agency DIR`: it says who renews it.")
            named = phrase("the %(file)s for Kafka", file=_FILES[end.what])
            yield _ending("ends-soon", named, end.ends_ms, do, now, end.what)
    expires = status.manifest_expires_ms
    if expires is not None and expires - now < MANIFEST_WARNING_MS:
        do = N_("Renew it: `concordant keys renew --agency DIR`.")
        yield _ending("manifest-not-renewed", N_("our key list"), expires, do, now)
    if status.delegation_due is not None and status.delegation_expires_ms is not None:
        do = N_("Make an appointment with the holder of the governance keys.")
        delegation = N_("the delegation of our keys")
        yield _ending("delegation-ends", delegation, status.delegation_expires_ms, do, now)
    for one in status.contracts:
        version = f"{one.name} {one.version}"
        if one.awaits_us:
            yield Trouble(
                "signature-awaited",
                "soon",
                phrase("%(version)s awaits our signature", version=version),
                N_("Tell the officer: `concordant agency status --agency DIR` has the next step."),
                about=version,
            )
        elif one.state == "in_force" and one.ends_ms - now < ENDS_SOON_MS:
            do = N_("Tell the officer: the parties sign a new version.")
            yield _ending("ends-soon", version, one.ends_ms, do, now, version)


def _ending(entry: str, what: str, ends_ms: int, do: Phrase, now: int, about: str = "") -> Trouble:
    urgency: Urgency = "soon"
    if ends_ms <= now:
        urgency = "now"
    elif ends_ms - now < URGENT_MS:
        urgency = "today"
    when = in_days(ends_ms, now)
    if ends_ms <= now:
        says = phrase("%(what)s ended %(when)s", what=what, when=when)
    else:
        says = phrase("%(what)s ends %(when)s", what=what, when=when)
    return Trouble(entry, urgency, says, do, about=about)
