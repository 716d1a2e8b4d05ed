"""Who signs and who signed: an agency's keys bound to their names in notes (docs/spec/keys.md).

A stream or receipt key cosigns checkpoints (type 0x04) and signs notes of its agency (type 0x01);
the two messages begin differently, so neither can be taken for the other.
"""

from __future__ import annotations

from broker.envelope.primitives import Ed25519Verifier
from broker.errors import RefusedError
from broker.keys.governance import key_name
from broker.keys.kid import ED25519
from broker.keys.signer import Signer
from broker.registry.manifests import ManifestBook
from broker.tlog.errors import NoteError
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    Note,
    NoteSigner,
    NoteVerifier,
    note_signer,
    note_verifier,
    parse_note,
    verify_note,
)
from broker.tlog.note import (
    ED25519 as NOTE_ED25519,
)


def cosigner(name: str, key: Signer) -> NoteSigner:
    """A key that cosigns checkpoints, under ``deployment/agency``."""
    return note_signer(name, COSIGNATURE_ED25519, key)


def author(name: str, key: Signer) -> NoteSigner:
    """A key that signs notes, under ``deployment/agency``."""
    return note_signer(name, NOTE_ED25519, key)


def read_note(data: bytes) -> Note:
    """A note in its one form.

    Raises:
        RefusedError: ``note_malformed``.
    """
    try:
        return parse_note(data)
    except NoteError as error:
        raise RefusedError(1, "note_malformed", error.detail) from None


def require_author(
    note: Note, manifests: ManifestBook, agency: str, role: str, moment: int
) -> None:
    """Check that a key of this agency and role, valid at ``moment`` (ms), signed a note.

    Raises:
        RefusedError: step 2, ``key_unknown``.
    """
    verifiers = _verifiers(manifests, agency, role, moment)
    try:
        if verifiers:
            verify_note(note, verifiers)
            return
    except NoteError:
        pass  # said in the same words below, whatever was wrong with it
    raise RefusedError(2, "key_unknown", "no valid key of this agency signed the note")


def _verifiers(manifests: ManifestBook, agency: str, role: str, moment: int) -> list[NoteVerifier]:
    name = key_name(manifests.deployment, agency)
    found: dict[bytes, NoteVerifier] = {}
    for verified in manifests.history(agency):
        if verified.manifest.expires <= moment:
            continue
        for key in verified.manifest.keys_of(role, ED25519):
            if key.valid_at(moment) and manifests.revoked_since(agency, key.kid) is None:
                verifier = note_verifier(name, NOTE_ED25519, Ed25519Verifier(key.public))
                found.setdefault(verifier.key_id, verifier)
    return list(found.values())
