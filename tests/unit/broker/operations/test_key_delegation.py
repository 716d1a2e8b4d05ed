"""The yearly delegation, and withdrawing manifest keys that a thief has."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.agency.made_manifests import made_hashes
from broker.agency.own_manifest import (
    StatementError,
    outdated_suspensions,
    renew_keys,
    suspend_contract,
)
from broker.agency.participant import Participant, load_participant
from broker.errors import KeyAccessError
from broker.keys.delegation import Revocation
from broker.keys.issuing import ManifestChanges, issue_manifest
from broker.keys.manifest import VerifiedManifest
from broker.operations.agency_entry import own_entry
from broker.operations.contract_departure import leave_contract, resume_contract
from broker.operations.key_delegation import delegated_keys
from broker.registry.stops import Stop
from tests.support.founded_partnership import (
    COUNCIL,
    DAY,
    HOUR,
    NOW,
    POLICE,
    FoundedPartnership,
    founded,
)
from tests.support.manifest_files import pass_on_manifest

Act = Callable[[Participant, str, str, int], VerifiedManifest]


@pytest.fixture
def world(tmp_path: Path) -> FoundedPartnership:
    for agency in (POLICE, COUNCIL):
        founded().directory(agency, tmp_path)
    return founded()


def newest(root: Path, reader: str, now: int) -> VerifiedManifest:
    found = load_participant(root / reader, now).manifests.newest_verified(POLICE)
    assert found is not None
    return found


def stream_kid(root: Path, now: int = NOW) -> bytes:
    return newest(root, POLICE, now).manifest.keys_of("stream", "ed25519")[0].kid


@pytest.mark.usefixtures("world")
def test_a_year_on_there_are_new_manifest_keys(tmp_path: Path) -> None:
    later = NOW + 360 * DAY
    before = newest(tmp_path, POLICE, later)
    made = delegated_keys(tmp_path / POLICE, later)
    after = newest(tmp_path, POLICE, later)
    assert made.expires == later + 400 * DAY
    assert not set(after.delegation.delegation.kids) & set(before.delegation.delegation.kids)
    assert after.manifest.expires == later + 30 * DAY
    shutil.rmtree(tmp_path / POLICE / "governance")
    renewed = renew_keys(load_participant(tmp_path / POLICE, later + DAY), later + DAY)
    assert renewed.delegation == after.delegation
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    assert newest(tmp_path, COUNCIL, later + DAY) == renewed
    assert own_entry(tmp_path / POLICE, POLICE, later).manifest == after


@pytest.mark.usefixtures("world")
def test_it_needs_the_governance_keys(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / POLICE / "governance")
    before = newest(tmp_path, POLICE, NOW)
    with pytest.raises(KeyAccessError) as refused:
        delegated_keys(tmp_path / POLICE, NOW + DAY)
    assert refused.value.code == "key_missing"
    assert newest(tmp_path, POLICE, NOW) == before


def test_withdrawing_undoes_what_a_thief_stated(tmp_path: Path, world: FoundedPartnership) -> None:
    own = renew_keys(load_participant(tmp_path / POLICE, NOW + HOUR), NOW + HOUR)
    kid = stream_kid(tmp_path, NOW + HOUR)
    changes = ManifestChanges(revocations=(Revocation(kid=kid, since=NOW, reason="x"),))
    signer = world.manifest_signers[POLICE]
    stolen = issue_manifest(own.manifest, changes, signer, NOW + 2 * HOUR)
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    for reader in (POLICE, COUNCIL):
        participant = load_participant(tmp_path / reader, NOW + 2 * HOUR)
        participant.repository.store_manifest(
            stolen.raw, participant.contracts, participant.manifests, NOW + 2 * HOUR
        )
    assert newest(tmp_path, COUNCIL, NOW + 2 * HOUR) == stolen
    made = delegated_keys(tmp_path / POLICE, NOW + 3 * HOUR, withdraw=True)
    assert made.void == (stolen.manifest.version,)
    assert made.stand == 2
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    book = load_participant(tmp_path / COUNCIL, NOW + 3 * HOUR).manifests
    assert book.revoked_since(POLICE, kid) is None
    assert [one.hash for one in book.void(POLICE)] == [stolen.hash]
    after = newest(tmp_path, COUNCIL, NOW + 3 * HOUR)
    assert after.manifest.revocations == ()
    assert after.hash in (made_hashes(tmp_path / POLICE) or ())


@pytest.mark.usefixtures("world")
def test_a_key_is_revoked_for_longer_ago_than_a_manifest_may(tmp_path: Path) -> None:
    kid, later = stream_kid(tmp_path), NOW + 20 * DAY
    delegated_keys(
        tmp_path / POLICE, later, revoke=[kid.hex()[:16]], since=NOW, reason="laptop lost"
    )
    participant = load_participant(tmp_path / POLICE, later)
    assert participant.manifests.revoked_since(POLICE, kid) == NOW
    assert participant.stream_signer(later).kid != kid
    with pytest.raises(StatementError) as refused:
        delegated_keys(tmp_path / POLICE, later, revoke=["00"], since=NOW, reason="x")
    assert refused.value.code == "key_not_listed"


# --- resuming and leaving -------------------------------------------------------------------------


def stop(root: Path, reader: str, now: int) -> Stop:
    (found,) = load_participant(root / reader, now).manifests.stops(POLICE)
    return found


def test_a_suspension_is_lifted_and_a_departure_stands(
    tmp_path: Path, world: FoundedPartnership
) -> None:
    """Partners learn it, because the delegation states it too; a thief's manifest ends nothing."""
    name, load = world.contract.name, lambda now: load_participant(tmp_path / POLICE, now)
    suspend_contract(load(NOW), name, "legal_review", NOW)
    lifted, gone = NOW + HOUR + 7, NOW + DAY + 9
    issued = resume_contract(load(lifted), name, "resolved", lifted)
    statement = issued.delegation.delegation.standing[-1]
    assert (statement.contract, statement.state, statement.since) == (name, "resumed", lifted)
    assert issued.manifest.standing[-1].until == lifted
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    for reader in (POLICE, COUNCIL):
        assert stop(tmp_path, reader, lifted).until == lifted
    issued = leave_contract(load(gone), name, "legal_review", gone)
    assert [one.since for one in issued.delegation.delegation.standing] == [lifted, gone]
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    for reader in (POLICE, COUNCIL):
        stops = load_participant(tmp_path / reader, gone).manifests.stops(POLICE)
        assert [(one.state, one.since) for one in stops] == [("suspended", NOW), ("left", gone)]


