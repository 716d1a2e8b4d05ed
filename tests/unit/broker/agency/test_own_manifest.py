"""Changes to an agency's own manifest: revoking, suspending, renewing and destroying."""

from __future__ import annotations

import shutil

from adapters.trial_partnership import TrialPartnership
from broker.agency.own_manifest import (
    destroy_exchange_keys,
    longest_retention_ms,
    renew_keys,
    revoke_keys,
    suspend_contract,
)
from broker.errors import KeyAccessError, RegistryError
from broker.keys.issuing import ManifestChanges, issue_manifest
from contracts.durations import DAY_MS
from tests.support.newer_manifests import ME, Load, code_of, short, short_of


def test_a_revoked_exchange_key_has_a_successor_at_once_and_still_opens(
    load: Load, now: int
) -> None:
    first = load().manifests.exchange_key(ME, now)
    revoke_keys(load(), [first.kid], now, "laptop lost", now)
    revoked = load()
    second = revoked.manifests.exchange_key(ME, now)
    assert second.kid != first.kid
    assert revoked.keyring.holds(second.kid)
    tried = {key.kid: key.not_after for key in revoked.manifests.exchange_keys(ME)}
    assert tried[first.kid] == first.not_after  # what is on its way is still opened


def test_a_revoked_signing_key_ends_and_its_successor_begins_at_that_moment(
    load: Load, now: int
) -> None:
    later = now + 3 * DAY_MS
    before = load(now=later).manifest(later)
    kids = [key.kid for key in before.keys if key.role != "exchange"]
    revoke_keys(load(now=later), kids, now, "laptop lost", later)
    participant = load(now=later)
    manifest = participant.manifest(later)
    assert (manifest.version, len(manifest.keys)) == (later, 7)
    for role, algorithm in (("stream", "ed25519"), ("stream", "ml-dsa-44"), ("receipt", "ed25519")):
        old, new = manifest.keys_of(role, algorithm)
        assert old.not_after == new.not_before == later
        assert new.not_after - new.not_before == 90 * DAY_MS
    assert participant.stream_signer(later).kid not in kids
    assert participant.receipt_signer(later).kid not in kids


def test_a_key_that_is_revoked_in_its_first_second_is_dropped_for_its_successor(
    load: Load, now: int
) -> None:
    kid = load().stream_signer(now).kid
    revoke_keys(load(), [kid], now, "laptop lost", now)
    participant = load()
    (key,) = participant.manifest(now).keys_of("stream", "ed25519")
    assert key.kid == participant.stream_signer(now).kid != kid
    old = participant.manifests.stream_key(ME, short_of(load(), kid))
    assert old is not None
    assert old.revoked_since == now


def test_a_revoked_successor_leaves_no_time_without_a_key(load: Load, now: int) -> None:
    later = now + 24 * DAY_MS
    renew_keys(load(now=later), later)
    upcoming = max(load(now=later).manifests.exchange_keys(ME), key=lambda key: key.not_before)
    assert upcoming.not_before > later
    revoke_keys(load(now=later), [upcoming.kid], later, "laptop lost", later)
    book = load(now=later).manifests
    assert book.exchange_key(ME, later + 10 * DAY_MS).kid != upcoming.kid


def test_a_current_key_revoked_beside_its_successor_is_bridged(load: Load, now: int) -> None:
    later = now + 24 * DAY_MS
    current = load().manifests.exchange_key(ME, now)
    renew_keys(load(now=later), later)
    revoke_keys(load(now=later), [current.kid], later, "laptop lost", later)
    book = load(now=later).manifests
    bridge = book.exchange_key(ME, later)
    assert bridge.kid != current.kid
    assert bridge.not_after == current.not_after
    assert book.exchange_key(ME, current.not_after).not_before == current.not_after


def test_a_revocation_is_only_ever_dated_earlier(load: Load, now: int) -> None:
    kid = load().stream_signer(now).kid
    revoke_keys(load(), [kid], now - 10_000, "laptop lost", now)
    for since in (now - 10_000, now - 9_001, now - 5_000):
        act = lambda since=since: revoke_keys(load(), [kid], since, "laptop lost", now)  # noqa: E731 - one act
        assert code_of(act, RegistryError) == "key_revoked_before"
    revoke_keys(load(), [kid], now - 19_001, "lost before that", now)
    assert load().manifests.revoked_since(ME, kid) == now - 20_000  # its second counts whole
    assert load().manifest(now).version == now + 2


