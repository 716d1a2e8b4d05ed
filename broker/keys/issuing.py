"""Issue of a new version of the agency's own manifest (spec: keys).

A new version renews keys, suspends or leaves a contract. The code is pure except for the signer
with the manifest keys, which the caller passes in. A manifest keeps what readers still need:
retired keys and revocations stay listed until retention plus grace have passed. A successor of an
exchange key is published at least 7 days before it begins. A stream key is replaced exactly when
its predecessor ends, because only one may sign at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from broker.errors import ManifestError
from broker.keys.delegation import Revocation, VerifiedDelegation
from broker.keys.enrolment import possession_message
from broker.keys.governance import key_name
from broker.keys.instant import whole_second
from broker.keys.keyfile import KeyEntry
from broker.keys.keyring import Keyring
from broker.keys.kid import EXCHANGE, LONGEST_LIFE_MS, SIGNING_ROLES
from broker.keys.manifest import (
    LONGEST_MANIFEST_LIFE_MS,
    Manifest,
    ManifestKey,
    StandingEntry,
    StatedRevocation,
    VerifiedManifest,
    manifest_text,
    parse_manifest,
    verify_manifest,
)
from broker.keys.signer import SoftwareSigner
from broker.tlog.note import ED25519 as NOTE_ED25519
from broker.tlog.note import ML_DSA_65 as NOTE_ML_DSA_65
from broker.tlog.note import NoteSigner, format_note, note_signer, sign_note
from contracts.durations import DAY_MS

PUBLISHED_AHEAD_MS: Final = 7 * DAY_MS
"""Time between the publication and the start of an exchange key's successor."""

OPERATIONAL_KEYS: Final = (
    ("stream", "ed25519"),
    ("stream", "ml-dsa-44"),
    ("exchange", "mlkem768-x25519"),
    ("receipt", "ed25519"),
)
"""Every (role, algorithm) of which an agency always has a valid key."""


@dataclass(frozen=True, slots=True)
class ManifestSigner:
    """The private pair of manifest keys, and the delegation that names them.

    Attributes:
        delegation: signed by the governance keys, which are not needed here.
        ed25519: the Ed25519 half.
        ml_dsa_65: the ML-DSA-65 half.
    """

    delegation: VerifiedDelegation
    ed25519: SoftwareSigner
    ml_dsa_65: SoftwareSigner

    @property
    def agency(self) -> str:
        """Return the agency's id."""
        return self.delegation.delegation.agency

    @property
    def deployment(self) -> str:
        """Return the partnership's id."""
        return self.delegation.delegation.deployment

    def note_signers(self) -> tuple[NoteSigner, NoteSigner]:
        """Return signers of both keys under the agency's name."""
        name = key_name(self.deployment, self.agency)
        return (
            note_signer(name, NOTE_ED25519, self.ed25519),
            note_signer(name, NOTE_ML_DSA_65, self.ml_dsa_65),
        )


def manifest_signer(delegation: VerifiedDelegation, source: Keyring) -> ManifestSigner:
    """Return the pair of keys that a delegation names, from the store of operational keys.

    Raises:
        KeyAccessError: a key is missing or cannot be opened.
    """
    first, second = (source.signer(kid) for kid in delegation.delegation.kids)
    return ManifestSigner(delegation, first, second)


@dataclass(frozen=True, slots=True)
class ManifestChanges:
    """Changes in a new version; everything else stays.

    Attributes:
        add_keys: keys to list, made by `listed_key`.
        end_keys: kid -> earlier end of its validity, milliseconds.
        drop_keys: kids no longer listed, because retention plus grace have passed.
        revocations: keys that may be compromised.
        standing: further suspensions and departures, and suspensions that have ended.
        drop_standing: suspensions that ended so long ago that no record of that time is left, by
            `StandingEntry.name`.
        contacts: the new contacts, None to keep the present ones.
    """

    add_keys: tuple[ManifestKey, ...] = ()
    end_keys: Mapping[bytes, int] = field(default_factory=dict)
    drop_keys: frozenset[bytes] = frozenset()
    revocations: tuple[Revocation, ...] = ()
    standing: tuple[StandingEntry, ...] = ()
    drop_standing: frozenset[tuple[str, str, int]] = frozenset()
    contacts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SuccessorKey:
    """A key to be made, and the predecessor that ends earlier because of it.

    Attributes:
        role: its role.
        algorithm: its algorithm.
        not_before: start of its validity, milliseconds.
        not_after: end of its validity, milliseconds, exclusive.
        ends: the key whose end moves to `not_before`, None if there is none.
    """

    role: str
    algorithm: str
    not_before: int
    not_after: int
    ends: bytes | None = None


