"""A key, a checkpoint it cosigned and a note it signed, for inputs that break one rule each."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier, MlDsa44Signer
from broker.errors import NoteError, ProofError
from broker.tlog.checkpoint import (
    Checkpoint,
    format_checkpoint,
)
from broker.tlog.cosignature import (
    CosignatureLine,
    cosign,
    format_signed_checkpoint,
)
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    SignatureLine,
    format_note,
    format_signature_line,
    note_signer,
    sign_note,
)

NAME = "pan-london/csu-camden"
KEY = Ed25519Signer(bytes(range(32)))
PUBLIC = Ed25519Verifier(KEY.public)
PLAIN = note_signer(NAME, ED25519, KEY)
COSIGNER = note_signer(NAME, COSIGNATURE_ED25519, KEY)
HEAD = Checkpoint("pan-london/csu-camden/a/0/g", 7, b"r" * 32)
BODY = format_checkpoint(HEAD)
LINE = cosign(COSIGNER, 1_700_000_000, BODY)
SIGNED = format_signed_checkpoint(BODY, LINE)
NOTE = format_note(sign_note(b"text\n", [PLAIN]))
NODE = b64encode(b"n" * 32)
ROOT = b64encode(b"r" * 32)
HASH = b"h" * 32
VERSION = b"c2sp.org/tlog-proof@v1\n"


def post_quantum(timestamp: int, body: bytes) -> CosignatureLine:
    return cosign(note_signer(NAME, COSIGNATURE_ML_DSA_44, MlDsa44Signer(HASH)), timestamp, body)


def signature_line(signature: bytes, name: str = NAME) -> bytes:
    return format_signature_line(SignatureLine(name, b"kkkk", signature))


Case = tuple[Callable[[], Any], str, str]
"""A call, the code with which it refuses, and the broken rule as the id of the test."""


def refuses(case: Case) -> None:
    """The call of ``case`` fails with its code."""
    call, code, _ = case
    with pytest.raises((NoteError, ProofError)) as caught:
        call()
    assert caught.value.code == code
