"""Delegations that several officers sign: reviewed, signed, and used once enough have signed.

An agency's folder proposes a delegation (`officers.add_officers`). `sign_delegation` adds another
officer's signature. When two officers have signed, `finish_delegation` issues a manifest that the
delegated keys sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from broker.agency.made_manifests import note_made
from broker.agency.participant import Participant, load_participant
from broker.errors import ConfigError, ManifestError
from broker.keys.delegation import (
    DELEGATION_LIMIT_BYTES,
    Delegation,
    SignedDelegation,
    VerifiedDelegation,
    parse_delegation,
    verify_delegation,
)
from broker.keys.durable import (
    files_in,
    write_durably,
    write_named,
)
from broker.keys.governance import PAIR_LINES, GovernanceSigner, key_name
from broker.keys.manifest import VerifiedManifest
from broker.operations.agency_entry import ENTRIES_FOLDER, entry_of, manifest_under
from broker.operations.officer_keys import (
    officer_files,
    officers_of,
)
from broker.partnership.entry import parse_entry
from broker.registry.repository import MANIFESTS_FOLDER, manifest_name
from broker.tlog.note import Note, SignatureLine, format_note, sign_note
from contracts.bounded_file import read_bounded
from contracts.parties import OFFICERS_THRESHOLD
from contracts.phrases import N_, phrase


@dataclass(frozen=True, slots=True)
class DelegationReview:
    """A proposed delegation, before an officer signs it.

    Attributes:
        content: what it states.
        signed: officers that have signed.
        note: its text and the signatures so far.
    """

    participant: Participant
    content: Delegation
    note: Note
    signed: tuple[str, ...]


def review_delegation(directory: Path, file: Path, now: int) -> DelegationReview:
    """Check a proposed delegation, before this folder's officer signs it.

    Args:
        directory: the officer's folder.
        file: the proposed delegation, signed by another officer.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: it is refused.
        WrongInputError: `officers_unsuitable`: the folder names no officers.
        ConfigError: the file cannot be read.
    """
    participant = load_participant(directory, now, unsigned_ok=True)
    officers = officers_of(participant, now)
    signed = parse_delegation(_bytes_of(file), str(file))
    name = key_name(participant.deployment, participant.agency)
    lines = {(line.name, line.key_id) for line in signed.note.signatures}
    signing = [
        (officer, pair)
        for officer, pair in officers.officers
        if any((one.name, one.key_id) in lines for one in pair.note_verifiers(name))
    ]
    _require_own(signed, participant, file)
    governance = [pair for _, pair in signing[:1]] if len(signing) == 1 else [officers]
    verify_delegation(signed, governance, deployment=participant.deployment, now=now)
    return DelegationReview(
        participant, signed.delegation, signed.note, tuple(officer for officer, _ in signing)
    )


def sign_delegation(reviewed: DelegationReview, out: Path) -> tuple[str, ...]:
    """Add the signature of this folder's officer to a delegation.

    Args:
        reviewed: result of `review_delegation`.
        out: where the delegation with the signatures is written.

    Returns:
        The officers that have signed now.

    Raises:
        KeyAccessError: the officer's keys are not here.
        ConfigError: `output_unwritable`.
    """
    participant = reviewed.participant
    own = str(participant.officer)
    lines = {
        officer: reviewed.note.signatures[PAIR_LINES * at : PAIR_LINES * (at + 1)]
        for at, officer in enumerate(reviewed.signed)
    }
    if own not in lines and len(lines) < OFFICERS_THRESHOLD:
        signer = participant.governance_signer()
        lines[own] = sign_note(reviewed.note.text, signer.note_signers()).signatures
    write_named(out, _written(reviewed.note, lines), "delegation")
    return tuple(sorted(lines))


def finish_delegation(directory: Path, file: Path, now: int) -> VerifiedManifest:
    """Issue a manifest and a new entry, when enough officers have signed the delegation.

    Args:
        directory: the agency's folder; one officer's governance keys must be in it.
        file: the delegation.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: too few officers have signed, or it is not the delegation that this folder
            proposed.
        KeyAccessError: a key is missing.
        RegistryError: `registry_unwritable`.
    """
    from broker.operations.key_delegation import issue_proposed

    participant = load_participant(directory, now, unsigned_ok=True)
    signer = participant.governance_signer()
    signed = parse_delegation(_bytes_of(file), str(file))
    governance = officers_of(participant, now)
    delegation = verify_delegation(signed, [governance], deployment=participant.deployment, now=now)
    _require_own(signed, participant, file)
    if participant.contracts.trusted():
        return issue_proposed(participant, delegation, now)
    return _found_again(participant, delegation, signer, now)


def _require_own(signed: SignedDelegation, participant: Participant, file: Path) -> None:
    """Refuse a delegation of another agency."""
    if signed.delegation.agency != participant.agency:
        raise ManifestError(
            phrase(
                "The delegation is of %(agency)s, not of %(agency_2)s.",
                agency=signed.delegation.agency,
                agency_2=participant.agency,
            ),
            code="delegation_signature_invalid",
            where=str(file),
            fix=N_("Ask for the file that this agency proposed."),
        )


def _found_again(
    participant: Participant, delegation: VerifiedDelegation, signer: GovernanceSigner, now: int
) -> VerifiedManifest:
    """Make manifest and entry of an agency that has signed nothing, under its officers' keys."""
    root, agency = participant.root, participant.agency
    entry_path = root / ENTRIES_FOLDER / f"{agency}.entry"
    profile = parse_entry(entry_path.read_bytes(), str(entry_path)).profile
    manifest = manifest_under(profile, participant.keyring, delegation, now)
    entry = entry_of(root, profile, signer, manifest, now, officers=officer_files(participant, now))
    note_made(root, manifest, ())
    for former in files_in(root / MANIFESTS_FOLDER, f"{agency}.*.note"):
        former.unlink()  # under a delegation of one pair; no other agency has used it
    write_durably(root / MANIFESTS_FOLDER / manifest_name(manifest), manifest.raw)
    write_durably(entry_path, entry.raw)
    return manifest


def _written(note: Note, lines: dict[str, tuple[SignatureLine, ...]]) -> bytes:
    signatures = tuple(line for officer in sorted(lines) for line in lines[officer])
    return format_note(Note(note.text, signatures))


def _bytes_of(path: Path) -> bytes:
    return read_bounded(path, DELEGATION_LIMIT_BYTES, ConfigError, code="file_unusable")
