"""New versions of the agency's own manifest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from broker.errors import ManifestError
from broker.keys.issuing import (
    PUBLISHED_AHEAD_MS,
    ManifestChanges,
    ManifestSigner,
    first_manifest,
    issue_manifest,
    listed_key,
    successors,
)
from broker.keys.keyring import Keyring
from broker.keys.manifest import Manifest, ManifestKey, Revocation, StandingEntry
from contracts.durations import DAY_MS

MakeManifest = Callable[..., Manifest]
Signing = Callable[..., ManifestSigner]


V1, V2 = bytes(32), bytes([1]) * 32


def entry(
    state: str, now: int, versions: tuple[bytes, ...] = (V1,), contract: str = "c"
) -> StandingEntry:
    return StandingEntry(
        contract=contract,
        versions=versions,
        state=state,  # type: ignore[arg-type]  # one of the two
        since=now,
        reason="legal_review",
    )


def test_a_fresh_manifest_needs_no_successor_until_seven_days_before_an_end(
    manifest: MakeManifest, now: int
) -> None:
    document = manifest()
    assert successors(document, now) == ()
    assert successors(document, now + 23 * DAY_MS - 1) == ()
    (due,) = successors(document, now + 23 * DAY_MS)
    assert (due.role, due.not_before, due.ends) == ("exchange", now + 30 * DAY_MS, None)
    assert due.not_before - (now + 23 * DAY_MS) == PUBLISHED_AHEAD_MS
    assert due.not_after - due.not_before == 30 * DAY_MS


def test_keys_that_have_ended_are_replaced_now(manifest: MakeManifest, now: int) -> None:
    later = now + 200 * DAY_MS
    due = successors(manifest(), later)
    assert len(due) == 4
    assert {key.not_before for key in due} == {later}
    assert len(successors(manifest(keys=()), now)) == 4


def test_at_once_replaces_everything_and_ends_the_old_signing_keys(
    manifest: MakeManifest, now: int
) -> None:
    later = now + 10 * DAY_MS
    due = {(key.role, key.algorithm): key for key in successors(manifest(), later, at_once=True)}
    assert due["exchange", "mlkem768-x25519"].not_before == later + 7 * DAY_MS
    assert due["exchange", "mlkem768-x25519"].ends is None
    for role, algorithm in (("stream", "ed25519"), ("stream", "ml-dsa-44"), ("receipt", "ed25519")):
        assert due[role, algorithm].not_before == later
        assert due[role, algorithm].ends is not None


def test_a_new_version_keeps_everything_but_what_changes(
    manifest: MakeManifest, listed: Callable[..., ManifestKey], signer: Signing, now: int
) -> None:
    previous = manifest()
    stream = previous.keys_of("stream", "ed25519")[0]
    later = now + DAY_MS
    issued = issue_manifest(
        previous,
        ManifestChanges(
            add_keys=(listed("stream", "ed25519", label="second", start=later),),
            end_keys={stream.kid: later},
            revocations=(Revocation(kid=stream.kid, since=now, reason="lost laptop"),),
            standing=(entry("suspended", now),),
        ),
        signer(),
        later,
    ).manifest
    assert (issued.version, issued.issued) == (later, later)
    assert issued.expires == later + 30 * DAY_MS
    assert len(issued.keys) == 5
    assert issued.keys_of("stream", "ed25519")[0].not_after == later
    assert issued.revocations[0].kid == stream.kid
    assert issued.standing[0].state == "suspended"
    again = issue_manifest(issued, ManifestChanges(), signer(), later + 1).manifest
    assert (again.revocations, again.standing) == (issued.revocations, issued.standing)


def test_stops_are_repeated_and_an_ended_suspension_stays_listed(
    manifest: MakeManifest, signer: Signing, now: int
) -> None:
    def issue(previous: Manifest, at: int = now, **changes: object) -> Manifest:
        return issue_manifest(previous, ManifestChanges(**changes), signer(), at).manifest  # type: ignore[arg-type]  # a test's shorthand

    first, other = entry("suspended", now), entry("suspended", now, contract="d")
    suspended = issue(manifest(), standing=(first, other))
    later = now + DAY_MS
    over = first.model_copy(update={"until": later, "until_reason": "resolved"})
    resumed = issue(suspended, later, standing=(over,))
    assert resumed.standing == (over, other)
    assert issue(resumed, later + 1).standing == resumed.standing
    left = issue(suspended, later, standing=(entry("left", later),))
    assert [(one.state, one.since) for one in left.standing] == [
        ("suspended", now),
        ("suspended", now),
        ("left", later),
    ]
    # a version that it signed after it had left can be suspended
    again = issue(left, later, standing=(entry("suspended", now, (V1, V2)),))
    assert [one.versions for one in again.standing] == [(V1, V2), (V1,), (V1,)]
    dropped = issue(again, later + 2, drop_standing=frozenset({again.standing[0].name}))
    assert dropped.standing == again.standing[1:]


def test_a_manifest_that_others_would_refuse_is_never_issued(
    manifest: MakeManifest, listed: Callable[..., ManifestKey], signer: Signing, now: int
) -> None:
    overlapping = listed("stream", "ed25519", label="second")
    with pytest.raises(ManifestError) as caught:
        issue_manifest(manifest(), ManifestChanges(add_keys=(overlapping,)), signer(), now)
    assert caught.value.code == "manifest_keys_overlap"


def test_dropped_keys_are_gone(manifest: MakeManifest, signer: Signing, now: int) -> None:
    previous = manifest()
    kid = previous.keys_of("exchange", "mlkem768-x25519")[0].kid
    issued = issue_manifest(previous, ManifestChanges(drop_keys=frozenset({kid})), signer(), now)
    assert not issued.manifest.keys_of("exchange", "mlkem768-x25519")


def test_the_first_manifest_lists_what_the_keyring_made(
    keyring: Callable[..., Keyring], signer: Signing, now: int
) -> None:
    ring = keyring()
    made = ring.create("stream", "ml-dsa-44", not_before=now, not_after=now + DAY_MS)
    key = listed_key(made, ring, deployment="test-deployment", agency="alpha")
    issued = first_manifest(
        contacts={},
        keys=(key,),
        signer=signer(),
        now=now,
    )
    assert issued.manifest.version == now
    assert issued.manifest.keys == (key,)


def test_the_senders_secret_is_never_listed(keyring: Callable[..., Keyring], now: int) -> None:
    ring = keyring()
    secret = ring.create("secret", "hmac-sha256", not_before=now, not_after=None)
    with pytest.raises(ManifestError) as caught:
        listed_key(secret, ring, deployment="test-deployment", agency="alpha")
    assert caught.value.code == "manifest_key_invalid"