def test_a_departure_and_an_end_by_a_thief_are_suspensions_that_the_owner_ends(
    tmp_path: Path, world: FoundedPartnership
) -> None:
    suspended = suspend_contract(
        load_participant(tmp_path / POLICE, NOW), world.contract.name, "dispute", NOW
    )
    (lasting,) = suspended.manifest.standing
    left = lasting.model_copy(update={"state": "left", "since": NOW + HOUR})
    ended = lasting.model_copy(update={"until": NOW + HOUR, "until_reason": "resolved"})
    stolen = issue_manifest(
        suspended.manifest,
        ManifestChanges(standing=(left, ended)),
        world.manifest_signers[POLICE],
        NOW + HOUR,
    )
    participant = load_participant(tmp_path / POLICE, NOW + HOUR)
    participant.repository.store_manifest(
        stolen.raw, participant.contracts, participant.manifests, NOW + HOUR
    )
    participant = load_participant(tmp_path / POLICE, NOW + HOUR)
    assert outdated_suspensions(participant, NOW + 300 * DAY) == frozenset()  # it has not ended
    later = NOW + 2 * HOUR
    participant = load_participant(tmp_path / POLICE, later)
    assert [(one.state, one.open) for one in participant.manifests.stops(POLICE)] == [
        ("suspended", True),
        ("suspended", True),
    ]
    resume_contract(participant, world.contract.name, "resolved", later)
    pass_on_manifest(tmp_path, POLICE, COUNCIL)
    for reader in (POLICE, COUNCIL):
        stops = load_participant(tmp_path / reader, later).manifests.stops(POLICE)
        assert {(one.state, one.until) for one in stops} == {("suspended", later)}
    participant = load_participant(tmp_path / POLICE, later)
    names = {("suspended", NOW), ("suspended", NOW + HOUR)}
    found = outdated_suspensions(participant, later + 300 * DAY)
    assert {(state, since) for _, state, since in found} == names


@pytest.mark.parametrize("act", [leave_contract, resume_contract])
def test_resuming_and_leaving_need_the_governance_keys(
    tmp_path: Path, world: FoundedPartnership, act: Act
) -> None:
    suspend_contract(load_participant(tmp_path / POLICE, NOW), world.contract.name, "dispute", NOW)
    shutil.rmtree(tmp_path / POLICE / "governance")
    before = newest(tmp_path, POLICE, NOW)
    with pytest.raises(KeyAccessError) as refused:
        act(load_participant(tmp_path / POLICE, NOW), world.contract.name, "resolved", NOW + DAY)
    assert refused.value.code == "key_missing"
    assert newest(tmp_path, POLICE, NOW) == before


@pytest.mark.parametrize("act", [leave_contract, resume_contract])
def test_a_reason_that_no_statement_can_hold(
    tmp_path: Path, world: FoundedPartnership, act: Act
) -> None:
    suspend_contract(load_participant(tmp_path / POLICE, NOW), world.contract.name, "dispute", NOW)
    with pytest.raises(StatementError) as refused:
        act(load_participant(tmp_path / POLICE, NOW), world.contract.name, "a\nb", NOW + DAY)
    assert refused.value.code == "reason_invalid"
