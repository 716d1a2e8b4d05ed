"""Changes to an agency's own manifest and keys: renew, suspend, revoke, destroy.

Resuming and leaving need the governance keys (`broker.operations.contract_departure`).

Each change makes a new manifest version with the manifest keys, verifies it as every reader will,
and stores it; the service publishes it. New keys are stored before the manifest that lists them. A
crash in between leaves an unlisted key, and never a listed key without its private half.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final, Literal

from pydantic import ValidationError

from broker.agency.issuing_guard import issuing, require_own
from broker.agency.made_manifests import note_made
from broker.agency.participant import Participant, own_manifest_missing
from broker.errors import RegistryError
from broker.keys.delegation import Revocation
from broker.keys.instant import format_instant, whole_second
from broker.keys.issuing import (
    ManifestChanges,
    SuccessorKey,
    issue_manifest,
    listed_key,
    revoking,
    successors,
)
from broker.keys.manifest import (
    REVOCATION_LOOKS_BACK_MS,
    Manifest,
    ManifestKey,
    StandingEntry,
    VerifiedManifest,
)
from broker.registry.manifests import TRIED_AFTER_END_MS
from contracts.durations import DAY_MS
from contracts.model import UNSTATED_KAFKA_DAYS

RENEW_AFTER_MS: Final = 10 * DAY_MS
"""Age at which the adapter renews its manifest, so that 15 days offline are harmless."""
EXCHANGE_AHEAD_MS: Final = RENEW_AFTER_MS + 15 * DAY_MS
"""Time before the end of an exchange key at which its successor is published.

