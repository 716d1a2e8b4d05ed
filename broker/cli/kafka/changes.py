"""Arguments and rows of ``kafka plan`` and ``kafka apply``; what is done is `agency/kafka_host`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

import typer

from broker.agency.kafka_host import HostPlan, KafkaHost, Version, Waiting
from broker.agency.participant import load_participant
from broker.cli.kafka.local import agencies_of, kafka_folder
from broker.errors import TransportError
from broker.transport.certificates import OPERATOR_NAME, read_certificate
from broker.transport.connection import KafkaConnection, TlsFiles, wrong_address

Row: TypeAlias = dict[str, object]

_HASH: Final = re.compile(r"[0-9a-fA-F]{64}")


def kafka_host(
    root: Path | None,
    agency: Path | None,
    tls: Path | None,
    bootstrap: str | None,
    own: Sequence[str],
    now: int,
) -> KafkaHost:
    """Kafka as its operator, beside the contracts of a folder.

    Args:
        root: a try-out partnership's folder.
        agency: or an agency's folder.
        tls: the operator's TLS identity; a partnership's folder has one.
        bootstrap: Kafka's address, if it is not the one in `agency.toml`.
        own: the host's own principals.
        now: milliseconds since the epoch.

    Raises:
        typer.BadParameter: exit code 2.
        ConcordantError: the folder cannot be loaded.
    """
    if (root is None) == (agency is None):
        raise typer.BadParameter("give either --root DIR or --agency DIR")
    if root is None and tls is None:
        raise typer.BadParameter("--agency goes with --tls DIR, the operator's identity")
    if bootstrap is not None and wrong_address(bootstrap) is not None:
        raise typer.BadParameter("--bootstrap takes HOST:PORT, or several with commas between")
    directory = agency if agency is not None else agencies_of(root or Path())[0]
    participant = load_participant(directory, now)
    files = TlsFiles.in_folder(tls if tls is not None else kafka_folder(root or Path()) / "tls")
    name, subject = _operator(files)
    connection = KafkaConnection(bootstrap or participant.config.kafka.bootstrap, files, name)
    return KafkaHost(participant, connection, [*own, subject], now)


def hashes(texts: Sequence[str]) -> frozenset[bytes]:
    """The versions that the operator decided to apply.

    Raises:
        typer.BadParameter: exit code 2.
    """
    for text in texts:
        if not _HASH.fullmatch(text):
            raise typer.BadParameter("--follow takes a contract's SHA-256: 64 hexadecimal digits")
    return frozenset(map(bytes.fromhex, texts))


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
    """How many changes a plan makes."""
    return len(plan.begun) + sum(change.action != "note" for change in plan.changes)


def _waiting(waiting: Waiting) -> list[str]:
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


def _operator(files: TlsFiles) -> tuple[str, str]:
    """The operator's name and whole subject; what is wrong with the files is said on connecting."""
    try:
        facts = read_certificate(files.certificate.read_bytes())
    except (OSError, TransportError):
        return OPERATOR_NAME, OPERATOR_NAME
    return facts.common_name or OPERATOR_NAME, facts.subject
