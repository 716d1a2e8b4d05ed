"""Texts and JSON of ``contract suspend``, ``resume`` and ``leave``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from typing import Final

from broker.keys.instant import format_instant
from broker.operations.contract_departure import (
    Departed,
    DepartureReview,
    DepartureState,
    StopLine,
)

VERBS: Final[Mapping[DepartureState, str]] = {
    "suspended": "suspend",
    "resumed": "resume",
    "left": "leave",
}
"""New status to the verb that brings it about."""
_QUESTIONS: Final[Mapping[DepartureState, str]] = {
    "suspended": "Suspend this agency's part?",
    "resumed": "Resume?",
    "left": "Leave permanently? This cannot be undone.",
}
_PUBLISHED: Final = (
    "The running adapter publishes it at once; otherwise the next start of the adapter does."
)


def question(reviewed: DepartureReview) -> str:
    """Return what is asked before it is stated."""
    return _QUESTIONS[reviewed.state]


def review_lines(reviewed: DepartureReview) -> Iterator[str]:
    """Return what stops, what continues, since when, and what each partner has to do."""
    yield f"{reviewed.contract} {', '.join(reviewed.versions)}, from {_time(reviewed.since)}:"
    for title, lines in (
        ("What stops", stops(reviewed)),
        ("What continues", goes_on(reviewed)),
        ("What each partner has to do", tuple(_to_do(reviewed))),
    ):
        yield f"{title}:"
        for line in lines:
            yield f"  - {line}"


def stops(reviewed: DepartureReview) -> tuple[str, ...]:
    """Return what stops, one sentence each."""
    partners = ", ".join(reviewed.partners) or "no other party"
    if reviewed.state == "resumed":
        since = reviewed.suspended_since
        begun = "" if since is None else f", begun {_time(since)}"
        return (
            f"The suspension{begun}.",
            "What this agency logged during the suspension stays refused.",
        )
    ends = "until it resumes" if reviewed.state == "suspended" else "for good"
    return (
        f"This agency seals nothing and opens nothing under this agreement, {ends}.",
        f"These parties seal nothing to this agency and refuse what it logs: {partners}.",
        "This cannot be undone: to take part again, sign a new version."
        if reviewed.state == "left"
        else "What it logs during the suspension stays refused, also after it resumes.",
    )


def goes_on(reviewed: DepartureReview) -> tuple[str, ...]:
    """Return what continues, one sentence each."""
    others = ", ".join(reviewed.others)
    lines = ["What was opened before stays with the agency that opened it."]
    if reviewed.state == "resumed":
        lines = [
            "This agency sends again, and opens the records that waited for it.",
            "Events that the other parties held back for it come from them.",
        ]
    elif reviewed.state == "suspended":
        lines += [
            "Records that come to this agency wait and are opened when it resumes. Let the adapter "
            "run.",
            "The dates of open referrals go on: answer them by telephone.",
        ]
    else:
        lines += [
            "This agency keeps, protects and erases what it received as the agreement says "
            "(retention, rights of people, leaving).",
            "Records that still come to this agency are kept unopened in its quarantine.",
        ]
    if len(reviewed.partners) > 1 and reviewed.state != "resumed":
        lines.append("The other parties continue with each other.")
    if others:
        lines.append(f"Other agreements of this agency: {others}.")
    return tuple(lines)


def _to_do(reviewed: DepartureReview) -> Iterator[str]:
    for partner in reviewed.partners:
        yield f"{partner}: {to_do(reviewed)}"


def to_do(reviewed: DepartureReview) -> str:
    """Return what a partner has to do."""
    if reviewed.state == "resumed":
        return "nothing by hand while its adapter runs; it sends again what it held back."
    if reviewed.state == "suspended":
        return "nothing by hand while its adapter runs; urgent matters by telephone."
    return (
        "nothing by hand while its adapter runs; sign a version without this agency, and hand over "
        "its open referrals."
    )


def departure_json(reviewed: DepartureReview) -> dict[str, object]:
    """For programs."""
    return {
        "versions": list(reviewed.versions),
        "since": _time(reviewed.since),
        "stops": list(stops(reviewed)),
        "goes_on": list(goes_on(reviewed)),
        "partners": [{"agency": one, "to_do": to_do(reviewed)} for one in reviewed.partners],
    }


def departed_json(departed: Departed) -> dict[str, object]:
    """For programs."""
    return {
        "agency": departed.agency,
        "contract": departed.contract,
        "version": departed.version,
        "state": departed.state,
        "manifest_version": departed.manifest_version,
        "changed": departed.changed,
    }


def departed_text(departed: Departed) -> str:
    """One line."""
    return f"{departed.agency}: {departed.contract} {departed.version} {departed.state}"


def departed_notes(departed: Departed, agency: Path) -> list[str]:
    """Return what the operator should know."""
    if not departed.changed:
        stood = (
            "was not suspended" if departed.state == "resumed" else f"was {departed.state} already"
        )
        return [f"Nothing was changed: this agency's part {stood}."]
    return [
        f"It is in manifest version {departed.manifest_version}. {_PUBLISHED}",
        f"See who has acknowledged it: concordant contract status --agency {quote(str(agency))}",
    ]


def stop_json(line: StopLine) -> dict[str, object]:
    """A suspension or departure, for programs."""
    until = line.stop.until
    return {
        "agency": line.agency,
        "state": line.stop.state,
        "since": _time(line.stop.since),
        "until": None if until is None else _time(until),
        "reason": line.stop.reason,
        "acknowledged": [
            {"agency": one, "time": _time(at)} for one, at in sorted(line.acknowledged.items())
        ],
        "not_acknowledged": list(line.awaited),
    }


def stop_texts(line: StopLine) -> Iterator[str]:
    """A suspension or departure, for people."""
    until = line.stop.until
    ended = "" if until is None else f", resumed {_time(until)}"
    yield (
        f"  {line.agency} {line.stop.state} since {_time(line.stop.since)}{ended} "
        f"({line.stop.reason})"
    )
    for one, at in sorted(line.acknowledged.items()):
        yield f"    acknowledged by {one}, {_time(at)}"
    if line.awaited:
        yield f"    not yet acknowledged by {', '.join(line.awaited)}"


def _time(moment: int) -> str:
    return format_instant(moment)