The agency may go offline just before the next renewal, and others seal for it all the time.
"""


class StatementError(RegistryError):
    """A manifest cannot state what was requested; the person who requested it must act.

    Codes: `key_not_listed`, `key_ambiguous`, `key_governance`, `key_revoked_before`, `since_ahead`,
    `since_too_early`, `reason_invalid`.
    """

    code = "reason_invalid"
    exit_code = 2


def renew_keys(participant: Participant, now: int, *, at_once: bool = False) -> VerifiedManifest:
    """Make the successors that are due, and a manifest version that lists them.

    The manifest's own validity of 30 days is renewed even if no key is due.

    Args:
        participant: the agency; its manifest keys must be present.
        now: milliseconds since the epoch.
        at_once: replace every key, due or not.

    Raises:
        KeyAccessError: a key is missing or cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: code `registry_unwritable`, `manifest_missing`, `manifest_changed` or
            `manifest_not_ours`.
    """
    with issuing(participant):
        require_own(participant)
        signer = participant.manifest_signer()
        previous = _newest(participant)
        due = successors(previous, now, at_once=at_once, exchange_ahead_ms=EXCHANGE_AHEAD_MS)
        added = made_keys(participant, due)
        changes = ManifestChanges(
            add_keys=added,
            end_keys={key.ends: key.not_before for key in due if key.ends is not None},
            drop_keys=_outdated_keys(participant, previous, now),
            drop_standing=outdated_suspensions(participant, now),
        )
        issued = issue_manifest(previous, changes, signer, now)
        return store_own_manifest(participant, issued, now)


def manifest_renewal_due(participant: Participant, now: int) -> bool:
    """Return whether the adapter renews now: the manifest is old, or a key needs a successor.

    Args:
        participant: the agency, with its newest manifest.
        now: milliseconds since the epoch.
    """
    newest = participant.manifests.newest(participant.agency)
    if newest is None:
        return False
    return now - newest.issued >= RENEW_AFTER_MS or bool(successors(newest, now))


def _outdated_keys(participant: Participant, newest: Manifest, now: int) -> frozenset[bytes]:
    """Return ids of keys that ended so long ago that no record of that time is left.

    Without this a manifest would reach the limit of 256 keys.
    """
    over = now - longest_retention_ms(participant) - TRIED_AFTER_END_MS
    return frozenset(key.kid for key in newest.keys if key.not_after < over)


def signed_versions(participant: Participant, name: str) -> tuple[bytes, ...]:
    """Return SHA-256 of every version of a contract that this agency has signed, ascending."""
    signed = participant.contracts.trusted()
    return tuple(sorted(one.hash for one in signed if one.contract.name == name))


def standing_entry(
    participant: Participant,
    name: str,
    state: Literal["suspended", "left"],
    reason: str,
    now: int,
) -> StandingEntry:
    """Return the entry by which this agency stops from now on, in all versions that it signed.

    Raises:
        RegistryError: code `contract_unsigned`.
        StatementError: code `reason_invalid`.
    """
    versions = signed_versions(participant, name)
    if not versions:
        raise RegistryError(
            f"This agency has signed no version of {name}.",
            code="contract_unsigned",
            where="contracts/",
            fix="There is nothing to stop: no event flows before this agency signs.",
        )
    try:
        return StandingEntry(
            contract=name, versions=versions, state=state, since=now, reason=reason
        )
    except ValidationError:
        raise reason_invalid() from None


def suspend_contract(
    participant: Participant, name: str, reason: str, now: int
) -> VerifiedManifest:
    """Suspend this agency's own part of a contract, in all versions that it signed.

    Args:
        participant: the agency; its manifest keys must be present.
        name: the contract's name.
        reason: for the other parties; never anything about a person.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing or cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: code `contract_unsigned`, `registry_unwritable` or `manifest_missing`.
        StatementError: code `reason_invalid`.
    """
    entry = standing_entry(participant, name, "suspended", reason, now)
    with issuing(participant):
        signer = participant.manifest_signer()
        previous = _newest(participant)
        changes = ManifestChanges(
            standing=(entry,), drop_standing=outdated_suspensions(participant, now)
        )
        issued = issue_manifest(previous, changes, signer, now)
        return store_own_manifest(participant, issued, now)


def revoke_keys(
    participant: Participant, kids: Collection[bytes], since: int, reason: str, now: int
) -> VerifiedManifest:
    """Revoke keys of this agency that may be compromised, and list their successors at once.

    One version does both. Otherwise the agency could not sign, or its partners could not seal for
    it, exactly when it must reach them.

    Args:
        participant: the agency; its manifest keys must be present.
        kids: the keys' ids.
        since: earliest time at which they may have been compromised, milliseconds; the whole second
            counts, because receipts are dated by seconds.
        reason: for the other parties; never anything about a person.
        now: milliseconds since the epoch.

    Raises:
        KeyAccessError: a key is missing or cannot be opened.
        ManifestError: others would refuse the result.
        RegistryError: code `registry_unwritable` or `manifest_missing`.
        StatementError: code `key_not_listed`, `key_revoked_before`, `since_ahead`,
            `since_too_early` or `reason_invalid`.
    """
    since = whole_second(since)  # a receipt of the same second may be later than the compromise
    kids = tuple(dict.fromkeys(kids))
    if not kids:
        raise StatementError(
            "No key was given.", code="key_not_listed", fix="Give the keys to be revoked."
        )
    for kid in kids:
        _require_revocable(participant, kid, since, now)
    revocations = tuple(_revocation(kid, since, reason) for kid in kids)
    with issuing(participant):
        signer = participant.manifest_signer()
        previous = _newest(participant)
        changes = revoking(previous, revocations, now)
        left = previous.model_copy(
            update={
                "keys": tuple(key for key in previous.keys if key.kid not in changes.drop_keys),
                "revocations": (*previous.revocations, *revocations),
            }
        )
        added = made_keys(participant, successors(left, now))
        changes = replace(changes, add_keys=added)
        issued = issue_manifest(previous, changes, signer, now)
        return store_own_manifest(participant, issued, now)


def _revocation(kid: bytes, since: int, reason: str) -> Revocation:
    try:
        return Revocation(kid=kid, since=since, reason=reason)
    except ValidationError:  # the time is in the last seven days: it is the reason
        raise reason_invalid() from None


def reason_invalid() -> StatementError:
    """Return the error for a reason that no statement can hold."""
    return StatementError(
        "A manifest cannot hold this reason.",
        code="reason_invalid",
        fix="Give one line of 1 to 256 characters, without control characters.",
    )


def _require_revocable(participant: Participant, kid: bytes, since: int, now: int) -> None:
    history = participant.manifests.history(participant.agency)
    if all(key.kid != kid for version in history for key in version.manifest.keys):
        raise StatementError(
            f"None of this agency's manifests lists the key {kid.hex()[:16]}.",
            code="key_not_listed",
            fix=f"See: concordant keys list --agency {participant.root}",
        )
    if since < whole_second(now) - REVOCATION_LOOKS_BACK_MS:
        raise StatementError(
            "A manifest revokes a key for at most the last 7 days.",
            code="since_too_early",
            fix="Bring the governance keys, which may revoke for any time, and run: concordant "
            f"keys delegate --agency {participant.root} --revoke KEY --since TIME --reason TEXT",
        )
    if since > now:
        raise StatementError(
            "The time of a revocation must be in the past.",
            code="since_ahead",
            fix="Give the earliest time at which the key may have been compromised.",
        )
    before = participant.manifests.revoked_since(participant.agency, kid)
    if before is not None and before <= since:
        raise StatementError(
            f"The key {kid.hex()[:16]} is already revoked, since {format_instant(before)}.",
            code="key_revoked_before",
            fix="A revocation cannot be undone or postponed; it can only get an earlier date.",
        )


def destroy_exchange_keys(participant: Participant, now: int) -> tuple[bytes, ...]:
    """Destroy exchange keys that no record on Kafka can need: retention plus grace have passed.

    Args:
        participant: the agency.
        now: milliseconds since the epoch.

    Returns:
        Ids of the destroyed keys; a record of each is kept.

    Raises:
        KeyAccessError: a key file cannot be removed.
    """
    kept = longest_retention_ms(participant) + TRIED_AFTER_END_MS
    gone: list[bytes] = []
    for key in participant.manifests.exchange_keys(participant.agency):
        if key.not_after + kept < now and participant.keyring.holds(key.kid):
            participant.keyring.destroy(key.kid, now=now, reason="retention_over")
            gone.append(key.kid)
    return tuple(gone)


def longest_retention_ms(participant: Participant) -> int:
    """Return the longest topic retention plus grace of all contracts that we signed, ms."""
    graces = (signed.contract.grace_ms for signed in participant.contracts.trusted())
    return max(graces, default=UNSTATED_KAFKA_DAYS * DAY_MS)


def made_keys(participant: Participant, due: Iterable[SuccessorKey]) -> tuple[ManifestKey, ...]:
    """Make and store the keys; return them as a manifest lists them."""
    return tuple(
        listed_key(
            participant.keyring.create(
                key.role, key.algorithm, not_before=key.not_before, not_after=key.not_after
            ),
            participant.keyring,
            deployment=participant.deployment,
            agency=participant.agency,
        )
        for key in due
    )


def _newest(participant: Participant) -> Manifest:
    newest = participant.manifests.newest(participant.agency)
    if newest is None:
        raise own_manifest_missing(participant.root)
    return newest


def outdated_suspensions(participant: Participant, now: int) -> frozenset[tuple[str, str, int]]:
    """Return names of suspensions that ended so long ago that no record of that time is left."""
    over = now - longest_retention_ms(participant) - TRIED_AFTER_END_MS
    return frozenset(
        (one.contract, one.state, one.stated)
        for one in participant.manifests.stops(participant.agency)
        if one.until is not None and one.until < over
    )


def store_own_manifest(
    participant: Participant, issued: VerifiedManifest, now: int
) -> VerifiedManifest:
    """Store a manifest that this agency made; the service publishes it.

    Raises:
        ManifestError: it does not follow from the one before.
        RegistryError: ``registry_unwritable``.
    """
    note_made(participant.root, issued, participant.manifests.history(participant.agency))
    participant.repository.store_manifest(
        issued.raw, participant.contracts, participant.manifests, now
    )
    return issued