def test_a_key_is_not_revoked_from_a_time_to_come(load: Load, now: int) -> None:
    kid = load().stream_signer(now).kid
    act = lambda: revoke_keys(load(), [kid], now + 1000, "x", now)  # noqa: E731 - one act
    assert code_of(act, RegistryError) == "since_ahead"
    assert load().manifest(now).version == now


def test_a_revocation_is_never_forgotten(load: Load, now: int) -> None:
    participant = load()
    kid = participant.manifest(now).keys_of("stream", "ed25519")[0].kid
    revoke_keys(participant, [kid], now - DAY_MS, "laptop lost", now)
    revoked = load()
    forgetting = revoked.manifest(now).model_copy(update={"revocations": ()})
    third = issue_manifest(forgetting, ManifestChanges(), revoked.manifest_signer(), now)
    book = revoked.manifests.adding(third)
    assert book.revoked_since(ME, kid) == now - DAY_MS
    key = book.stream_key(ME, short(participant, "stream", now))
    assert key is not None
    assert key.revoked_since == now - DAY_MS
    act = lambda: revoke_keys(revoked, [bytes(32)], now, "x", now)  # noqa: E731 - one act
    assert code_of(act, RegistryError) == "key_not_listed"


def test_a_manifest_that_does_not_repeat_it_ends_nothing(load: Load, now: int) -> None:
    """A backup from before the suspension renews, or a thief does (rollback)."""
    participant = load()
    name = participant.contract_in_force(now).contract.name
    suspend_contract(participant, name, "legal_review", now)
    stopped = load()
    signer, newest = stopped.manifest_signer(), stopped.manifest(now)
    (lasting,) = newest.standing
    ended = lasting.model_copy(update={"until": now, "until_reason": "resolved"})
    for standing in ((), (ended,)):
        forged = newest.model_copy(update={"standing": standing})
        last = issue_manifest(forged, ManifestChanges(), signer, now + DAY_MS)
        after = stopped.manifests.adding(last)
        (one,) = after.stops(ME)
        assert (one.state, one.since, one.until) == ("suspended", now, None)


def test_it_covers_every_version_signed_so_far(load: Load, now: int) -> None:
    act = lambda: suspend_contract(load(), "another", "dispute", now)  # noqa: E731 - one act
    assert code_of(act, RegistryError) == "contract_unsigned"


def test_renewing_makes_keys_that_open(load: Load, now: int) -> None:
    participant = load()
    later = now + 10 * DAY_MS
    old = participant.stream_signer(now).kid
    renew_keys(participant, later, at_once=True)
    renewed = load(now=later)
    assert renewed.stream_signer(later).kid != old
    assert renewed.keyring.holds(old)
    exchange = renewed.manifests.exchange_keys(ME)
    assert len(exchange) == 2
    for key in exchange:
        assert renewed.keyring.opener(key.kid).public == key.public
    key = renewed.manifests.stream_key(ME, short(participant, "stream", now))
    assert key is not None
    assert key.at(now) == "valid"


def test_renewing_needs_the_manifest_keys_alone(
    load: Load, partnership: TrialPartnership, now: int
) -> None:
    shutil.rmtree(partnership.directory(ME) / "governance")
    renewed = renew_keys(load(), now)
    assert load().manifest(now) == renewed.manifest
    revoke_keys(load(), [load().stream_signer(now).kid], now, "laptop lost", now)
    for path in (partnership.directory(ME) / "keys").glob("manifest-*"):
        path.unlink()
    before = load().manifest(now)
    assert code_of(lambda: renew_keys(load(), now), KeyAccessError) == "key_missing"
    assert load().manifest(now) == before


def test_exchange_keys_are_destroyed_after_retention_and_grace(load: Load, now: int) -> None:
    participant = load()
    (key,) = participant.manifests.exchange_keys(ME)
    end = key.not_after + longest_retention_ms(participant) + 7 * DAY_MS
    assert destroy_exchange_keys(participant, end) == ()
    assert destroy_exchange_keys(participant, end + 1) == (key.kid,)
    assert not participant.keyring.holds(key.kid)
    assert destroy_exchange_keys(participant, end + 1) == ()
