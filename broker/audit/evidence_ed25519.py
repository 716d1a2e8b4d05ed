"""Separate check of the Ed25519 checkpoint beside post-quantum evidence.

docs/spec/evidence.md, "Beside it". The checkpoint was the event's signature when it was sent
(opening, steps 1 to 3). The chain does not depend on it, because a quantum computer could forge it.
"""

from __future__ import annotations

from typing import Final

from broker.audit.evidence import ClassicalPart, Evidence
from broker.audit.evidence_verify import EvidenceLink, LinkError
from broker.errors import NoteError, ProofError
from broker.keys.governance import key_name
from broker.registry.manifests import ManifestBook
from broker.tlog.checkpoint import Origin
from broker.tlog.cosignature import parse_signed_checkpoint, verify_cosignature
from broker.tlog.merkle import verify_inclusion

CLASSICAL: Final = "classical"


def check_classical(evidence: Evidence, manifests: ManifestBook) -> EvidenceLink | None:
    """Check the checkpoint; return None if the document has none.

    Args:
        evidence: a document whose chain was checked.
        manifests: those that this agency trusts.
    """
    part = evidence.classical
    if part is None:
        return None
    try:
        size = _checked(evidence, part, manifests)
    except LinkError as broken:
        return EvidenceLink(CLASSICAL, str(broken), broken.code)
    return EvidenceLink(CLASSICAL, f"checkpoint of size {size}, signed with Ed25519")


def _checked(evidence: Evidence, part: ClassicalPart, manifests: ManifestBook) -> int:
    head = evidence.head
    origin = Origin(
        evidence.deployment, evidence.agency, head.topic, head.partition, head.generation
    )
    try:
        signed = parse_signed_checkpoint(part.checkpoint.encode())
        line, checkpoint = signed.line, signed.checkpoint
        if checkpoint.origin != origin.format():
            raise LinkError("origin_wrong", "the checkpoint is of another log")
        key = manifests.stream_key(evidence.agency, line.key_id)
        if key is None or line.name != key_name(evidence.deployment, evidence.agency):
            raise LinkError("key_unknown", "no manifest here lists its Ed25519 key")
        if key.at(line.timestamp * 1000) != "valid":
            raise LinkError("key_not_valid", "its Ed25519 key was not valid at log time")
        if key.revoked_since is not None:
            raise LinkError("key_revoked", "its Ed25519 key is revoked")
        verify_cosignature(line, key.verifier, signed.body)
        verify_inclusion(
            bytes.fromhex(evidence.leaf),
            evidence.index,
            checkpoint.size,
            [bytes.fromhex(node) for node in part.path],
            checkpoint.root,
        )
    except NoteError:
        raise LinkError("signature_wrong", "the checkpoint does not verify") from None
    except ProofError:
        raise LinkError("not_included", "the path does not lead to the checkpoint") from None
    return checkpoint.size
