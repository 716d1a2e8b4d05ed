"""The book of manifests, the files behind it, and what an agency does with its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.agency.own_manifest import (
    destroy_exchange_keys,
    longest_retention_ms,
    renew_keys,
    resume_contract,
    revoke_keys,
    state_departure,
)
from broker.agency.participant import Participant
from broker.agency.partnership import Partnership
from broker.errors import KeyAccessError, ManifestError, RegistryError
from broker.keys.instant import DAY_MS
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.registry.manifests import ManifestBook
from broker.tlog.note import COSIGNATURE_ED25519, key_id
from contracts.errors import ConcordantError

Load = Callable[..., Participant]
ME = "csu-camden"


def code_of(act: Callable[[], object], kind: type[ConcordantError] = ManifestError) -> str:
    with pytest.raises(kind) as caught:
        act()
    return caught.value.code


def short(participant: Participant, role: str, now: int, agency: str = ME) -> bytes:
    newest = participant.manifests.current(agency, now)
    return key_id(
        f"pan-london/{agency}", COSIGNATURE_ED25519, newest.keys_of(role, "ed25519")[0].public
    )


def short_of(participant: Participant, kid: bytes) -> bytes:
    """The key id in signature lines of a key that was ever listed."""
    for version in participant.manifests.history(ME):
        for key in version.manifest.keys:
            if key.kid == kid:
                return key_id(f"pan-london/{ME}", COSIGNATURE_ED25519, key.public)
    raise AssertionError("never listed")


def newer(participant: Participant, now: int, **changes: object) -> VerifiedManifest:
    previous = participant.manifest(now)
    return issue_manifest(
        previous,
        ManifestChanges(**changes),
        participant.governance_signer(),
        now,  # type: ignore[arg-type]  # a test's shorthand
    )


def test_a_stream_key_is_found_by_its_short_id_and_judged_by_log_time(load: Load, now: int) -> None:
    participant = load()
    key = participant.manifests.stream_key(ME, short(participant, "stream", now))
    assert key is not None
    assert key.at(now) == "valid"
    assert key.at(now - 1_000) == "not_valid"
    assert key.at(now + 30 * DAY_MS - 1) == "valid"
    assert key.at(now + 30 * DAY_MS) == "manifest_expired"
    assert key.at(now + 90 * DAY_MS) == "not_valid"
    assert key.revoked_since is None
    assert participant.manifests.stream_key(ME, b"none") is None
    assert participant.manifests.stream_key("nobody", b"none") is None


def test_a_receipt_key_is_no_stream_key(load: Load, now: int) -> None:
    participant = load()
    receipt = short(participant, "receipt", now)
    assert participant.manifests.receipt_key(ME, receipt) is not None
    assert participant.manifests.stream_key(ME, receipt) is None


def test_a_newer_manifest_vouches_for_longer_and_older_ones_still_count(
    load: Load, now: int
) -> None:
    participant = load()
    later = now + 20 * DAY_MS
    book = participant.manifests.adding(newer(participant, later))
    key = book.stream_key(ME, short(participant, "stream", now))
    assert key is not None
    assert key.at(now) == "valid"
    assert key.at(now + 40 * DAY_MS) == "valid"
    assert key.at(now + 50 * DAY_MS) == "manifest_expired"
    newest = book.newest(ME)
    assert newest is not None
    assert newest.version == 2
    assert participant.manifests.newest(ME) != newest


def test_a_key_that_was_dropped_does_not_come_back_for_longer(load: Load, now: int) -> None:
    participant = load()
    (key,) = participant.manifest(now).keys_of("receipt", "ed25519")
    ended = key.model_copy(update={"not_after": key.not_before + DAY_MS})
    governance = participant.governance_signer()

    def issue(book: ManifestBook, **changes: object) -> ManifestBook:
        previous = book.history(ME)[-1].manifest
        return book.adding(issue_manifest(previous, ManifestChanges(**changes), governance, now))  # type: ignore[arg-type]  # a test's shorthand

    book = issue(participant.manifests, end_keys={key.kid: ended.not_after})
    book = issue(book, drop_keys=frozenset({key.kid}))
    assert issue(book, add_keys=(ended,)).newest(ME) is not None
    assert code_of(lambda: issue(book, add_keys=(key,))) == "manifest_key_prolonged"


def test_signature_lines_make_no_other_text_of_a_manifest(load: Load, now: int) -> None:
    """Whoever hosts Kafka can add a line, and a key that signs again gives other bytes."""
    participant = load()
    second = newer(participant, now)
    padded = replace(second, raw=second.raw + "— nobody/at-all YWJjZGU=\n".encode())
    book = participant.manifests.adding(second)
    assert book.adding(padded) is book
    assert ManifestBook("pan-london", [second, padded]).history(ME) == (second,)


def test_adding_is_idempotent_and_versions_only_rise(load: Load, now: int) -> None:
    participant = load()
    second = newer(participant, now)
    book = participant.manifests.adding(second)
    assert book.adding(second) is book
    conflicting = newer(participant, now, tls_principal="another")
    assert code_of(lambda: book.adding(conflicting)) == "manifest_conflict"
    assert code_of(lambda: ManifestBook("pan-london", [second, conflicting])) == "manifest_conflict"
    third = issue_manifest(second.manifest, ManifestChanges(), participant.governance_signer(), now)
    skipped = participant.manifests.adding(third)
    assert code_of(lambda: skipped.adding(second)) == "manifest_rollback"


def test_senders_wrap_to_the_valid_key_that_began_last(load: Load, now: int) -> None:
    participant = load()
    first = participant.manifests.exchange_key("cps-london", now)
    assert first.sealer().public == first.public
    assert first.tried_at(now)
    assert not first.tried_at(now - 1)
    assert first.tried_at(first.not_after + 7 * DAY_MS - 1)
    assert not first.tried_at(first.not_after + 7 * DAY_MS)
    later = now + 24 * DAY_MS
    renew_keys(participant, later)
    renewed = load(now=later)
    assert renewed.manifests.exchange_key(ME, later).kid != first.kid
    assert len(renewed.manifests.exchange_keys(ME)) == 2
    assert renewed.manifests.exchange_key(ME, now + 31 * DAY_MS).not_before == now + 30 * DAY_MS


def test_nothing_is_sealed_for_an_agency_without_a_current_key(load: Load, now: int) -> None:
    book = load().manifests
    error = RegistryError
    assert code_of(lambda: book.exchange_key("nobody", now), error) == "manifest_missing"
    expired = now + 30 * DAY_MS
    assert code_of(lambda: book.exchange_key("cps-london", expired), error) == "manifest_expired"
    participant = load()
    key = book.exchange_key(ME, now)
    participant.repository.store_manifest(
        newer(participant, now, drop_keys=frozenset({key.kid})).raw,
        participant.contracts,
        participant.manifests,
        now,
    )
    keyless = load().manifests
    assert code_of(lambda: keyless.exchange_key(ME, now), error) == "exchange_key_missing"


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
    assert (manifest.version, len(manifest.keys)) == (2, 7)
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
    assert load().manifest(now).version == 3


def test_a_key_is_not_revoked_from_a_time_to_come(load: Load, now: int) -> None:
    kid = load().stream_signer(now).kid
    act = lambda: revoke_keys(load(), [kid], now + 1000, "x", now)  # noqa: E731 - one act
    assert code_of(act, RegistryError) == "since_ahead"
    assert load().manifest(now).version == 1


def test_a_revocation_is_never_forgotten(load: Load, now: int) -> None:
    participant = load()
    kid = participant.manifest(now).keys_of("stream", "ed25519")[0].kid
    revoke_keys(participant, [kid], now - DAY_MS, "laptop lost", now)
    revoked = load()
    forgetting = revoked.manifest(now).model_copy(update={"revocations": ()})
    third = issue_manifest(forgetting, ManifestChanges(), revoked.governance_signer(), now)
    book = revoked.manifests.adding(third)
    assert book.revoked_since(ME, kid) == now - DAY_MS
    key = book.stream_key(ME, short(participant, "stream", now))
    assert key is not None
    assert key.revoked_since == now - DAY_MS
    act = lambda: revoke_keys(revoked, [bytes(32)], now, "x", now)  # noqa: E731 - one act
    assert code_of(act, RegistryError) == "key_not_listed"


def test_a_suspension_can_be_lifted_and_a_departure_stands(load: Load, now: int) -> None:
    participant = load()
    contract = participant.contract(now).contract
    departures = lambda: load().manifests.departures(contract.name, contract.version)  # noqa: E731 - asked often
    assert departures() == ()
    state_departure(participant, contract, "suspended", "review", now)
    (one,) = departures()
    assert (one.agency, one.state, one.since_ms) == (ME, "suspended", now)
    suspended = load()
    standing = suspended.standing(suspended.contract(now), now)
    assert not standing.party_active(ME)
    assert standing.party_active("cps-london")
    assert load().manifests.departures(contract.name, "9.9.9") == ()
    resume_contract(suspended, contract, now)
    assert departures() == ()
    state_departure(load(), contract, "left", "review", now)
    assert departures()[0].state == "left"
    gone = load()
    assert code_of(lambda: resume_contract(gone, contract, now)) == "manifest_left"
    forgetting = gone.manifest(now).model_copy(update={"standing": ()})
    last = issue_manifest(forgetting, ManifestChanges(), gone.governance_signer(), now)
    after = gone.manifests.adding(last)
    assert after.departures(contract.name, contract.version)[0].state == "left"


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


def test_renewing_needs_the_governance_keys(load: Load, partnership: Partnership, now: int) -> None:
    for path in (partnership.directory(ME) / "keys" / "governance").iterdir():
        path.unlink()
    assert code_of(lambda: renew_keys(load(), now), KeyAccessError) == "key_missing"
    assert load().manifest(now).version == 1


def test_exchange_keys_are_destroyed_after_retention_and_grace(load: Load, now: int) -> None:
    participant = load()
    (key,) = participant.manifests.exchange_keys(ME)
    end = key.not_after + longest_retention_ms(participant) + 7 * DAY_MS
    assert destroy_exchange_keys(participant, end) == ()
    assert destroy_exchange_keys(participant, end + 1) == (key.kid,)
    assert not participant.keyring.holds(key.kid)
    assert destroy_exchange_keys(participant, end + 1) == ()


@pytest.fixture
def versions(partnership: Partnership) -> Path:
    return partnership.directory(ME) / "state" / "manifest-versions.json"


def test_a_manifest_from_kafka_is_verified_stored_and_remembered(
    load: Load, versions: Path, now: int
) -> None:
    participant, other = load(), load("cps-london")
    raw = newer(other, now).raw
    book = participant.repository.store_manifest(
        raw, participant.contracts, participant.manifests, now
    )
    assert book.highest_versions()["cps-london"] == 2
    assert json.loads(versions.read_bytes())["cps-london"]["version"] == 2
    assert load().manifests.highest_versions()["cps-london"] == 2
    again = participant.repository.store_manifest(raw, participant.contracts, book, now)
    assert again is book


def test_a_refused_manifest_leaves_no_trace(
    load: Load, partnership: Partnership, versions: Path, now: int
) -> None:
    participant, other = load(), load("cps-london")
    before = versions.read_bytes()
    good = newer(other, now).raw
    for raw in (good.replace(b'"version":2', b'"version":9'), good[:-40], b""):
        with pytest.raises(ManifestError):
            participant.repository.store_manifest(
                raw, participant.contracts, participant.manifests, now
            )
    assert versions.read_bytes() == before
    assert not (partnership.directory(ME) / "manifests" / "cps-london.9.note").exists()


def test_an_older_manifest_does_not_come_back(
    load: Load, partnership: Partnership, now: int
) -> None:
    participant, other = load(), load("cps-london")
    folder = partnership.directory(ME) / "manifests"
    participant.repository.store_manifest(
        newer(other, now).raw, participant.contracts, participant.manifests, now
    )
    (folder / "cps-london.2.note").unlink()
    assert code_of(load) == "manifest_rollback"
    (folder / "cps-london.1.note").unlink()
    assert code_of(load) == "manifest_rollback"
    (folder / "cps-london.2.note").write_bytes(newer(other, now, tls_principal="x").raw)
    assert code_of(load) == "manifest_conflict"


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"a":1}', b'{"a":{"version":"x"}}'])
def test_a_damaged_record_of_versions_is_not_ignored(
    load: Load, versions: Path, content: bytes
) -> None:
    versions.write_bytes(content)
    assert code_of(load, RegistryError) == "registry_invalid"


def test_a_manifest_of_an_agency_that_no_contract_names_is_not_believed(
    load: Load, partnership: Partnership
) -> None:
    participant = load()
    assert participant.contracts.governance_of("nobody") == ()
    raw = (partnership.directory(ME) / "manifests" / "cps-london.1.note").read_bytes()
    stranger = raw.replace(b'"agency":"cps-london"', b'"agency":"stranger"')
    (partnership.directory(ME) / "manifests" / "stranger.1.note").write_bytes(stranger)
    assert "stranger" not in load().manifests.agencies()
