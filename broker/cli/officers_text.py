"""Output of the commands of an agency's officers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from broker.keys.manifest import VerifiedManifest
from broker.operations.officer_delegations import DelegationReview
from broker.operations.officers import OfficersAdded
from broker.partnership.officer import OfficerFile
from broker.utc_text import day


def officer_json(directory: Path, made: OfficerFile) -> dict[str, Any]:
    """Return the officer whose folder was made, for scripts."""
    return {
        "agency": made.statement.agency,
        "deployment": made.statement.deployment,
        "officer": made.name,
        "file": str(directory / "officers" / f"{made.name}.officer"),
    }


def officer_text(directory: Path, made: OfficerFile) -> str:
    """Return the officer whose folder was made, and the next step."""
    file = directory / "officers" / f"{made.name}.officer"
    return (
        f"{made.name} of {made.statement.agency}: {file}\n"
        "Give this public file to the other officers. Get theirs, then: concordant agency officer "
        f"add FILE --agency {directory}"
    )


def officers_added_json(added: OfficersAdded) -> dict[str, Any]:
    """Return the officers of a folder, for scripts."""
    return {
        "officer": added.officer,
        "officers": list(added.officers),
        "file": str(added.file),
        "proposed": None if added.proposed is None else str(added.proposed),
    }


def officers_added_text(added: OfficersAdded) -> str:
    """Return the officers of a folder, and the next step."""
    lines = [
        f"Officers: {', '.join(added.officers)}. Two of them must sign.",
        f"The keys in this folder are those of {added.officer}. Public file: {added.file}",
    ]
    if added.proposed is not None:
        lines += [
            f"Another officer has to sign: {added.proposed}",
            "On that officer's machine: concordant agency officer sign FILE --agency DIR --out "
            "SIGNED. Then here: concordant agency officer finish SIGNED --agency DIR",
        ]
    return "\n".join(lines)


def reviewed_delegation_text(reviewed: DelegationReview) -> str:
    """Return what a proposed delegation states."""
    return "\n".join(_stated(reviewed))


def _stated(reviewed: DelegationReview) -> Iterator[str]:
    content = reviewed.content
    yield f"Delegation of {content.agency} in {content.deployment}, until {day(content.expires)}."
    yield f"Signed so far by: {', '.join(reviewed.signed)}."
    for key in content.keys:
        yield f"  manifest key ({key.algorithm}): {key.kid.hex()}"
    for one in content.standing:
        yield f"  {one.contract}: {one.state}, {day(one.since)}, {one.reason}"
    for revocation in content.revocations:
        yield f"  revokes {revocation.kid.hex()[:16]} since {day(revocation.since)}"
    if content.withdrawn:
        yield f"  withdraws {len(content.withdrawn)} pairs of manifest keys"


def finished_json(issued: VerifiedManifest) -> dict[str, Any]:
    """Return the manifest that was issued, for scripts."""
    content = issued.delegation.delegation
    return {
        "agency": content.agency,
        "delegation": content.version,
        "manifest": issued.manifest.version,
        "expires": day(content.expires),
    }


def finished_text(issued: VerifiedManifest) -> str:
    """Return the manifest that was issued."""
    content = issued.delegation.delegation
    return (
        f"{content.agency}: manifest {issued.manifest.version}. The delegation ends "
        f"{day(content.expires)}. Take the governance keys offline."
    )
