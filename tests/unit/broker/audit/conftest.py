from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from broker.audit.entries import ContractReference, NewLogEntry, Share
from broker.audit.log import (
    CheckpointSigner,
    append_entries,
    log_origin,
    sign_head,
)
from broker.audit.verification import CheckpointVerifier
from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier
from broker.store.database import Store, open_store
from broker.tlog.cosignature import SignedCheckpoint, signed_checkpoint, verify_cosignature
from broker.tlog.note import COSIGNATURE_ED25519, note_signer, note_verifier

ORIGIN = log_origin("pan-london", "csu-camden")
NAME = "pan-london/csu-camden"


def signer(seed: bytes = b"s" * 32) -> CheckpointSigner:
    return partial(signed_checkpoint, note_signer(NAME, COSIGNATURE_ED25519, Ed25519Signer(seed)))


def verifier(seed: bytes = b"s" * 32) -> CheckpointVerifier:
    public = note_verifier(NAME, COSIGNATURE_ED25519, Ed25519Verifier(Ed25519Signer(seed).public))

    def verify(signed: SignedCheckpoint) -> None:
        verify_cosignature(signed.line, public, signed.body)

    return verify


def entry(number: int) -> NewLogEntry:
    return NewLogEntry(
        kind="disclosure",
        time_ms=1_760_000_000_000 + number,
        case_key=bytes([number % 3]) * 32,
        event_id=f"00000000-0000-4000-8000-{number:012}",
        source="csu-camden",
        type="referral.made",
        contract=ContractReference("london-hate-crime", "1.0.0", "ab" * 32),
        shares=(
            Share(("council-camden", "haven-support"), {"victim.needs": "4.1.2"}),
            Share(("haven-support",), {"victim.address": "4.1.10"}),
        ),
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "state.db")
    yield opened
    opened.close()


@pytest.fixture
def signed_log(store: Store) -> Store:
    """Twelve entries; checkpoints at 4, 9 and 12; then two that nothing covers yet."""
    number = 0
    for batch in (4, 5, 3):
        with store.transaction() as tx:
            append_entries(tx, [entry(number + n) for n in range(batch)])
            number += batch
            sign_head(tx, ORIGIN, signer(), 1_760_000_000_000 + number * 1000)
    with store.transaction() as tx:
        append_entries(tx, [entry(12), entry(13)])
    return store


class AuditedLog:
    """Names, keys and entries for a test of the log."""

    ORIGIN = ORIGIN
    signer = staticmethod(signer)
    verifier = staticmethod(verifier)
    entry = staticmethod(entry)


@pytest.fixture(scope="session")
def log() -> AuditedLog:
    return AuditedLog()
