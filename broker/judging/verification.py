"""Verification of a record's signer and position: steps 0 to 3 (docs/spec/opening.md).

It uses only public material. The result is a ``VerifiedRecord``, and no other code makes one, so a
function that takes one never gets a record of an unknown sender.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from broker.envelope.layout import MAX_VALUE_BYTES
from broker.envelope.primitives import HASH_BYTES
from broker.errors import NoteError, ProofError, RefusedError
from broker.judging.continuity_types import LogPosition
from broker.judging.partition_state import Generation
from broker.judging.reader_context import ReaderContext
from broker.judging.trials import Trials
from broker.judging.verification_cache import VerificationCache
from broker.keys.instant import CLOCK_SKEW_MS
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.tlog.checkpoint import Origin, Place, parse_origin
from broker.tlog.cosignature import verify_cosignature
from broker.tlog.generation_links import (
    GENERATION,
    GenerationLink,
    generation_name,
    opening_time,
    parse_link,
)
from broker.tlog.merkle import (
    Frontier,
    leaf_hash,
    left_nodes,
    verify_inclusion_after,
)
from broker.tlog.proof import MAX_PROOF_BYTES, Proof, parse_proof
from contracts.values import value_class

MAX_SIGNED_REMEMBERED: Final = 1024
"""Maximum number of cached verified checkpoints; one serves up to 512 records."""
MAX_PATHS_REMEMBERED: Final = 1024
"""Maximum number of streams with a cached path; a sender can open any number of generations."""


@value_class(frozen=True, slots=True)
class VerifiedRecord:
    """A record that passed steps 0 to 3: its sender signed it at this position of its stream."""

    record: Record
    origin: Origin
    position: LogPosition
    proof: Proof

    @property
    def log_time(self) -> int:
        """Return the time of the sender's log signature, ms since the epoch."""
        return self.position.log_time * 1000


def verify_record(
    record: Record, context: ReaderContext, cache: VerificationCache, now: int
) -> VerifiedRecord:
    """Apply steps 0 to 3, with public material only.

    Raises:
        RefusedError: with the step and its code.
    """
    value, content_type, header = _headers(record)  # step 0
    proof, origin, link = _proof(record, header, context, cache)  # step 1
    checkpoint = proof.checkpoint
    log_time = proof.line.timestamp
    stated = _require_signed(proof, origin, context, cache)  # step 2
    if log_time * 1000 > now + CLOCK_SKEW_MS:  # 2.6
        raise RefusedError(2, "early", "the log time is more than 5 minutes ahead of this clock")
    if opening_time(origin.generation) > log_time * 1000 + CLOCK_SKEW_MS:  # 2.7
        # Nothing can follow a generation at the end of time: an attacker could end the stream for
        # good.
        raise RefusedError(
            2, "generation_ahead", "the generation opened more than 5 minutes after log time"
        )
    leaf_only = content_type == LEAF_CONTENT_TYPE
    leaf = value if leaf_only else leaf_hash(value)
    try:  # step 3
        path = verify_inclusion_after(
            leaf,
            proof.index,
            checkpoint.size,
            proof.path,
            checkpoint.root,
            previous=cache.paths.get(checkpoint.origin),
        )
        left = left_nodes(proof.index, proof.path)
    except ProofError:
        raise RefusedError(3, "not_included", "the proof does not lead to the root") from None
    if len(cache.paths) >= MAX_PATHS_REMEMBERED:
        cache.paths.clear()
    cache.paths[checkpoint.origin] = path
    if stated is not None:
        _require_covered(
            proof, origin, (leaf, left), stated, context, cache.trials
        )  # second part of step 2.5, which needs the leaf
    position = LogPosition(
        origin.generation,
        proof.index,
        leaf,
        left,
        checkpoint.size,
        checkpoint.root,
        log_time,
        link,
        leaf_only,
        proof.line.key_id,
    )
    return VerifiedRecord(record, origin, position, proof)


