"""Output of `concordant agency backup` and `restore`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from broker.cli.output import number_of
from broker.keys.instant import format_instant
from broker.operations.agency_backup import BackupFacts, NotBackedUp
from broker.operations.agency_restore import Restored
from contracts.durations import duration_text

_SHOWN: Final = 10
_REASONS: Final = {
    "secret": "a secret: keep it elsewhere",
    "governance_key": "a governance key: keep it offline",
    "link": "a link",
    "outside": "outside the agency's folder",
    "being_written": "it was being written",
    "special": "no ordinary file",
}


def facts_json(facts: BackupFacts, file: Path) -> dict[str, Any]:
    """A verified backup, for scripts."""
    return {
        "file": str(file),
        "agency": facts.agency,
        "deployment": facts.deployment,
        "taken": format_instant(facts.taken),
        "files": facts.files,
        "bytes": facts.size,
        "left_out": [asdict(one) for one in facts.left_out],
        "verified": True,
    }


def backup_text(facts: BackupFacts, file: Path) -> str:
    """A backup that was made, for people."""
    return "\n".join(
        [
            f"The backup of {facts.agency} is in {file}: {number_of(facts.files, 'file')}, "
            f"{facts.size:,} bytes. It was read back and is complete.",
            *_left_out(facts.left_out),
            "",
            "Copy it to another machine. To restore it, a person needs its passphrase: keep the "
            "passphrase elsewhere.",
        ]
    )


def backup_check_text(facts: BackupFacts, file: Path) -> str:
    """A backup that was verified, for people."""
    return "\n".join(
        [
            f"{file} is a complete backup of {facts.agency} in {facts.deployment}, of "
            f"{format_instant(facts.taken)}: {number_of(facts.files, 'file')}, {facts.size:,} "
            "bytes. Nothing was written.",
            *_left_out(facts.left_out),
        ]
    )


def _left_out(left_out: Sequence[NotBackedUp]) -> list[str]:
    if not left_out:
        return []
    lines = ["", "Not in it:"]
    lines += [
        f"  {one.place} ({_REASONS.get(one.reason, one.reason)})" for one in left_out[:_SHOWN]
    ]
    if len(left_out) > _SHOWN:
        lines.append(f"  and {len(left_out) - _SHOWN:,} more: --json lists them")
    return lines


def lost(restored: Restored) -> list[dict[str, str]]:
    """Losses since the backup, and how each is recovered, in the order of doing."""
    here = shlex.quote(str(restored.directory))
    since = format_instant(restored.facts.taken)
    at = datetime.fromtimestamp(restored.facts.taken / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    found = [
        {
            "lost": f"the passphrase or token in {one.place} ({one.setting})",
            "recover": "put it back, readable by this account only (mode 0600)",
        }
        for one in restored.secrets
    ]
    imports = shlex.quote(str(restored.directory / restored.imports))
    found += [
        {
            "lost": f"keys that were made after {since}",
            "recover": f"concordant doctor --agency {here}; if it says key_missing: "
            f"concordant keys renew --all --agency {here}",
        },
        {
            "lost": f"exports that were taken after {since}; no row is sent twice",
            "recover": "copy them from the former folder OLD: "
            f"find OLD/{shlex.quote(restored.processed)} -type f -newerct {shlex.quote(at)} "
            f"-exec cp -pn -t {imports} {{}} +; or let your system write them again",
        },
        {
            "lost": "events and statements that were received after it; they are on Kafka",
            "recover": f"concordant adapter run --agency {here}; it reads all manifests before it "
            "sends, and begins a new generation of each stream",
        },
        {
            "lost": "decisions about held items after it",
            "recover": f"concordant quarantine list --agency {here}",
        },
        {
            "lost": "entries of the disclosure log after it; note when you restored which backup",
            "recover": "two minutes after the adapter has started: "
            f"concordant log verify --agency {here}",
        },
    ]
    return found


def restored_json(restored: Restored, file: Path) -> dict[str, Any]:
    """A restored agency, for scripts."""
    return {
        **facts_json(restored.facts, file),
        "directory": str(restored.directory),
        "restored": format_instant(restored.at),
        "returned_exports": restored.returned,
        "changed": list(restored.changed),
        "lost": lost(restored),
    }


def restored_text(restored: Restored) -> str:
    """A restored agency, for people."""
    facts = restored.facts
    age = duration_text(max(0, restored.at - facts.taken))
    lines = [
        f"{facts.agency} is in {restored.directory}, as it was at {format_instant(facts.taken)} "
        f"({age} ago).",
    ]
    if restored.returned:
        lines.append(
            f"{number_of(restored.returned, 'export')} went back to {restored.imports}/, because "
            "the backup does not say whether they were taken. Nothing is sent twice."
        )
    if restored.changed:
        lines.append(
            f"{number_of(len(restored.changed), 'export')} was left out, because it was being "
            f"written: {', '.join(restored.changed[:_SHOWN])}"
        )
    lines += _left_out(facts.left_out)
    lines += ["", "Make sure that no other adapter of this agency runs. Then, in this order:"]
    for number, one in enumerate(lost(restored), 1):
        lines += [f"{number}. Lost: {one['lost']}.", f"   To do: {one['recover']}"]
    lines += ["", "The other agencies see the alarm `rollback` once. Tell them that you restored."]
    return "\n".join(lines)
