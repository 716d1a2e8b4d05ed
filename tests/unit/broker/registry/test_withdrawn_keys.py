"""The book of manifests under later delegations, and after manifest keys are withdrawn."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from broker.errors import ManifestError
from broker.keys.delegation import (
    DelegationChanges,
    Revocation,
    VerifiedDelegation,
    WithdrawnKeys,
)
from broker.keys.issuing import ManifestChanges, ManifestSigner, issue_manifest, sign_manifest
from broker.keys.manifest import VerifiedManifest
from broker.registry.manifests import ManifestBook
from tests.support.delegated_keys import delegated
from tests.support.founded_partnership import DAY, HOUR, NOW, POLICE, founded

END_OF_TIME = 2**53 - 1


def first() -> VerifiedManifest:
    newest = founded().manifests.newest_verified(POLICE)
    assert newest is not None
    return newest


@dataclass
class Owner:
    """The police with another pair of manifest keys and a later delegation."""

    signer: ManifestSigner

    def manifest(self, after: VerifiedManifest, at: int) -> VerifiedManifest:
        return issue_manifest(after.manifest, ManifestChanges(), self.signer, at)


def owner(at: int, label: str = "second", changes: DelegationChanges | None = None) -> Owner:
    before: VerifiedDelegation = first().delegation
    governance = founded().governance[POLICE]
    return Owner(delegated(governance, at, label, previous=before, changes=changes))


def thief(**changes: object) -> VerifiedManifest:
    """A manifest that the stolen first pair signs."""
    manifest = first().manifest.model_copy(
        update={"version": NOW + HOUR, "issued": NOW + HOUR, **changes}
    )
    return sign_manifest(manifest, founded().manifest_signers[POLICE], NOW + HOUR)


def stolen_stream_key() -> bytes:
    return first().manifest.keys_of("stream", "ed25519")[0].kid


def revoking() -> VerifiedManifest:
    changes = ManifestChanges(
        revocations=(Revocation(kid=stolen_stream_key(), since=NOW, reason="x"),)
    )
    signer = founded().manifest_signers[POLICE]
    return issue_manifest(first().manifest, changes, signer, NOW + HOUR)


def withdrawal(*stand: VerifiedManifest) -> DelegationChanges:
    kids = first().delegation.delegation.kids
    return DelegationChanges(
        withdrawn=(WithdrawnKeys(keys=kids, stand=tuple(one.hash for one in stand)),)
    )


def test_a_later_delegation_forgets_the_highest_version() -> None:
    locked = founded().manifests.adding(thief(version=END_OF_TIME))
    with pytest.raises(ManifestError) as refused:
        locked.adding(thief(version=END_OF_TIME - 1))
    assert refused.value.code == "manifest_rollback"
    again = owner(NOW + 2 * HOUR).manifest(first(), NOW + 2 * HOUR)
    assert again.manifest.version == NOW + 2 * HOUR
    assert locked.adding(again).newest_verified(POLICE) == again


def test_an_earlier_delegation_does_not_come_back() -> None:
    again = owner(NOW + 2 * HOUR).manifest(first(), NOW + 2 * HOUR)
    book = founded().manifests.adding(again)
    with pytest.raises(ManifestError) as refused:
        book.adding(thief(version=END_OF_TIME))
    assert refused.value.code == "manifest_rollback"


def test_void_manifests_were_never_made() -> None:
    stolen = revoking()
    book = founded().manifests.adding(stolen)
    assert book.revoked_since(POLICE, stolen_stream_key()) == NOW
    withdrawn = owner(NOW + 2 * HOUR, changes=withdrawal(first()))
    again = withdrawn.manifest(first(), NOW + 2 * HOUR)
    freed = book.adding(again)
    assert freed.revoked_since(POLICE, stolen_stream_key()) is None
    assert freed.revocation_times(POLICE) == ()
    assert freed.history(POLICE) == (first(), again)
    assert freed.void(POLICE) == (stolen,)
    with pytest.raises(ManifestError) as refused:
        founded().manifests.adding(again).adding(stolen)
    assert refused.value.code == "manifest_void"
    # the same files in any order say the same
    assert ManifestBook("pan-london", [stolen, again, first()]).history(POLICE) == (first(), again)


def test_a_standing_manifest_still_counts() -> None:
    stands = revoking()
    withdrawn = owner(NOW + 2 * HOUR, changes=withdrawal(first(), stands))
    book = founded().manifests.adding(stands).adding(withdrawn.manifest(stands, NOW + 2 * HOUR))
    assert book.revoked_since(POLICE, stolen_stream_key()) == NOW
    assert len(book.history(POLICE)) == 3


def test_the_latest_list_of_a_withdrawn_pair_counts() -> None:
    stands = revoking()
    second = owner(NOW + 2 * HOUR, changes=withdrawal(first()))
    book = founded().manifests.adding(stands)
    book = book.adding(second.manifest(first(), NOW + 2 * HOUR))
    corrected = Owner(
        delegated(
            founded().governance[POLICE],
            NOW + 3 * HOUR,
            "second",
            previous=second.signer.delegation,
            changes=withdrawal(first(), stands),
        )
    )
    newest = book.newest_verified(POLICE)
    assert newest is not None
    book = book.adding(corrected.manifest(newest, NOW + 3 * HOUR))
    assert book.revoked_since(POLICE, stolen_stream_key()) == NOW


def test_keys_that_are_withdrawn_sign_nothing_under_a_later_delegation() -> None:
    second = owner(NOW + 2 * HOUR, changes=withdrawal(first()))
    book = founded().manifests.adding(second.manifest(first(), NOW + 2 * HOUR))
    forgetful = owner(NOW + 3 * HOUR, "second")  # of another folder, without the withdrawal
    signer = founded().manifest_signers[POLICE]
    delegation = delegated(founded().governance[POLICE], NOW + 4 * HOUR).delegation
    assert delegation.delegation.withdrawn == ()
    book = book.adding(forgetful.manifest(first(), NOW + 3 * HOUR))
    again = ManifestSigner(forgetful.signer.delegation, signer.ed25519, signer.ml_dsa_65)
    with pytest.raises(ManifestError) as refused:
        issue_manifest(first().manifest, ManifestChanges(), again, NOW + 3 * HOUR)
    assert refused.value.code == "manifest_signature_invalid"


def test_a_delegation_revokes_for_any_time_ago() -> None:
    revocation = Revocation(kid=stolen_stream_key(), since=NOW - 300 * DAY, reason="x")
    changes = DelegationChanges(revocations=(revocation,))
    second = owner(NOW + HOUR, changes=changes)
    book = founded().manifests.adding(second.manifest(first(), NOW + HOUR))
    assert book.revoked_since(POLICE, stolen_stream_key()) == NOW - 300 * DAY
    assert book.revocation_times(POLICE) == ((NOW - 300 * DAY) // 1000,)
    # a later delegation repeats it
    third = delegated(
        founded().governance[POLICE], NOW + DAY, "third", previous=second.signer.delegation
    )
    assert third.delegation.delegation.revocations == (revocation,)


def test_two_texts_of_one_delegation_are_a_conflict() -> None:
    governance = founded().governance[POLICE]
    one = Owner(delegated(governance, NOW + HOUR, "one"))
    other = Owner(delegated(governance, NOW + HOUR, "other"))
    book = founded().manifests.adding(one.manifest(first(), NOW + HOUR))
    with pytest.raises(ManifestError) as refused:
        book.adding(other.manifest(first(), NOW + 2 * HOUR))
    assert refused.value.code == "manifest_conflict"
