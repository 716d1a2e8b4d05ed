"""Lets the tests of this folder import ``signed_inputs``, and makes one key for all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    NoteSigner,
    NoteVerifier,
    note_signer,
    note_verifier,
)

sys.path.insert(0, str(Path(__file__).parent))

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
