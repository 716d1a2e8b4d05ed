"""Two texts of one version of a delegation: the first stays, also after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from broker.errors import ManifestError
from broker.keys.delegation import DelegationChanges, Revocation
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.registry.manifests import ManifestBook
from broker.registry.repository import CONFLICTS_FOLDER, Repository
from tests.support.delegated_keys import delegated
from tests.support.founded_partnership import COUNCIL, HOUR, NOW, POLICE, founded

FIRST, SECOND = NOW + HOUR, NOW + 2 * HOUR
END = NOW + 4 * HOUR


def made(at: int, kid: bytes, label: str, issued: int) -> VerifiedManifest:
    """A manifest of the police under a delegation of version `at` that revokes a key."""
    newest = founded().manifests.newest_verified(POLICE)
    assert newest is not None
    changes = DelegationChanges(revocations=(Revocation(kid=kid, since=NOW, reason="x"),))
    signer = delegated(
        founded().governance[POLICE], at, label, previous=newest.delegation, changes=changes
    )
    return issue_manifest(newest.manifest, ManifestChanges(), signer, issued)


ONE, OTHER = b"1" * 32, b"2" * 32
A = made(FIRST, ONE, "a", FIRST)
B = made(FIRST, OTHER, "b", FIRST + HOUR // 2)
LATER = made(SECOND, ONE, "c", SECOND)


def repository(folder: Path) -> Repository:
    config = founded().participants[COUNCIL].config
    return Repository(
        folder,
        deployment=founded().deployment,
        agency=COUNCIL,
        fingerprints=config.governance.fingerprints,
    )


def told(book: ManifestBook) -> tuple[list[bytes], list[bytes], object]:
    """Return the police's manifests, delegations and revocations in a book."""
    return (
        [one.hash for one in book.history(POLICE)],
        [one.hash for one in book.delegations(POLICE)],
        [book.revoked_since(POLICE, kid) for kid in (ONE, OTHER)],
    )


@pytest.mark.parametrize(
    ("arrivals", "stays"),
    [
        ((A, B), A),
        ((B, A), B),
        ((A, LATER, B), A),  # the other text comes after a later delegation
        ((B, LATER, A), B),
        ((A, B, LATER), A),
    ],
)
def test_the_first_text_stays_also_after_a_restart(
    tmp_path: Path, arrivals: Sequence[VerifiedManifest], stays: VerifiedManifest
) -> None:
    world, kept = founded(), repository(tmp_path)
    contracts = world.participants[COUNCIL].contracts
    book = ManifestBook(world.deployment)
    for agency in world.manifests.agencies():
        for one in world.manifests.history(agency):
            book = kept.store_manifest(one.raw, contracts, book, END)
    refused = []
    for one in arrivals:
        try:
            book = kept.store_manifest(one.raw, contracts, book, END)
        except ManifestError as error:
            refused.append((error.code, one.hash))
    (other,) = {A.hash, B.hash} - {stays.hash}
    assert refused == [("manifest_conflict", other)]
    assert stays.delegation.hash in told(book)[1]
    evidence = list((tmp_path / CONFLICTS_FOLDER).glob("*.note"))
    assert [path.read_bytes() for path in evidence] == [
        one.raw for one in (A, B) if one.hash == other
    ]
    again = repository(tmp_path).load_manifests(contracts, END)
    assert told(again) == told(book)
    with pytest.raises(ManifestError) as still:  # the host brings the other text again
        kept.store_manifest((A if stays is B else B).raw, contracts, again, END)
    assert still.value.code == "manifest_conflict"
