"""Due keys, effects of a revocation, and what a new version keeps of the one before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.errors import ManifestError
from broker.keys.issuing import (
    ManifestChanges,
    ManifestSigner,
    SuccessorKey,
    first_manifest,
    issue_manifest,
    listed_key,
    revoking,
    successors,
)
from broker.keys.keyring import Keyring
from broker.keys.manifest import Manifest, ManifestKey, StatedRevocation
from contracts.durations import DAY_MS

MakeManifest = Callable[..., Manifest]
Listed = Callable[..., ManifestKey]
Signing = Callable[..., ManifestSigner]

STREAM, RECEIPT = ("stream", "ed25519"), ("receipt", "ed25519")
EXCHANGE = ("exchange", "mlkem768-x25519")


def revoked(*keys: ManifestKey, now: int) -> tuple[StatedRevocation, ...]:
    return tuple(
        StatedRevocation(kid=key.kid, since=now, stated=now, reason="lost") for key in keys
    )


def of(kind: tuple[str, str], found: tuple[SuccessorKey, ...]) -> list[SuccessorKey]:
    return [one for one in found if (one.role, one.algorithm) == kind]


# --- due -----------------------------------------------------------------------------------------


def test_the_key_that_ends_last_decides_in_any_order_of_the_list(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    ending = listed(*STREAM, life=3 * DAY_MS)
    following = listed(*STREAM, label="second", start=now + 3 * DAY_MS)
    for keys in ((ending, following), (following, ending)):
        assert of(STREAM, successors(manifest(keys=keys), now)) == []
    assert of(STREAM, successors(manifest(keys=(ending,)), now)) == [
        SuccessorKey(*STREAM, now + 3 * DAY_MS, now + 93 * DAY_MS)
    ]


def test_after_a_revocation_an_interim_key_serves_until_the_next_begins(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    lost = listed(*STREAM, life=20 * DAY_MS)
    following = listed(*STREAM, label="second", start=now + 20 * DAY_MS)
    document = manifest(keys=(lost, following), revocations=revoked(lost, now=now))
    later = now + DAY_MS + 250
    assert of(STREAM, successors(document, later)) == [
        SuccessorKey(*STREAM, now + DAY_MS, now + 20 * DAY_MS)
    ]
    # At the moment that the next one begins there is a valid one again
    assert of(STREAM, successors(document, now + 20 * DAY_MS)) == []


def test_an_interim_key_lives_no_longer_than_its_role_allows(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    far = listed(*RECEIPT, start=now + 100 * DAY_MS)
    farther = listed(*RECEIPT, label="second", start=now + 190 * DAY_MS)
    assert of(RECEIPT, successors(manifest(keys=(farther, far)), now)) == [
        SuccessorKey(*RECEIPT, now, now + 90 * DAY_MS)
    ]


def test_a_key_that_ends_this_moment_is_replaced_and_not_ended_again(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    document = manifest(keys=(listed(*RECEIPT, life=DAY_MS),))
    (due,) = of(RECEIPT, successors(document, now + DAY_MS, at_once=True))
    assert due == SuccessorKey(*RECEIPT, now + DAY_MS, now + 91 * DAY_MS, None)


def test_a_key_that_began_this_second_is_followed_and_not_cut_to_nothing(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    key = listed(*RECEIPT)
    (due,) = of(RECEIPT, successors(manifest(keys=(key,)), now + 999, at_once=True))
    assert due == SuccessorKey(*RECEIPT, key.not_after, key.not_after + 90 * DAY_MS, None)
    (due,) = of(RECEIPT, successors(manifest(keys=(key,)), now + 1000, at_once=True))
    assert due == SuccessorKey(*RECEIPT, now + 1000, now + 1000 + 90 * DAY_MS, key.kid)


# --- revoked -------------------------------------------------------------------------------------


def test_revoking_ends_what_signs_and_unlists_what_has_not_begun(
    manifest: MakeManifest, listed: Listed, now: int
) -> None:
    begun = listed(*STREAM, start=now - DAY_MS)
    begins = listed(*STREAM, label="begins", start=now)
    future = listed(*RECEIPT, label="future", start=now + DAY_MS)
    ended = listed(*RECEIPT, label="ended", start=now - DAY_MS, life=DAY_MS - 1000)
    ends = listed(*RECEIPT, label="ends", start=now - DAY_MS, life=DAY_MS)
    exchange = listed(*EXCHANGE, start=now - DAY_MS)
    untouched = (
        listed(*STREAM, label="other", start=now - DAY_MS),
        listed(*RECEIPT, label="other", start=now + DAY_MS),
    )
    named = (begun, begins, future, ended, ends, exchange)
    revocations = revoked(*named, now=now)
    changes = revoking(manifest(keys=(*named, *untouched)), revocations, now + 999)
    assert changes == ManifestChanges(
        drop_keys=frozenset({begins.kid, future.kid}),
        end_keys={begun.kid: now},
        revocations=revocations,
    )


# --- listed and issued ---------------------------------------------------------------------------


def test_only_keys_of_a_manifests_roles_with_an_end_are_listed(
    keyring: Callable[..., Keyring], now: int
) -> None:
    ring = keyring()
    entry = ring.create(*EXCHANGE, not_before=now, not_after=now + DAY_MS)
    key = listed_key(entry, ring, deployment="d", agency="a")
    assert key.possession is None
    for refused in (replace(entry, not_after=None), replace(entry, role="governance")):
        with pytest.raises(ManifestError) as caught:
            listed_key(refused, ring, deployment="d", agency="a")
        assert caught.value.code == "manifest_key_invalid"


def test_contacts_stay_or_are_replaced(manifest: MakeManifest, signer: Signing, now: int) -> None:
    previous = manifest()
    same = issue_manifest(previous, ManifestChanges(), signer(), now).manifest
    assert same.contacts == previous.contacts
    changes = ManifestChanges(contacts={"security": "s@alpha.example"})
    other = issue_manifest(previous, changes, signer(), now).manifest
    assert other.contacts == {"security": "s@alpha.example"}
    none = issue_manifest(previous, ManifestChanges(contacts={}), signer(), now).manifest
    assert none.contacts == {}


def test_the_first_version_says_what_it_was_given(signer: Signing, now: int) -> None:
    issued = first_manifest(
        contacts={"security": "s@alpha.example"},
        keys=(),
        signer=signer(),
        now=now + 999,
    ).manifest
    assert issued.contacts == {"security": "s@alpha.example"}
    assert (issued.issued, issued.expires) == (now, now + 30 * DAY_MS)
