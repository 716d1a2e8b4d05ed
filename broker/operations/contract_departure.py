"""Departure from a contract: an agency suspends its own part, resumes it, or leaves.

Each is a new version of the agency's own manifest, which the running adapter publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from broker.agency.own_manifest import resume_contract, state_departure
from broker.agency.participant import load_participant
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
    departures = participant.manifests.departures(contract.name, contract.version)
    own = next((each.state for each in departures if each.agency == participant.agency), None)
    # A second suspension would move the start of the first, and so undo a part of it.
    if own == (None if state == "resumed" else state):
        newest = participant.manifests.newest(participant.agency)
        version = newest.version if newest else 0
        return Departed(participant.agency, contract.name, contract.version, state, version, False)
    if state == "resumed":
        issued = resume_contract(participant, contract, now)
    else:
        assert reason is not None
        issued = state_departure(participant, contract, state, reason, now)
    version = issued.manifest.version
    return Departed(participant.agency, contract.name, contract.version, state, version, True)
