"""Output of the commands that write an agreement."""

from __future__ import annotations

from typing import Any

from broker.cli.findings_text import finding_notes
from broker.cli.output import number_of
from broker.operations.contract_draft import Drafted
from broker.operations.contract_revision import Revised


def drafted_json(drafted: Drafted) -> dict[str, Any]:
    """A draft, for scripts."""
    contract = drafted.text.contract
    return {
        "file": str(drafted.file),
        "name": contract.name,
        "version": contract.version,
        "deployment": contract.deployment,
        "sha256": drafted.text.hash.hex(),
        "parties": [party.id for party in contract.parties],
        "findings": [
            {"rule": one.rule, "severity": one.severity, "where": one.where, "message": one.message}
            for one in drafted.findings
        ],
    }


def revised_json(revised: Revised) -> dict[str, Any]:
    """The next version, for scripts."""
    contract = revised.text.contract
    return {
        "file": str(revised.file),
        "name": contract.name,
        "version": contract.version,
        "previous": list(contract.previous),
        "sha256": revised.text.hash.hex(),
        "parties": [party.id for party in contract.parties],
        "changes": [
            {"path": one.path, "effect": one.effect, "text": one.text} for one in revised.changes
        ],
        "findings": [
            {"rule": one.rule, "severity": one.severity, "where": one.where, "message": one.message}
            for one in revised.findings
        ],
    }


def revised_notes(revised: Revised) -> list[str]:
    """Changes, findings, and what is next."""
    contract, summary = revised.text.contract, revised.summary
    lines = [f"{contract.name} {contract.version}:"]
    lines += [] if summary.version is None else [f"  {summary.version.text}"]
    lines += [f"  {one.effect}: {one.text}" for one in summary.lines]
    lines += finding_notes(revised.findings)
    lines.append("Next: concordant bundle add --agency DIR FILE, then sign it and pass it on.")
    return lines


def drafted_notes(drafted: Drafted) -> list[str]:
    """Return the parties with their fingerprints, the findings, and the next step."""
    contract = drafted.text.contract
    lines = [f"{contract.name} {contract.version} for {len(contract.parties)} parties:"]
    lines += [f"  {one.agency}: {' '.join(one.words)}" for one in drafted.entries]
    lines += finding_notes(drafted.findings)
    errors = sum(one.severity == "error" for one in drafted.findings)
    if errors:
        lines.append(
            f"Next: correct the terms, and draft again. {number_of(errors, 'error')} would stop "
            "each signature."
        )
    else:
        lines.append(
            "Next: each party adds the file to a bundle with its entry: concordant bundle add "
            "--agency DIR FILE ENTRY..."
        )
    return lines
