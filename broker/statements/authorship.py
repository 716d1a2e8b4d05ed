"""Signers and authors of notes: an agency's keys bound to their names (docs/spec/keys.md).

A stream or receipt key cosigns checkpoints (type 0x04) and signs notes of its agency (type 0x01).
The two messages begin differently, so neither can be used as the other (type confusion). The
ML-DSA-44 stream key also signs heartbeats, at intervals and never on the path of an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from broker.envelope.primitives import Ed25519Verifier, MlDsa44Verifier
from broker.errors import NoteError, RefusedError, StoreError
from broker.keys.governance import key_name
from broker.keys.kid import ED25519, ML_DSA_44, RECEIPT, STREAM
from broker.keys.signer import SoftwareSigner
from broker.registry.manifests import ManifestBook
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    Note,
    NoteSigner,
    NoteVerifier,
    Verifier,
    note_signer,
    note_verifier,
    parse_note,
    verify_note,
)
from broker.tlog.note import (
    ED25519 as NOTE_ED25519,
)
from broker.tlog.note import (
    ML_DSA_44 as NOTE_ML_DSA_44,
)

_OF_NOTES: Final[Mapping[str, tuple[bytes, Callable[[bytes], Verifier]]]] = {
    ED25519: (NOTE_ED25519, Ed25519Verifier),
    ML_DSA_44: (NOTE_ML_DSA_44, MlDsa44Verifier),
}
"""For each algorithm: the type of its lines in notes, and its verifier."""


def cosigner(name: str, key: SoftwareSigner) -> NoteSigner:
    """Return a key that cosigns checkpoints, under ``deployment/agency``."""
    return note_signer(name, COSIGNATURE_ED25519, key)


def author(name: str, key: SoftwareSigner) -> NoteSigner:
    """Return a key that signs notes, under ``deployment/agency``."""
    return note_signer(name, NOTE_ED25519, key)


def post_quantum_author(name: str, key: SoftwareSigner) -> NoteSigner:
    """Return an ML-DSA-44 key that signs heartbeats, under ``deployment/agency``."""
    return note_signer(name, NOTE_ML_DSA_44, key)


def read_note(data: bytes) -> Note:
    """Parse a note in its canonical form.

    Raises:
        RefusedError: ``note_malformed``.
    """
    try:
        return parse_note(data)
    except NoteError as error:
        raise RefusedError(1, "note_malformed", error.detail) from None


def require_author(
    note: Note,
    manifests: ManifestBook,
    agency: str,
    role: str,
    moment: int,
    algorithm: str = ED25519,
) -> bytes:
    """Check that a key of this agency, role and algorithm, valid at ``moment`` (ms), signed a note.

    Returns:
        The key's id in notes, 4 bytes.

    Raises:
        RefusedError: step 2, ``key_unknown``.
    """
    verifiers = _verifiers(manifests, agency, role, moment, algorithm)
    try:
        if verifiers:
            return verify_note(note, verifiers)[0].key_id
    except NoteError:
        pass  # the error below has one text for every fault
    raise RefusedError(2, "key_unknown", f"no valid {algorithm} key of this agency signed the note")


def is_still_believed(note: bytes, manifests: ManifestBook, agency: str, time_ms: int) -> bool:
    """Return whether a receipt key that is believed now signed a statement that the state keeps.

    Args:
        note: as it was verified and stored.
        manifests: of all agencies, as they are known now.
        agency: its author.
        time_ms: its time.

    Raises:
        StoreError: ``store_corrupt``: the stored note was changed.
    """
    try:
        stored = read_note(note)
    except RefusedError:
        raise StoreError(
            "A signed statement in the state database was changed.",
            code="store_corrupt",
            fix="Restore the state from a backup.",
        ) from None
    try:
        require_author(stored, manifests, agency, RECEIPT, time_ms)
    except RefusedError:
        return False
    return True


def is_author(
    signer: NoteSigner, manifests: ManifestBook, agency: str, role: str, moment: int
) -> bool:
    """Return whether `require_author` accepts what this key signs, for ``moment`` (ms)."""
    known = _verifiers(manifests, agency, role, moment, ED25519)
    return signer.key_id in {one.key_id for one in known}


def require_both_authors(note: Note, manifests: ManifestBook, agency: str, moment: int) -> bytes:
    """Check that both stream keys of this agency, valid at ``moment`` (ms), signed a heartbeat.

    Returns:
        The ML-DSA-44 key's id in notes, 4 bytes.

    Raises:
        RefusedError: step 2, ``key_unknown``: either line is missing or wrong, or of a key that
            was not valid or is revoked.
    """
    require_author(note, manifests, agency, STREAM, moment)
    return require_author(note, manifests, agency, STREAM, moment, ML_DSA_44)


def _verifiers(
    manifests: ManifestBook, agency: str, role: str, moment: int, algorithm: str
) -> list[NoteVerifier]:
    name = key_name(manifests.deployment, agency)
    signature_type, verifier_of = _OF_NOTES[algorithm]
    found: dict[bytes, NoteVerifier] = {}
    for verified in manifests.history(agency):
        if verified.manifest.expires <= moment:
            continue
        for key in verified.manifest.keys_of(role, algorithm):
            if key.valid_at(moment) and manifests.revoked_since(agency, key.kid) is None:
                verifier = note_verifier(name, signature_type, verifier_of(key.public))
                found.setdefault(verifier.key_id, verifier)
    return list(found.values())
