"""Refusals of notes and proofs, with the codes that the opening steps 1 to 3 report."""

from __future__ import annotations

from contracts.errors import ConcordantError

__all__ = ["NoteError", "ProofError"]


class NoteError(ConcordantError):
    """A signed note is not in its one form, or no signature that we ask for verifies.

    Codes, one set by each place that raises it:
    `note_malformed`, `note_too_large`, `note_unsigned` (no known key signed it),
    `note_signature_invalid`, `note_keys_ambiguous` (two of our keys share name and key id),
    `checkpoint_malformed`, `cosignature_malformed`, `cosignature_unknown` (another key's line),
    `cosignature_invalid`.
    """

    exit_code = 4


class ProofError(ConcordantError):
    """A proof is not in its one form, or does not prove what it claims.

    Codes, one set by each place that raises it:
    `proof_malformed`, `proof_too_large`, `inclusion_invalid`, `consistency_invalid`,
    `link_malformed` (index 0 does not name its predecessor as it must),
    `frontier_malformed` (stored bytes that are not a frontier).
    """

    exit_code = 4
