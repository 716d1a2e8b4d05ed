"""New delegation of the manifest keys, which the governance keys sign once a year.

A delegation names a new pair of manifest keys, and the new pair signs a manifest at the same time.
The delegation may withdraw the former pair. Then the manifests that this agency itself made with
the former pair stay valid, and all other manifests of that pair are void. A delegation may also
state that the agency resumes or leaves a contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.agency.issuing_guard import issuing
from broker.agency.made_manifests import made_hashes
from broker.agency.own_manifest import (
    StatementError,
    made_keys,
    outdated_suspensions,
    standing_entry,
    store_own_manifest,
)
from broker.agency.participant import Participant, load_participant, own_manifest_missing
from broker.errors import ManifestError, RegistryError
from broker.keys.delegation import (
    STATEMENTS_LIMIT,
    DelegatedStatement,
    DelegationChanges,
    Revocation,
    VerifiedDelegation,
    WithdrawnKeys,
    issue_delegation,
)
from broker.keys.durable import write_durably
from broker.keys.governance import GovernanceSigner
from broker.keys.instant import whole_second
from broker.keys.issuing import ManifestChanges, issue_manifest, manifest_signer, successors
from broker.keys.kid import ED25519, MANIFEST, ML_DSA_65, SIGNING_ROLES
from broker.keys.manifest import Manifest, StandingEntry, VerifiedManifest
from broker.keys.signer import SoftwareSigner
from broker.operations.agency_entry import ENTRIES_FOLDER, entry_of
from broker.operations.key_inventory import RenewedManifest, renewed
from broker.operations.key_revocation import named_kids
from broker.operations.officer_keys import officer_files, officers_awaited, store_proposal
from broker.partnership.entry import parse_entry
from broker.registry.stops import Stop
from contracts.phrases import N_

STAND_LIMIT: Final = STATEMENTS_LIMIT


@dataclass(frozen=True, slots=True)
class Delegated:
    """A new delegation.

    Attributes:
        agency: the owner.
        version: its version.
        expires: its end, milliseconds.
        withdrawn: ids of the manifest keys that it withdraws and that no earlier one withdrew.
        stand: number of manifests of these keys that stay valid.
        void: versions of their manifests in this folder that are void.
        renewed: the manifest that came with it.
    """

    agency: str
    version: int
    expires: int
    withdrawn: tuple[bytes, ...]
    stand: int
    void: tuple[int, ...]
    renewed: RenewedManifest


def delegated_keys(
    agency: Path,
    now: int,
    *,
    withdraw: bool = False,
    revoke: Sequence[str] = (),
    since: int | None = None,
    reason: str = "",
) -> Delegated:
    """Make a delegation of a new pair of manifest keys, and a manifest under it.

    Args:
        agency: the agency's folder; its governance keys must be present.
        now: milliseconds since the epoch.
        withdraw: withdraw the former pair, because an attacker may have it.
        revoke: beginnings of ids of operational keys that may be compromised.
        since: earliest time at which they may have been compromised, milliseconds; any time in the
            past.
        reason: of the revocation, for the other parties.

    Raises:
        KeyAccessError: the governance keys are not here, or a key cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: ``manifest_missing`` or ``registry_unwritable``.
        StatementError: a key cannot be revoked.
        ConcordantError: the agency's folder cannot be loaded.
    """
    participant = load_participant(agency, now, unsigned_ok=True)
    kids = named_kids(participant, revoke) if revoke else ()
    if since is not None and since > now:
        raise StatementError(
            N_("The time of a revocation must be in the past."),
            code="since_ahead",
            fix=N_("Give the earliest time at which the key may have been compromised."),
        )
    moment = whole_second(now if since is None else since)
    changes = DelegationChanges(
        revocations=tuple(Revocation(kid=kid, since=moment, reason=reason) for kid in kids)
    )
    before = participant.manifests.newest_verified(participant.agency)
    listed = () if before is None else tuple(key.kid for key in before.manifest.keys)
    issued, withdrawn = delegate(participant, now, changes, withdraw=withdraw)
    content = issued.delegation.delegation
    again = load_participant(agency, now, unsigned_ok=True)
    return Delegated(
        participant.agency,
        content.version,
        content.expires,
        () if withdrawn is None else withdrawn.keys,
        0 if withdrawn is None else len(withdrawn.stand),
        tuple(one.manifest.version for one in again.manifests.void(participant.agency)),
        renewed(participant, issued, listed),
    )


def delegate(
    participant: Participant,
    now: int,
    changes: DelegationChanges | None = None,
    *,
    withdraw: bool = False,
    standing: tuple[StandingEntry, ...] = (),
) -> tuple[VerifiedManifest, WithdrawnKeys | None]:
    """Make and store a delegation with statements, and a manifest under it.

    Args:
        participant: the agency; its governance keys must be present.
        now: milliseconds since the epoch.
        changes: statements that only the governance keys may make.
        withdraw: withdraw the former pair of manifest keys.
        standing: further entries of the manifest; `changes` has their statements.

    Raises:
        KeyAccessError: the governance keys are not here, or a key cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: ``manifest_missing`` or ``registry_unwritable``.
        OfficersAwaitedError: the agency has officers. The delegation is stored with the signature
            of one; `issue_proposed` continues when another one has signed.
    """
    governance = participant.governance_signer()
    changes = changes or DelegationChanges()
    with issuing(participant):
        return _issue(participant, governance, now, changes, withdraw, standing)


def _issue(
    participant: Participant,
    governance: GovernanceSigner,
    now: int,
    changes: DelegationChanges,
    withdraw: bool,
    standing: tuple[StandingEntry, ...],
) -> tuple[VerifiedManifest, WithdrawnKeys | None]:
    previous = participant.manifests.newest_verified(participant.agency)
    if previous is None:
        raise own_manifest_missing(participant.root)
    withdrawn = None
    if withdraw:
        withdrawn = _withdrawn(participant, previous)
        changes = replace(changes, withdrawn=(*changes.withdrawn, withdrawn))
        previous = _newest_standing(participant, previous, withdrawn)
    keys = _new_pair(participant, now)
    last = participant.manifests.delegations(participant.agency)[-1].delegation
    delegation = issue_delegation(governance, keys, now, previous=last, changes=changes)
    if participant.officer is not None:
        raise officers_awaited(participant, store_proposal(participant, delegation))
    return _issued(participant, delegation, changes, previous, standing, now), withdrawn


def issue_proposed(
    participant: Participant, delegation: VerifiedDelegation, now: int
) -> VerifiedManifest:
    """Make and store the manifest under a delegation that enough officers have signed.

    The manifest states the departures and the ends of suspensions that the delegation states anew.

    Args:
        participant: the agency; the manifest keys that the delegation names must be present.
        delegation: with the signatures of the officers.
        now: milliseconds since the epoch.

    Raises:
        ManifestError: `manifest_rollback`: the folder has a later delegation; or others would
            refuse the manifest.
        KeyAccessError: a key is missing.
        RegistryError: ``manifest_missing`` or ``registry_unwritable``.
    """
    previous = participant.manifests.newest_verified(participant.agency)
    if previous is None:
        raise own_manifest_missing(participant.root)
    last = participant.manifests.delegations(participant.agency)[-1].delegation
    content = delegation.delegation
    if content.version <= last.version:
        raise ManifestError(
            N_("This delegation is not newer than the one in the folder."),
            code="manifest_rollback",
            fix=N_("Give the file that was proposed last."),
        )
    changes = DelegationChanges(
        withdrawn=tuple(one for one in content.withdrawn if one not in last.withdrawn),
        standing=tuple(one for one in content.standing if one not in last.standing),
        revocations=tuple(one for one in content.revocations if one not in last.revocations),
    )
    for withdrawn in changes.withdrawn:
        previous = _newest_standing(participant, previous, withdrawn)
    standing = tuple(
        entry for one in changes.standing for entry in _entries_of(participant, one, now)
    )
    with issuing(participant):
        return _issued(participant, delegation, changes, previous, standing, now)


def _entries_of(
    participant: Participant, stated: DelegatedStatement, now: int
) -> tuple[StandingEntry, ...]:
    """Return the manifest's entries for the statements of its delegation."""
    if stated.state == "left":
        entry = standing_entry(participant, stated.contract, "left", stated.reason, now)
        return (entry.model_copy(update={"since": stated.since}),)
    return tuple(
        ended_suspension(one, stated.since, stated.reason)
        for one in participant.manifests.stops(participant.agency)
        if one.contract == stated.contract
        and one.open
        and one.state == "suspended"
        and one.stated <= stated.since
    )


