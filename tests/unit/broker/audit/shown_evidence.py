"""Evidence as an agency shows it, for the tests of showing and of checking it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.audit.evidence import Evidence
from broker.audit.evidence_build import show_evidence
from broker.audit.evidence_lookup import locate
from broker.audit.evidence_verify import EvidenceLink
from broker.control.own_statements import own_heartbeat
from broker.errors import EvidenceError
from broker.keys.issuing import ManifestChanges
from broker.keys.kid import ML_DSA_44, STREAM
from broker.keys.manifest import Revocation
from broker.registry.manifests import ManifestBook
from tests.support.founded_partnership import CAST, MINUTE, NOW, POLICE, FoundedPartnership, founded
from tests.support.memory_agency import MemoryAgency

Shown = tuple[Evidence, tuple[EvidenceLink, ...]]


def tell(sender: MemoryAgency, at: int) -> bytes:
    """The sender's heartbeat."""
    heads = sender.relay.acknowledged_heads()
    return own_heartbeat(sender.participant, sender.store, heads, at)


def show(member: MemoryAgency, event: str, manifests: ManifestBook | None = None) -> Shown:
    participant = replace(member.participant, manifests=manifests or founded().manifests)
    with member.store.reading() as tx:
        located = locate(tx, member.agency, CAST, event)
        return show_evidence(tx, participant, located)


def shows_nothing(member: MemoryAgency, event: str, manifests: ManifestBook | None = None) -> str:
    with pytest.raises(EvidenceError) as caught:
        show(member, event, manifests)
    assert caught.value.exit_code == 1
    assert caught.value.fix
    return caught.value.code


def without_key(world: FoundedPartnership) -> ManifestBook:
    (key,) = world.manifests.history(POLICE)[-1].manifest.keys_of(STREAM, ML_DSA_44)
    revoked = Revocation(kid=key.kid, since=NOW + 1, reason="lost")
    return world.reissue(POLICE, ManifestChanges(revocations=(revoked,)), NOW + MINUTE)
