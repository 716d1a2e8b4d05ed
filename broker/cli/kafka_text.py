"""Texts and JSON of ``concordant kafka``."""

from __future__ import annotations

from typing import TypeAlias

from broker.cli.times import instant
from broker.operations.certificate_renewal import RenewedCertificate
from broker.operations.kafka_host import HostPlan
from broker.operations.kafka_versions import Version, WaitingVersion
from broker.operations.local_kafka import Running
from broker.operations.strimzi_resources import WrittenResources

Row: TypeAlias = dict[str, object]


def running_json(running: Running) -> Row:
    """A local Kafka that runs, for scripts."""
    return {
        "bootstrap": running.bootstrap,
        "folder": str(running.folder),
        "was_running": running.before,
    }


def renewed_certificate_json(renewed: RenewedCertificate) -> Row:
    """A renewed certificate, for scripts."""
    return {"certificate": str(renewed.certificate), "valid_until": instant(renewed.ends_ms)}


def rows(plan: HostPlan) -> list[Row]:
    """A plan for scripts."""
    found: list[Row] = [
        {"action": "follow", "subject": _named(text.contract.name, version), "detail": version.hash}
        for text in plan.begun
        for version in (Version.of(text),)
    ]
    found += [
        {"action": change.action, "subject": change.subject, "detail": change.detail}
        for change in plan.changes
    ]
    found += [
        {
            "action": "wait",
            "subject": waiting.name,
            "detail": waiting.detail,
            "code": waiting.code,
            "applied": None if waiting.applied is None else _version(waiting.applied),
            "found": [_version(version) for version in waiting.found],
        }
        for waiting in plan.waiting
    ]
    found += [
        {
            "action": "error",
            "subject": refused.agency,
            "detail": refused.detail,
            "code": refused.code,
        }
        for refused in plan.refused
    ]
    return found


def strimzi_json(written: WrittenResources) -> Row:
    """Written resources, for scripts."""
    return {
        "files": [str(file) for file in written.files],
        "stopped": list(written.stopped),
        "plan": rows(written.plan),
    }


def text(plan: HostPlan) -> str:
    """A plan for people."""
    lines = [
        f"{'follow':7}{_named(text.contract.name, version)}  {version.hash}"
        for text in plan.begun
        for version in (Version.of(text),)
    ]
    lines += [str(change) for change in plan.changes]
    for waiting in plan.waiting:
        lines += _waiting(waiting)
    lines += [f"{'error':7}{one.detail} ({one.code})" for one in plan.refused]
    return "".join(f"{line}\n" for line in lines)


def pending(plan: HostPlan) -> int:
    """Return the number of changes in a plan."""
    return len(plan.begun) + sum(change.action != "note" for change in plan.changes)


def _waiting(waiting: WaitingVersion) -> list[str]:
    lines = [f"{'wait':7}{waiting.name}: {waiting.detail} ({waiting.code})"]
    if waiting.applied is not None:
        lines += _shown("applied", waiting.applied)
    for version in waiting.found:
        lines += _shown("found", version)
    return lines


def _shown(what: str, version: Version) -> list[str]:
    return [
        f"{'':7}{what:8} {version.version}  {version.hash}",
        f"{'':16} parties: {', '.join(version.parties)}",
    ]


def _version(version: Version) -> Row:
    return {
        "version": version.version,
        "sha256": version.hash,
        "parties": list(version.parties),
    }


def _named(name: str, version: Version) -> str:
    return f"{name} {version.version}"
