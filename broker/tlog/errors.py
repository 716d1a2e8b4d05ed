"""Exceptions for notes and proofs, with the codes that the opening steps 1 to 3 report."""

from __future__ import annotations

from contracts.errors import ConcordantError

__all__ = ["NoteError", "ProofError"]


class NoteError(ConcordantError):
    """A signed note is not in its canonical form, or no required signature verifies.

    Codes, each raised in one place: `note_malformed`, `note_too_large`, `note_unsigned` (no known
    key signed it), `note_signature_invalid`, `note_keys_ambiguous` (two of our keys share name and
    key id), `checkpoint_malformed`, `cosignature_malformed`, `cosignature_unknown` (a line of
    another key), `cosignature_invalid`.
    """

    exit_code = 4


class ProofError(ConcordantError):
    """A proof is not in its canonical form, or does not prove its claim.

    Codes, each raised in one place: `proof_malformed`, `proof_too_large`, `inclusion_invalid`,
    `link_malformed` (index 0 does not name its predecessor correctly),
    `frontier_malformed` (stored bytes that are not a frontier).
    """

    exit_code = 4
