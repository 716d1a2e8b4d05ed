"""Manifests and contracts that come from Kafka: taken if they are newer and signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.agency.participant import load_participant
from broker.keys.issuing import ManifestChanges
from broker.registry.contracts import SignedContract
from broker.statements.signed_contract import pack_contract
from tests.support.founded_partnership import (
    COUNCIL,
    HOUR,
    NOW,
    POLICE,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.memory_control import ControlNode


def test_a_newer_manifest_is_taken_stored_and_stays(
    node: ControlNode, world: FoundedPartnership, tmp_path: Path
) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW + HOUR)
    node.member.clock.pass_(HOUR)
    node.hear(node.topics.manifests, issued.raw)
    taken = node.control.manifests
    newest = taken.newest(POLICE)
    assert newest is not None
    assert newest == issued.manifest
    node.hear(node.topics.manifests, issued.raw)
    assert node.control.manifests is taken
    again = load_participant(tmp_path / COUNCIL, NOW + HOUR)
    newest = again.manifests.newest(POLICE)
    assert newest is not None
    assert newest == issued.manifest


def test_a_manifest_that_is_written_again_is_not_verified_again(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large one takes a hundred checks of signatures, and any party can write it any time."""
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    text, _, lines = issued.raw.rpartition(b"\n\n")
    other = world.newer_manifest(SUPPORT, ManifestChanges(), NOW).raw.rpartition(b"\n\n")[2]
    assert node.hear(node.topics.manifests, issued.raw).rejected == []
    taken = node.control.manifests
    monkeypatch.setattr("broker.registry.repository.verify_manifest", None)
    again = [issued.raw, text + b"\n\n" + lines + other]
    assert node.hear(node.topics.manifests, *again).rejected == []
    assert node.control.manifests is taken
    monkeypatch.undo()
    node.trust.believe(node.trust.contracts, world.manifests)  # loaded anew, and the file is gone
    assert node.hear(node.topics.manifests, issued.raw).rejected == []
    newest = node.control.manifests.newest(POLICE)
    assert newest is not None
    assert newest == issued.manifest


def note_of(signed: SignedContract, agency: str) -> bytes:
    """The bytes of a party's note."""
    note = signed.note_of(agency)
    assert note is not None
    return note.raw


def test_a_stale_manifest_is_refused(node: ControlNode, world: FoundedPartnership) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    node.hear(node.topics.manifests, issued.raw)
    stale = world.newer_manifest(POLICE, ManifestChanges(contacts={"a": "b"}), NOW)
    taken = node.control.manifests
    news = node.hear(node.topics.manifests, stale.raw)
    assert news.rejected == ["manifest_conflict"]
    assert news.alarms == [(POLICE, "manifest_conflict")]
    assert node.hear(node.topics.manifests, stale.raw).alarms == []  # once for each text
    assert node.control.manifests is taken


def test_a_manifest_that_its_agency_did_not_sign_is_refused(
    node: ControlNode, world: FoundedPartnership
) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    theirs = world.newer_manifest(SUPPORT, ManifestChanges(), NOW)
    text = issued.raw.rpartition(b"\n\n")[0]
    lines = theirs.raw.rpartition(b"\n\n")[2]
    news = node.hear(node.topics.manifests, text + b"\n\n" + lines, b"\xff", b"")
    assert news.rejected == ["manifest_signature_invalid", "manifest_malformed"]


def test_a_contract_that_we_have_not_signed_is_not_taken_from_kafka(
    node: ControlNode, world: FoundedPartnership
) -> None:
    proposal = world.another_contract(parties=(POLICE, COUNCIL))
    text = proposal.text.raw
    unsigned = note_of(proposal, POLICE)
    known = node.control.contracts
    news = node.hear(node.topics.contracts, pack_contract(text, unsigned), b"short", b"\x00" * 40)
    assert node.control.contracts is known
    assert news.rejected == ["contract_unsigned", *["contract_malformed"] * 2]


@pytest.mark.parametrize("signer", [POLICE, COUNCIL])
def test_a_draft_that_is_posted_again_is_not_verified_again(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch, signer: str
) -> None:
    """A draft that we signed and others did not, and one that we did not sign."""
    proposal = world.another_contract(parties=(POLICE, COUNCIL))
    packed = pack_contract(proposal.text.raw, note_of(proposal, signer))
    first = node.hear(node.topics.contracts, packed)
    expected = ["contract_unsigned"] if signer == POLICE else []
    assert first.rejected == expected
    known = node.control.contracts
    with monkeypatch.context() as patched:
        patched.setattr("broker.registry.repository.verify_contract", None)
        patched.setattr("broker.registry.repository.parse_contract", None)
        assert node.hear(node.topics.contracts, *[packed] * 3).rejected == expected * 3
    assert node.control.contracts is known
    both = [pack_contract(proposal.text.raw, note_of(proposal, one)) for one in (COUNCIL, POLICE)]
    assert node.hear(node.topics.contracts, both[0]).rejected == []
    assert node.hear(node.topics.contracts, both[1]).rejected == []
    signed = node.control.contracts.by_hash(proposal.text.hash)
    assert signed is not None
    assert not signed.missing


def test_a_refused_manifest_that_is_posted_again_is_not_verified_again(
    node: ControlNode, world: FoundedPartnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = world.newer_manifest(POLICE, ManifestChanges(), NOW)
    theirs = world.newer_manifest(SUPPORT, ManifestChanges(), NOW)
    forged = issued.raw.rpartition(b"\n\n")[0] + b"\n\n" + theirs.raw.rpartition(b"\n\n")[2]
    assert node.hear(node.topics.manifests, forged).rejected == ["manifest_signature_invalid"]
    with monkeypatch.context() as patched:
        patched.setattr("broker.registry.repository.verify_manifest", None)
        again = node.hear(node.topics.manifests, forged, forged)
    assert again.rejected == ["manifest_signature_invalid"] * 2
    assert node.hear(node.topics.manifests, issued.raw).rejected == []
    newest = node.control.manifests.newest(POLICE)
    assert newest is not None
    assert newest == issued.manifest


def test_known_contracts_are_no_news(node: ControlNode, world: FoundedPartnership) -> None:
    packed = pack_contract(world.signed.text.raw, note_of(world.signed, POLICE))
    known = node.control.contracts
    news = node.hear(node.topics.contracts, packed)
    assert (node.control.contracts is known, news.rejected) == (True, [])