def ended_suspension(stop: Stop, until: int, reason: str) -> StandingEntry:
    """Return the entry of a manifest that ends a suspension."""
    return StandingEntry(
        contract=stop.contract,
        versions=tuple(sorted(stop.versions)),
        state="suspended",
        since=stop.stated,
        until=until,
        reason=stop.reason,
        until_reason=reason,
    )


def _issued(
    participant: Participant,
    delegation: VerifiedDelegation,
    changes: DelegationChanges,
    previous: VerifiedManifest,
    standing: tuple[StandingEntry, ...],
    now: int,
) -> VerifiedManifest:
    """Make and store the manifest under a delegation, and make the entry again."""
    signer = manifest_signer(delegation, participant.keyring)
    revoked = {one.kid for one in changes.revocations}
    left, ended = _without(previous.manifest, revoked, now)
    added = made_keys(participant, successors(left, now))
    stated = replace(
        ended,
        add_keys=added,
        standing=standing,
        drop_standing=outdated_suspensions(participant, now),
    )
    issued = issue_manifest(previous.manifest, stated, signer, now)
    store_own_manifest(participant, issued, now)
    _renew_entry(participant, issued, now)
    return issued


def _new_pair(participant: Participant, now: int) -> tuple[SoftwareSigner, SoftwareSigner]:
    ring, begins = participant.keyring, whole_second(now)
    first, second = (
        ring.signer(ring.create(MANIFEST, algorithm, not_before=begins, not_after=None).kid)
        for algorithm in (ED25519, ML_DSA_65)
    )
    return first, second