def _headers(record: Record) -> tuple[bytes, bytes, bytes]:
    value = record.value
    if value is None:
        raise RefusedError(0, "value_missing", "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise RefusedError(0, "value_too_large", f"a value has at most {MAX_VALUE_BYTES} bytes")
    content_type = proof = None
    content_types = proofs = 0
    for name, found in record.headers:
        if name == CONTENT_TYPE_HEADER:
            content_types, content_type = content_types + 1, found
        elif name == PROOF_HEADER:
            proofs, proof = proofs + 1, found
    if content_types != 1 or proofs != 1:
        raise RefusedError(
            0, "headers_wrong", "there must be one content-type and one proof header"
        )
    if content_type is None or proof is None:
        raise RefusedError(0, "headers_wrong", "a header has no value")
    if len(proof) > MAX_PROOF_BYTES:
        raise RefusedError(0, "proof_too_large", f"a proof has at most {MAX_PROOF_BYTES} bytes")
    if content_type == LEAF_CONTENT_TYPE:
        if len(value) != HASH_BYTES:
            raise RefusedError(0, "value_malformed", "a leaf record holds a hash of 32 bytes")
    elif content_type != SEALED_CONTENT_TYPE:
        raise RefusedError(0, "content_type_unknown", "the content type is unknown")
    return value, content_type, proof


def _proof(
    record: Record, header: bytes, context: ReaderContext, cache: VerificationCache
) -> tuple[Proof, Origin, GenerationLink | None]:
    try:
        proof = parse_proof(header, cache.checkpoints)
        origin = parse_origin(proof.checkpoint.origin)
    except (ProofError, NoteError):
        raise RefusedError(1, "proof_malformed", "the proof is malformed") from None
    if (
        origin.deployment != context.deployment
        or origin.topic != record.topic
        or origin.partition != record.partition
    ):
        raise RefusedError(
            1, "origin_wrong", "the proof names another deployment, topic or partition"
        )
    if GENERATION.fullmatch(origin.generation) is None:
        raise RefusedError(1, "generation_name", "the name of the generation is malformed")
    if proof.index:  # parse_proof took no ``extra`` there
        return proof, origin, None
    try:
        link = parse_link(proof.extra)
    except ProofError as error:
        raise RefusedError(1, error.code, error.detail) from None
    if origin.generation <= link.name:
        raise RefusedError(
            1, "generation_order", "the generation is not later than the one it names"
        )
    stream = f"{origin.deployment}/{origin.agency}/{origin.topic}/{origin.partition}"
    if generation_name(stream, link, opening_time(origin.generation)) != origin.generation:
        raise RefusedError(1, "generation_name", "the name does not follow from the predecessor")
    return proof, origin, link


def _require_signed(
    proof: Proof, origin: Origin, context: ReaderContext, cache: VerificationCache
) -> Sequence[tuple[int, bytes]] | None:
    """Apply steps 2.1 to 2.5 once for each checkpoint. All records of a batch share it.

    Returns:
        None if the signature is trusted; for a revoked key, (size, root) that earlier receipts
        state above the record's index.
    """
    text, line = proof.checkpoint_text, proof.line
    if text in cache.signed:
        return None
    key = context.stream_key(origin.agency, line.key_id, line.timestamp * 1000)  # 2.1, 2.2
    try:  # 2.3
        verify_cosignature(line, key.verifier, proof.signed.body)
    except NoteError as error:
        code = "key_unknown" if error.code == "cosignature_unknown" else "signature_wrong"
        raise RefusedError(
            2, code, "the signature does not verify under the sender's key"
        ) from None
    # 2.4 comes after the signature: a forger with a known key id and time must not make a reader
    # wait for a manifest.
    if key.manifest_expired:
        raise RefusedError(2, "manifest_expired", "every manifest with this key had expired")
    if key.revoked_since is not None:  # 2.5
        stated = context.receipts(proof.checkpoint.origin, proof.index, key.revoked_since)
        if not stated:
            raise RefusedError(
                2, "key_revoked", "the key is revoked, and no earlier receipt covers it"
            )
        return stated
    if len(cache.signed) >= MAX_SIGNED_REMEMBERED:
        cache.signed.clear()
    cache.signed.add(text)
    return None


# --- records under a revoked key -----------------------------------------------------------------


def _require_covered(
    proof: Proof,
    origin: Origin,
    place: tuple[bytes, tuple[bytes, ...]],
    stated: Sequence[tuple[int, bytes]],
    context: ReaderContext,
    trials: Trials,
) -> None:
    """Check that a receipt covers the record: by its own path, by a run, or by stored leaves."""
    leaf, left = place
    checkpoint, index = proof.checkpoint, proof.index
    name = checkpoint.origin
    if (checkpoint.size, checkpoint.root) in stated:
        trials.meet(name, Frontier(index, left))
        return
    if trials.covers(name, index, leaf) or _held(origin, index, leaf, stated, context):
        return
    run = trials.add(name, index, leaf, left)
    _meet_held(origin, run.head, stated, context, trials)
    raise RefusedError(
        2, "receipt_awaited", "the key is revoked, and leaves below an earlier receipt are missing"
    )


def _held(
    origin: Origin,
    index: int,
    leaf: bytes,
    stated: Sequence[tuple[int, bytes]],
    context: ReaderContext,
) -> bool:
    """Return whether the leaf is already stored, in leaves that fold to a receipt's root."""
    where = origin.place
    state = context.state(where)
    held = state.generations.get(origin.generation) if state is not None else None
    if held is None or index < held.start:
        return False
    known = context.history(where).leaf(origin.generation, index)
    if known is None or known[0] != leaf:
        return False
    return any(folds(held, index, size, root, context, where) for size, root in stated)


def _meet_held(
    origin: Origin,
    head: Frontier,
    stated: Sequence[tuple[int, bytes]],
    context: ReaderContext,
    trials: Trials,
) -> None:
    """Cover a run that ends at a stored part whose leaves fold to a receipt's root."""
    where = origin.place
    state = context.state(where)
    held = state.generations.get(origin.generation) if state is not None else None
    for gap in held.gaps if held is not None else ():
        if gap.after is None or gap.after.size != head.size:
            continue
        assert held is not None
        if any(folds(held, head.size, size, root, context, where) for size, root in stated):
            trials.meet(origin.format(), gap.after)


def folds(
    held: Generation, first: int, size: int, root: bytes, context: ReaderContext, where: Place
) -> bool:
    """Return whether all leaves from ``first`` to a receipt's size lead to its root."""
    checkpoint = context.history(where).at(held.name, size)
    return (
        size <= held.size
        and checkpoint is not None
        and checkpoint.root == root
        and checkpoint.lowest < size
        and not any(gap.first < size and gap.last >= first for gap in held.gaps)
    )