def successors(
    manifest: Manifest,
    now: int,
    *,
    at_once: bool = False,
    exchange_ahead_ms: int = PUBLISHED_AHEAD_MS,
) -> tuple[SuccessorKey, ...]:
    """Return the keys that need a successor.

    A key is due when its role's last key ends in at most 7 days. The successor starts when that
    one ends, or now if it has ended. Revoked keys do not count: if no key is left that is valid
    now, one is made that is valid until the next listed key begins.

    Args:
        manifest: the agency's own newest manifest.
        now: milliseconds since the epoch.
        at_once: replace every key, due or not: signing keys now, exchange keys in 7 days or when
            they end, whichever is sooner.
        exchange_ahead_ms: time before its end at which an exchange key is due; others seal for it
            also while its agency is offline.
    """
    found: list[SuccessorKey] = []
    revoked = {revocation.kid for revocation in manifest.revocations}
    for role, algorithm in OPERATIONAL_KEYS:
        keys = [key for key in manifest.keys_of(role, algorithm) if key.kid not in revoked]
        last = max(keys, key=lambda key: key.not_after, default=None)
        start = whole_second(now)
        ends: bytes | None = None
        later = [key.not_before for key in keys if key.not_before > now]
        if later and not any(key.valid_at(now) for key in keys):
            until = min(start + LONGEST_LIFE_MS[role], *later)
            found.append(SuccessorKey(role, algorithm, start, until))
        if last is not None and last.not_after > now:
            ahead = exchange_ahead_ms if role == EXCHANGE else PUBLISHED_AHEAD_MS
            if not at_once and last.not_after - now > ahead:
                continue
            start = last.not_after
            if at_once and role == EXCHANGE:
                start = max(last.not_before, min(start, whole_second(now) + PUBLISHED_AHEAD_MS))
            elif at_once and last.not_before < whole_second(now):
                start, ends = whole_second(now), last.kid
        found.append(SuccessorKey(role, algorithm, start, start + LONGEST_LIFE_MS[role], ends))
    return tuple(found)


def revoking(manifest: Manifest, revocations: tuple[Revocation, ...], now: int) -> ManifestChanges:
    """Return the changes for revoking keys, beside the added successors.

    A signing key ends, so that its successor may begin. An exchange key keeps its end: a sender
    that does not know of the revocation yet may still seal for it, and such records must be opened.
    A key that has not begun is no longer listed; the version before it shows its owner.

    Args:
        manifest: the agency's own newest manifest.
        revocations: of its own keys.
        now: milliseconds since the epoch.
    """
    moment = whole_second(now)
    named = {revocation.kid for revocation in revocations}
    revoked = [key for key in manifest.keys if key.kid in named]
    return ManifestChanges(
        drop_keys=frozenset(key.kid for key in revoked if key.not_before >= moment),
        end_keys={
            key.kid: moment
            for key in revoked
            if key.role in SIGNING_ROLES and key.not_before < moment < key.not_after
        },
        revocations=revocations,
    )


def listed_key(entry: KeyEntry, source: Keyring, *, deployment: str, agency: str) -> ManifestKey:
    """Return a key as a manifest lists it, with proof of possession for a signing key.

    Raises:
        KeyAccessError: the private half of a signing key is not available.
        ManifestError: code `manifest_key_invalid` for a role that no manifest lists.
    """
    if entry.role not in LONGEST_LIFE_MS or entry.not_after is None:
        raise ManifestError(
            f"A manifest cannot list a key of the role {entry.role}.", code="manifest_key_invalid"
        )
    possession = None
    if entry.role in SIGNING_ROLES:
        message = possession_message(deployment, agency, entry.kid)
        possession = source.signer(entry.kid).sign(message)
    return ManifestKey.model_validate(
        {
            "kid": entry.kid,
            "role": entry.role,
            "algorithm": entry.algorithm,
            "public": entry.public,
            "not_before": entry.not_before,
            "not_after": entry.not_after,
            "possession": possession,
        }
    )


