"""Fixtures of one key, its signer and its verifier."""

from __future__ import annotations

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    NoteSigner,
    NoteVerifier,
    note_signer,
    note_verifier,
)

NAME = "pan-london/csu-camden"


@pytest.fixture(scope="session")
def stream_key() -> Ed25519Signer:
    return Ed25519Signer(bytes(range(32)))


@pytest.fixture(scope="session")
def cosigner(stream_key: Ed25519Signer) -> NoteSigner:
    return note_signer(NAME, COSIGNATURE_ED25519, stream_key)


@pytest.fixture(scope="session")
def cosignature_verifier(stream_key: Ed25519Signer) -> NoteVerifier:
    return note_verifier(NAME, COSIGNATURE_ED25519, Ed25519Verifier(stream_key.public))
