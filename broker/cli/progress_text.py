"""Output of an agency's progress, its partners and its agreements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from broker.cli.stopping_text import stop_json, stop_texts
from broker.keys.keyfile import UNASSIGNED
from broker.operations.agency_progress import AgreementStatus, Progress, Stage
from broker.operations.agreement_state import AgreementState
from broker.operations.partner_checks import PartnerCheck
from broker.utc_text import day

_STAGES: Final[Mapping[Stage, str]] = {
    "incomplete": "files are missing",
    "founded": "made, has no agreement yet",
    "to_check": "fingerprints to compare",
    "to_sign": "an agreement to sign",
    "signed": "signed, waits for other signatures",
    "ended": "no agreement in force",
    "not_started": "signed by all, not started yet",
    "suspended": "suspended",
    "certificate_missing": "certificate for Kafka is missing",
    "manifest_ends": "manifest to renew",
    "in_force": "agreement in force",
}
_GOVERNANCE_HERE: Final = (
    "The governance keys are in this folder. Take them offline when you do not sign."
)


def progress_json(progress: Progress) -> dict[str, Any]:
    """Return an agency's progress, for scripts."""
    return {
        "agency": progress.agency,
        "deployment": progress.deployment,
        "stage": progress.stage,
        "governance_here": progress.governance_here,
        "delegation_ends": None
        if progress.delegation_ends is None
        else day(progress.delegation_ends),
        "agreements": [_agreement_json(one) for one in progress.agreements],
        "partners": [
            {
                "agency": one.agency,
                "legal_name": one.legal_name,
                "checked": None
                if one.check is None
                else {"by": one.check.by, "channel": one.check.channel, "time": one.check.time},
            }
            for one in progress.partners
        ],
        "next": {
            "by": progress.next.by,
            "what": progress.next.what,
            "command": progress.next.command,
        },
    }


def progress_text(progress: Progress) -> str:
    """Return an agency's progress; the last lines give the next step."""
    place = "in no partnership yet" if progress.deployment == UNASSIGNED else progress.deployment
    lines = [f"{progress.agency}, {place}: {_STAGES[progress.stage]}"]
    for one in progress.agreements:
        lines.append(f"agreement {one.line.name} {one.line.version}: {_state(one)}")
        lines.append(f"  signed:  {', '.join(one.line.signed) or 'no party'}")
        if one.line.missing:
            lines.append(f"  missing: {', '.join(one.line.missing)}")
        lines += [f"  {state}: {agency}" for agency, state in sorted(one.departed.items())]
    for partner in progress.partners:
        lines.append(f"partner {partner.agency}: {_checked(partner.check)}")
    if progress.delegation_ends is not None:
        lines.append(f"delegation of the manifest keys: until {day(progress.delegation_ends)}")
    if progress.governance_here:
        lines.append(_GOVERNANCE_HERE)
    lines += ["", f"Next, by {progress.next.by}: {progress.next.what}"]
    if progress.next.command is not None:
        lines.append(f"  {progress.next.command}")
    return "\n".join(lines)


def partner_check_text(check: PartnerCheck) -> str:
    """A check that was recorded."""
    return f"{check.agency} is checked: by {check.by}, {check.channel}, {check.time}."


def statuses_json(statuses: Sequence[AgreementStatus]) -> list[dict[str, Any]]:
    """Agreements with signatures and days, for scripts."""
    return [
        {
            **_agreement_json(one.state),
            "signatures": [
                {
                    "agency": each.agency,
                    "signed": each.signed,
                    "name": each.name,
                    "capacity": each.capacity,
                    "time": each.time,
                    "officers": list(each.officers),
                    "needed": each.needed,
                }
                for each in one.signatures
            ],
            "due": [
                {"what": each.what, "day": each.day.isoformat(), "by": list(each.by)}
                for each in one.due
            ],
            "stops": [stop_json(each) for each in one.stops],
        }
        for one in statuses
    ]


def statuses_text(statuses: Sequence[AgreementStatus]) -> str:
    """Agreements with signatures and days."""
    in_force_first = sorted(statuses, key=lambda one: one.state.state != "in_force")
    lines = [line for one in in_force_first for line in _status_lines(one)]
    return "\n".join(lines) or "This agency has no agreement yet."


def _which(state: AgreementState, times: Sequence[str]) -> str:
    """Return which of two times is the later one, from which the agreement binds."""
    return "last signature" if max(times) > state.starts.isoformat() else "first day"


def _status_lines(status: AgreementStatus) -> Iterator[str]:
    state = status.state
    yield f"{state.line.name} {state.line.version}: {_state(state)}"
    yield f"  dates: {state.starts} to {state.ends}, both included (UTC)"
    for one in status.signatures:
        who = "" if one.name is None else f": {one.name}, {one.capacity}, {one.time}"
        officers = ""
        if one.needed > 1:
            names = ", ".join(one.officers) or "none"
            officers = f" ({len(one.officers)} of {one.needed} officers: {names})"
        yield f"  {one.agency}: {'signed' if one.signed else 'not signed'}{officers}{who}"
    times = [one.time for one in status.signatures if one.signed and one.time is not None]
    if len(times) == len(status.signatures) and state.state in {"in_force", "not_started"}:
        yield f"  binds from: {max(state.starts.isoformat(), *times)}, the {_which(state, times)}"
    for stop in status.stops:
        yield from stop_texts(stop)
    for due in status.due:
        yield f"  due {due.day}: {due.what} ({', '.join(due.by)})"


def _state(state: AgreementState) -> str:
    words = state.state.replace("_", " ")
    return f"{words}, awaits our signature" if state.awaits_us else words


def _checked(check: PartnerCheck | None) -> str:
    if check is None:
        return "NOT CHECKED"
    return f"checked by {check.by}, {check.channel}, {check.time}"


def _agreement_json(state: AgreementState) -> dict[str, Any]:
    return {
        "name": state.line.name,
        "version": state.line.version,
        "sha256": state.line.sha256,
        "state": state.state,
        "starts": state.starts.isoformat(),
        "ends": state.ends.isoformat(),
        "signed": list(state.line.signed),
        "missing": list(state.line.missing),
        "awaits_us": state.awaits_us,
    }