def first_manifest(
    *,
    contacts: Mapping[str, str],
    keys: tuple[ManifestKey, ...],
    signer: ManifestSigner,
    now: int,
) -> VerifiedManifest:
    """Return an agency's first manifest.

    Raises:
        ManifestError: others would refuse the result.
    """
    issued = max(whole_second(now), signer.delegation.delegation.issued)
    manifest = Manifest(
        agency=signer.agency,
        deployment=signer.deployment,
        version=max(now, issued),
        delegation=signer.delegation.hash,
        issued=issued,
        expires=_expires(issued, signer),
        contacts=dict(contacts),
        keys=keys,
    )
    return sign_manifest(manifest, signer, now)


def issue_manifest(
    previous: Manifest, changes: ManifestChanges, signer: ManifestSigner, now: int
) -> VerifiedManifest:
    """Return the next version of the agency's own manifest.

    It is valid for 30 days from now, or until the delegation ends.

    Args:
        previous: the newest version.
        changes: the changes; without any, only the manifest's validity is renewed.
        signer: the agency's manifest keys; a later delegation than that of ``previous`` begins
            new versions.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: others would refuse the result, so it is not signed; or
            `delegation_expired`.
        KeyAccessError: from a signer that has to fetch its key.
    """
    dropped = changes.drop_keys
    keys = [
        key.model_copy(update={"not_after": changes.end_keys.get(key.kid, key.not_after)})
        for key in previous.keys
        if key.kid not in dropped
    ]
    delegation = signer.delegation.delegation
    issued = max(whole_second(now), delegation.issued)
    version = max(now, issued)
    if previous.delegation == signer.delegation.hash:
        issued = max(issued, previous.issued)
        version = max(now, previous.version + 1)
    if issued >= delegation.expires:
        raise ManifestError(
            f"The delegation of the manifest keys of {previous.agency} has expired.",
            code="delegation_expired",
            fix="Bring the governance keys, then: concordant keys delegate",
        )
    stated = tuple(
        StatedRevocation(kid=one.kid, since=one.since, stated=issued, reason=one.reason)
        for one in changes.revocations
    )
    manifest = previous.model_copy(
        update={
            "version": version,
            "delegation": signer.delegation.hash,
            "issued": issued,
            "expires": _expires(issued, signer),
            "keys": (*keys, *changes.add_keys),
            "revocations": (*previous.revocations, *stated),
            "standing": _standing(previous, changes),
            "contacts": dict(previous.contacts if changes.contacts is None else changes.contacts),
        }
    )
    return sign_manifest(manifest, signer, now)


def _expires(issued: int, signer: ManifestSigner) -> int:
    return min(issued + LONGEST_MANIFEST_LIFE_MS, signer.delegation.delegation.expires)


def _standing(previous: Manifest, changes: ManifestChanges) -> tuple[StandingEntry, ...]:
    """Return every suspension and departure so far, and the new ones.

    Each later version repeats them, so that an agency that lacks the earlier versions knows them.
    """
    entries = {one.name: one for one in previous.standing if one.name not in changes.drop_standing}
    for one in changes.standing:
        known = entries.get(one.name)
        versions = set(one.versions) | (set() if known is None else set(known.versions))
        entries[one.name] = one.model_copy(update={"versions": tuple(sorted(versions))})
    return tuple(entries.values())


def sign_manifest(manifest: Manifest, signer: ManifestSigner, now: int) -> VerifiedManifest:
    """Sign a manifest, put it after its delegation, and verify both as every reader will.

    Raises:
        ManifestError: others would refuse the result.
    """
    note = format_note(sign_note(manifest_text(manifest), signer.note_signers()))
    return verify_manifest(
        parse_manifest(signer.delegation.raw + note),
        [signer.delegation.governance],
        deployment=manifest.deployment,
        now=now,
    )
