"""Behind ``contract sign`` and ``contract suspend``: acts of the governance keys.

What ``contract sign`` shows before and after; the use case is `broker.agency.contract_signing`.
Suspending and leaving are new versions of the agency's own manifest, which the running adapter
publishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from broker.agency.contract_signing import Signed, SigningReview
from broker.agency.own_manifest import resume_contract, state_departure
from broker.agency.participant import load_participant
from broker.cli.contract.reading import select
from contracts.comparison import Change
from contracts.lint import NOT_CHECKED
from contracts.wording import wrapped

State: TypeAlias = Literal["suspended", "left", "resumed"]
"""What becomes of this agency's own part."""

_PUBLISHED: Final = "The running adapter publishes it at once; one that is started does so first."


def review_text(reviewed: SigningReview) -> str:
    """What the signer reads first: what was found, what changes for this agency, what remains."""
    contract = reviewed.merged.contract
    agency = reviewed.participant.agency
    lines = [f"{contract.name} {contract.version}, SHA-256 {reviewed.merged.hash.hex()}", ""]
    if reviewed.against is None:
        lines += wrapped(
            f"{agency} has signed no version of {contract.name}: everything in it is new. Read it "
            f"first: concordant contract explain {reviewed.file}",
            "",
        )
    else:
        before = reviewed.against.contract.version
        lines.append(f"Changes for {agency} against version {before}:")
        lines += [
            line for change in reviewed.changes for line in wrapped(_change_words(change), "  ")
        ] or ["  none"]
    lines += ["", "Checks:"]
    lines += [
        line
        for found in reviewed.findings
        for line in wrapped(f"{found.severity}: {found.rule}: {found.where}: {found.message}", "  ")
    ] or ["  no errors, no warnings"]
    lines += wrapped(NOT_CHECKED, "  ")
    return "\n".join(lines) + "\n"


def review_json(reviewed: SigningReview) -> dict[str, object]:
    """The same for programs."""
    against = reviewed.against
    return {
        "compared_with": None
        if against is None
        else {"version": against.contract.version, "sha256": against.hash.hex()},
        "changes": [
            {
                "path": change.path,
                "clause": change.clause,
                "effect": change.effect,
                "text": change.text,
                "parties": list(change.parties),
            }
            for change in reviewed.changes
        ],
        "findings": [
            {
                "rule": found.rule,
                "severity": found.severity,
                "where": found.where,
                "message": found.message,
            }
            for found in reviewed.findings
        ],
    }


def signed_json(signed: Signed) -> dict[str, object]:
    """What was signed, for programs."""
    terms = signed.contract.contract
    return {
        "contract": terms.name,
        "version": terms.version,
        "sha256": signed.contract.hash.hex(),
        "agency": signed.agency,
        "signatures": str(signed.note_file),
        "stored": str(signed.stored),
        "signed": sorted(signed.contract.parties),
        "missing": list(signed.contract.missing),
    }


def signed_notes(signed: Signed) -> list[str]:
    """What the signer should know afterwards."""
    terms, missing = signed.contract.contract, signed.contract.missing
    verb = "had signed" if signed.already else "has signed"
    return [
        f"{signed.agency} {verb} {terms.name} {terms.version}, {signed.contract.hash.hex()}.",
        f"Not signed yet by {', '.join(missing)}: send them {signed.note_file.name}."
        if missing
        else "Every party has signed.",
    ]


def _change_words(change: Change) -> str:
    clause = f" (clause {change.clause})" if change.clause else ""
    effect = {"unknown": "may widen", "both": "widens and narrows", "neutral": "same disclosure"}
    return f"{effect.get(change.effect, change.effect)}: {change.text}{clause}"


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
            stood = "was not suspended" if self.state == "resumed" else f"was {self.state} already"
            return [f"Nothing was changed: this agency's part {stood}."]
        return [f"It is in manifest version {self.manifest_version}. {_PUBLISHED}"]


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
