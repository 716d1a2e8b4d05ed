"""The book of manifests: which key counts when, and the files behind it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.trial_partnership import TrialPartnership
from broker.agency.own_manifest import (
    renew_keys,
)
from broker.errors import ManifestError, RegistryError
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.registry.manifests import ManifestBook
from broker.registry.repository import manifest_name
from contracts.durations import DAY_MS
from tests.support.manifest_files import manifest_files, newest_manifest_file
from tests.support.newer_manifests import ME, Load, code_of, newer, short


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
    assert newest.version == later
    assert participant.manifests.newest(ME) != newest


def test_a_key_that_was_dropped_does_not_come_back_for_longer(load: Load, now: int) -> None:
    participant = load()
    (key,) = participant.manifest(now).keys_of("receipt", "ed25519")
    ended = key.model_copy(update={"not_after": key.not_before + DAY_MS})
    governance = participant.manifest_signer()

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
    conflicting = newer(participant, now, contacts={"another": "x"})
    assert code_of(lambda: book.adding(conflicting)) == "manifest_conflict"
    assert code_of(lambda: ManifestBook("pan-london", [second, conflicting])) == "manifest_conflict"
    third = issue_manifest(second.manifest, ManifestChanges(), participant.manifest_signer(), now)
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


@pytest.fixture
def versions(partnership: TrialPartnership) -> Path:
    return partnership.directory(ME) / "state" / "manifest-versions.json"


def test_a_manifest_from_kafka_is_verified_stored_and_remembered(
    load: Load, versions: Path, now: int
) -> None:
    participant, other = load(), load("cps-london")
    raw = newer(other, now).raw
    book = participant.repository.store_manifest(
        raw, participant.contracts, participant.manifests, now
    )
    issued = book.history("cps-london")[-1]
    assert issued.raw == raw
    stored = json.loads(versions.read_bytes())["cps-london"]
    assert (stored["delegation"], stored["version"]) == issued.place
    assert load().manifests.history("cps-london")[-1].raw == raw
    again = participant.repository.store_manifest(raw, participant.contracts, book, now)
    assert again is book


def test_a_refused_manifest_leaves_no_trace(
    load: Load, partnership: TrialPartnership, versions: Path, now: int
) -> None:
    participant, other = load(), load("cps-london")
    before = versions.read_bytes()
    good = newer(other, now).raw
    name = manifest_name(newer(other, now))
    for raw in (good.replace(b"@", b"%"), good[:-40], b""):
        with pytest.raises(ManifestError):
            participant.repository.store_manifest(
                raw, participant.contracts, participant.manifests, now
            )
    assert versions.read_bytes() == before
    assert not (partnership.directory(ME) / "manifests" / name).exists()


def test_an_older_manifest_does_not_come_back(
    load: Load, partnership: TrialPartnership, now: int
) -> None:
    participant, other = load(), load("cps-london")
    participant.repository.store_manifest(
        newer(other, now).raw, participant.contracts, participant.manifests, now
    )
    first, second = manifest_files(partnership.directory(ME), "cps-london")
    second.unlink()
    assert code_of(load) == "manifest_rollback"
    first.unlink()
    assert code_of(load) == "manifest_rollback"
    second.write_bytes(newer(other, now, contacts={"x": "x"}).raw)
    assert code_of(load) == "manifest_conflict"


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"a":1}', b'{"a":{"version":"x"}}'])
def test_a_damaged_record_of_versions_is_not_ignored(
    load: Load, versions: Path, content: bytes
) -> None:
    versions.write_bytes(content)
    assert code_of(load, RegistryError) == "registry_invalid"


def test_a_manifest_of_an_agency_that_no_contract_names_is_not_believed(
    load: Load, partnership: TrialPartnership
) -> None:
    participant = load()
    assert participant.contracts.governance_of("nobody") == ()
    raw = newest_manifest_file(partnership.directory(ME), "cps-london").read_bytes()
    stranger = raw.replace(b'"agency":"cps-london"', b'"agency":"stranger"')
    (partnership.directory(ME) / "manifests" / "stranger.1.note").write_bytes(stranger)
    assert "stranger" not in load().manifests.agencies()


def test_a_reload_verifies_a_file_whose_bytes_differ(load: Load, now: int) -> None:
    """A reload skips only signatures over the very same bytes."""
    participant = load()
    repository, contracts = participant.repository, participant.contracts
    again = repository.load_manifests(contracts, now, participant.manifests)
    assert [one.raw for one in again.all()] == [one.raw for one in participant.manifests.all()]
    (path,) = (participant.root / "manifests").glob(f"{ME}.*.note")
    raw = path.read_bytes()
    path.write_bytes(raw[:-10] + (b"A" if raw[-10:-9] != b"A" else b"B") + raw[-9:])

    def reloaded() -> object:
        return repository.load_manifests(contracts, now, participant.manifests)

    assert code_of(reloaded) in {"manifest_signature_invalid", "manifest_malformed"}
