"""Behind ``contract sign`` and ``contract suspend``: acts of the governance keys.

Signing adds this agency's lines to a copy of the statement; suspending and leaving are new versions
of its own manifest. Both are stored here; the running adapter publishes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from broker.agency.own_manifest import resume_contract, state_departure
from broker.agency.participant import load_participant
from broker.cli.contract.reading import select
from broker.cli.contract.validity import read_signatures
from broker.errors import ConfigError
from broker.keys.durable import write_durably
from broker.registry.contracts import SignedContract, countersign, merge_counterparts
from contracts.loading import load_contract

REASON: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""A reason is a code: a manifest is read by every party and kept for years."""

State: TypeAlias = Literal["suspended", "left", "resumed"]
"""What becomes of this agency's own part."""

_PUBLISHED: Final = "The running adapter publishes it at once; one that is started does so first."


@dataclass(frozen=True, slots=True)
class Signed:
    """A contract after this agency has signed it."""

    agency: str
    contract: SignedContract
    note_file: Path
    stored: Path
    already: bool

    def as_json(self) -> dict[str, object]:
        """For programs."""
        terms = self.contract.contract
        return {
            "contract": terms.name,
            "version": terms.version,
            "sha256": self.contract.hash.hex(),
            "agency": self.agency,
            "signatures": str(self.note_file),
            "stored": str(self.stored),
            "signed": sorted(self.contract.parties),
            "missing": list(self.contract.missing),
        }

    def notes(self) -> list[str]:
        """What the signer should know."""
        terms, missing = self.contract.contract, self.contract.missing
        verb = "had signed" if self.already else "has signed"
        return [
            f"{self.agency} {verb} {terms.name} {terms.version}, {self.contract.hash.hex()}.",
            f"Not signed yet by {', '.join(missing)}: send them {self.note_file.name}."
            if missing
            else "Every party has signed.",
        ]


@dataclass(frozen=True, slots=True)
class Departed:
    """A new manifest version that suspends, resumes or leaves; or none, if nothing changed."""

    agency: str
    contract: str
    version: str
    state: str
    manifest_version: int
    changed: bool

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "agency": self.agency,
            "contract": self.contract,
            "version": self.version,
            "state": self.state,
            "manifest_version": self.manifest_version,
            "changed": self.changed,
        }

    def as_text(self) -> str:
        """One line."""
        return f"{self.agency}: {self.contract} {self.version} {self.state}"

    def notes(self) -> list[str]:
        """What the operator should know."""
        if not self.changed:
            return ["Nothing was changed: that is how it was."]
        return [f"It is in manifest version {self.manifest_version}. {_PUBLISHED}"]


def sign(directory: Path, file: Path, counterparts: tuple[Path, ...], now: int) -> Signed:
    """Adds this agency's signature to a contract.

    Args:
        directory: the agency's folder.
        file: the contract; its signatures so far are beside it, if there are any.
        counterparts: copies of the statement that others have signed.
        now: milliseconds since the epoch.

    Raises:
        ContractError: the file is no contract.
        RegistryError: it is not ours to sign, was altered, or a signature is wrong.
        KeyAccessError: the governance keys cannot be had.
        ConfigError: `output_unwritable`.
    """
    text = load_contract(file)
    participant = load_participant(directory, now, unsigned_ok=True)
    beside = file.with_suffix(".note")
    copies = [
        read_signatures(path) for path in ((beside,) if beside.exists() else ()) + counterparts
    ]
    merged = merge_counterparts(text, copies)
    already = participant.agency in merged.parties
    signed = (
        merged
        if already
        else countersign(text, participant.governance_signer(), merged.note or None)
    )
    participant.contracts.adding(signed)  # refuses one that is not ours before anything is written
    try:
        write_durably(beside, signed.note)
    except OSError as error:
        raise ConfigError(
            f"The signatures cannot be written ({error.strerror})",
            code="output_unwritable",
            where=str(beside),
            fix="copy the contract to a folder that you may write to",
        ) from None
    inside = file.resolve().parent == (directory / "contracts").resolve()
    stored = file if inside else participant.repository.write_contract(signed)
    return Signed(participant.agency, signed, beside, stored, already)


def state_of(*, resume: bool, leave: bool) -> State:
    """The state that the command's options ask for."""
    if resume:
        return "resumed"
    return "left" if leave else "suspended"


def depart(
    directory: Path,
    name: str | None,
    state: State,
    reason: str | None,
    now: int,
) -> Departed:
    """Suspends or leaves this agency's own part of a contract, or takes it up again.

    Args:
        directory: the agency's folder.
        name: which contract, if it has several.
        state: what becomes of it.
        reason: a code; None to resume.
        now: milliseconds since the epoch.

    Raises:
        RegistryError: there is no such contract.
        ManifestError: `manifest_left`, a departure cannot be taken back.
        KeyAccessError: the governance keys cannot be had.
    """
    participant = load_participant(directory, now)
    contract = select(participant, name, now).contract
    departures = participant.manifests.departures(contract.name, contract.version)
    own = next((each.state for each in departures if each.agency == participant.agency), None)
    # Suspending again would move the time since which it holds, and so take back a part of it.
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