def _withdrawn(participant: Participant, newest: VerifiedManifest) -> WithdrawnKeys:
    kids = newest.delegation.delegation.kids
    made = made_hashes(participant.root)
    stand = [
        one.hash
        for one in participant.manifests.history(participant.agency)
        if one.delegation.delegation.kids == kids and (made is None or one.hash in made)
    ]
    return WithdrawnKeys(keys=kids, stand=tuple(stand[-STAND_LIMIT:]))


def _newest_standing(
    participant: Participant, newest: VerifiedManifest, withdrawn: WithdrawnKeys
) -> VerifiedManifest:
    """Return the newest manifest that is not void. A thief's manifest must not be continued."""
    kids = newest.delegation.delegation.kids
    for one in reversed(participant.manifests.history(participant.agency)):
        if one.delegation.delegation.kids != kids or one.hash in withdrawn.stand:
            return one
    raise RegistryError(
        N_("None of the manifests here was made by this agency."),
        code="manifest_missing",
        where=str(participant.root / "manifests"),
        fix=N_(
            "Restore the folders manifests/ and state/ from a backup, then give the command again."
        ),
    )


def _without(manifest: Manifest, revoked: set[bytes], now: int) -> tuple[Manifest, ManifestChanges]:
    """Return the manifest without revoked keys, and the changes that end them."""
    moment = whole_second(now)
    named = [key for key in manifest.keys if key.kid in revoked]
    drop = frozenset(key.kid for key in named if key.not_before >= moment)
    ends = {
        key.kid: moment
        for key in named
        if key.role in SIGNING_ROLES and key.not_before < moment < key.not_after
    }
    left = tuple(key for key in manifest.keys if key.kid not in revoked)
    return manifest.model_copy(update={"keys": left}), ManifestChanges(
        drop_keys=drop, end_keys=ends
    )


def _renew_entry(participant: Participant, issued: VerifiedManifest, now: int) -> None:
    """Make this agency's entry again, with the new delegation, if it has one."""
    path = participant.root / ENTRIES_FOLDER / f"{participant.agency}.entry"
    if path.is_file():
        profile = parse_entry(path.read_bytes(), str(path)).profile
        governance = participant.governance_signer()
        officers = officer_files(participant, now)
        entry = entry_of(participant.root, profile, governance, issued, now, officers=officers)
        write_durably(path, entry.raw)
