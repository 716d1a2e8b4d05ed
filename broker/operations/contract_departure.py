"""Departure from a contract: an agency suspends its own part, resumes it, or leaves.

Each is a new version of the agency's own manifest, which the running adapter publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from broker.agency.own_manifest import resume_contract, signed_versions, state_departure
from broker.agency.participant import Participant, load_participant
from broker.errors import ManifestError
from broker.operations.contract_choice import select

DepartureState: TypeAlias = Literal["suspended", "left", "resumed"]
"""New status of this agency's own part."""


@dataclass(frozen=True, slots=True)
class Departed:
    """A new manifest version that suspends, resumes or leaves; or none, if nothing changed."""

    agency: str
    contract: str
    version: str
    state: DepartureState
    manifest_version: int
    changed: bool


def depart(
    directory: Path,
    name: str | None,
    state: DepartureState,
    reason: str | None,
    now: int,
) -> Departed:
    """Suspend, resume or leave this agency's own part of a contract.

    Args:
        directory: the agency's folder.
        name: name of the contract, if there are several.
        state: the new status.
        reason: a code; None to resume.
        now: milliseconds since the epoch.

    Raises:
        RegistryError: there is no such contract.
        ManifestError: `manifest_left`, a departure cannot be undone.
        KeyAccessError: the governance keys are not available.
    """
    participant = load_participant(directory, now)
    contract = select(participant, name, now).contract
    signed = frozenset(signed_versions(participant, contract.name))
    left, suspended = (_covered(participant, contract.name, one) for one in ("left", "suspended"))
    if state != "left" and signed and signed <= left:
        raise ManifestError(
            f"{participant.agency} has left {contract.name}; this cannot be undone.",
            code="manifest_left",
            fix="Sign a new version of the contract.",
        )
    covered = left if state == "left" else suspended
    # A second suspension would say nothing new, unless a version was signed since the first.
    if (state == "resumed" and not covered) or (state != "resumed" and signed <= covered):
        newest = participant.manifests.newest(participant.agency)
        version = newest.version if newest else 0
        return Departed(participant.agency, contract.name, contract.version, state, version, False)
    if state == "resumed":
        issued = resume_contract(participant, contract.name, now)
    else:
        assert reason is not None
        issued = state_departure(participant, contract.name, state, reason, now)
    version = issued.manifest.version
    return Departed(participant.agency, contract.name, contract.version, state, version, True)


def _covered(participant: Participant, name: str, state: str) -> frozenset[bytes]:
    """Return the versions of a contract that this agency's lasting stops of a kind list."""
    return frozenset(
        version
        for one in participant.manifests.stops(participant.agency)
        if one.open and (one.contract, one.state) == (name, state)
        for version in one.versions
    )
