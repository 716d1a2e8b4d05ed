"""Key inventory of an agency: keys in its manifests, private halves here, and renewal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from broker.agency.config import governance_kids
from broker.agency.config_sections import FormerGovernance
from broker.agency.own_manifest import renew_keys
from broker.agency.participant import Participant, load_participant, own_manifest_missing
from broker.keys.instant import whole_second
from broker.keys.issuing import successors
from broker.keys.keyfile import KeyEntry
from broker.keys.kid import ED25519, GOVERNANCE, MANIFEST, ML_DSA_65
from broker.keys.manifest import Manifest, ManifestKey, VerifiedManifest
from broker.registry.repository import MANIFESTS_FOLDER, manifest_name
from contracts.durations import DAY_MS

EXPIRES_SOON_MS: Final = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class AgencyKey:
    """One key of the agency.

    Attributes:
        role: its purpose.
        algorithm: its algorithm.
        kid: its id, 32 bytes.
        not_before: start of its validity, milliseconds; None for governance keys.
        not_after: its end, exclusive.
        state: `valid`, `next`, `ended`, `revoked` or `pinned`.
        held: whether the private half is here.
    """

    role: str
    algorithm: str
    kid: bytes
    not_before: int | None
    not_after: int | None
    state: str
    held: bool


@dataclass(frozen=True, slots=True)
class HeldKeys:
    """All keys of an agency.

    Attributes:
        agency: the owner.
        manifest_version: version of the newest manifest.
        manifest_expires: its end, milliseconds.
        keys: governance first, then by role and start.
        lacking: keys that are valid now or next and whose private half is not here.
        expired: whether the manifest has expired.
        renew_before: time by which the operator should renew, milliseconds; None if nothing is due.
    """

    agency: str
    manifest_version: int
    manifest_expires: int
    keys: tuple[AgencyKey, ...]
    lacking: tuple[AgencyKey, ...]
    expired: bool
    renew_before: int | None


@dataclass(frozen=True, slots=True)
class RenewedManifest:
    """A renewal.

    Attributes:
        version: version of the new manifest.
        expires: its end, milliseconds.
        path: its file.
        added: the new keys.
    """

    version: int
    expires: int
    path: Path
    added: tuple[ManifestKey, ...]


def held_keys(agency: Path, now: int) -> HeldKeys:
    """Return an agency's keys without unlocking any.

    Raises:
        ConcordantError: the agency's folder cannot be loaded.
        RegistryError: ``manifest_missing``.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    manifest = newest_manifest(participant)
    keys = (
        *_governance(participant),
        *_manifest_keys(participant),
        *_listed(participant, manifest, now),
    )
    lacking = tuple(key for key in keys if key.state in {"valid", "next"} and not key.held)
    expired = manifest.expires <= now
    due = [one.not_before for one in successors(manifest, now)]
    renew_before = None
    if not expired and (manifest.expires - now < EXPIRES_SOON_MS or due):
        renew_before = min([manifest.expires, *due])
    return HeldKeys(
        participant.agency,
        manifest.version,
        manifest.expires,
        keys,
        lacking,
        expired,
        renew_before,
    )


def renewed_keys(agency: Path, now: int, *, everything: bool) -> RenewedManifest:
    """Renew, and return what is new.

    Raises:
        ConcordantError: as ``broker.agency.own_manifest.renew_keys``.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    before = {key.kid for key in newest_manifest(participant).keys}
    issued = renew_keys(participant, now, at_once=everything)
    return renewed(participant, issued, before)


def renewed(
    participant: Participant, issued: VerifiedManifest, before: Collection[bytes]
) -> RenewedManifest:
    """Return what a new manifest brings.

    Args:
        participant: the agency.
        issued: the new manifest.
        before: ids of the keys that the manifest before it listed.
    """
    manifest = issued.manifest
    path = participant.root / MANIFESTS_FOLDER / manifest_name(issued)
    added = tuple(key for key in manifest.keys if key.kid not in before)
    return RenewedManifest(manifest.version, manifest.expires, path, added)


def newest_manifest(participant: Participant) -> Manifest:
    """Return the agency's own newest manifest, expired or not.

    Raises:
        RegistryError: ``manifest_missing``.
    """
    manifest = participant.manifests.newest(participant.agency)
    if manifest is None:
        raise own_manifest_missing(participant.root)
    return manifest


def _governance(participant: Participant) -> tuple[AgencyKey, ...]:
    source = participant.governance_source()
    kids = governance_kids(participant.config)
    return tuple(
        AgencyKey(GOVERNANCE, algorithm, kid, None, None, "pinned", source.holds(kid))
        for kid, algorithm in zip(kids, (ED25519, ML_DSA_65), strict=True)
    )


def _manifest_keys(participant: Participant) -> tuple[AgencyKey, ...]:
    newest = participant.manifests.newest_verified(participant.agency)
    if newest is None:
        return ()
    content = newest.delegation.delegation
    return tuple(
        AgencyKey(
            MANIFEST,
            key.algorithm,
            key.kid,
            content.issued,
            content.expires,
            "valid",
            participant.keyring.holds(key.kid),
        )
        for key in content.keys
    )


def _listed(participant: Participant, manifest: Manifest, now: int) -> tuple[AgencyKey, ...]:
    ordered = sorted(manifest.keys, key=lambda key: (key.role, key.algorithm, key.not_before))
    return tuple(
        AgencyKey(
            key.role,
            key.algorithm,
            key.kid,
            key.not_before,
            key.not_after,
            _state(participant, key, now),
            participant.keyring.holds(key.kid),
        )
        for key in ordered
    )


def _state(participant: Participant, key: ManifestKey, now: int) -> str:
    if participant.manifests.revoked_since(participant.agency, key.kid) is not None:
        return "revoked"
    if key.valid_at(now):
        return "valid"
    return "next" if now < key.not_before else "ended"


@dataclass(frozen=True, slots=True)
class NewGovernance:
    """A new pair, and those that it replaces.

    Attributes:
        agency: the owner.
        ed25519: public part of one half.
        ml_dsa_65: public part of the other half.
        former: the pair that ``agency.toml`` names now, then those before it.
    """

    agency: str
    ed25519: KeyEntry
    ml_dsa_65: KeyEntry
    former: tuple[FormerGovernance, ...]


def new_governance(agency: Path, now: int) -> NewGovernance:
    """Make a pair beside the one in use.

    Raises:
        KeyAccessError: ``passphrase_wrong``, or the folder cannot be written.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    source = participant.governance_source()
    first, second = (
        source.create(GOVERNANCE, algorithm, not_before=whole_second(now), not_after=None)
        for algorithm in (ED25519, ML_DSA_65)
    )
    section = participant.config.governance
    now_former = (
        FormerGovernance(officers=section.officers)
        if section.officers
        else FormerGovernance(ed25519=section.ed25519, ml_dsa_65=section.ml_dsa_65)
    )
    return NewGovernance(participant.agency, first, second, (now_former, *section.former))
