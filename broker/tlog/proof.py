"""Proof header of a record: c2sp.org/tlog-proof@v1 in exactly one form.

A proof is an index, the inclusion path and the signed checkpoint; it is the event's signature
(docs/spec/proof.md; opening step 1). Each proof has one text: `format_proof` of the result of
`parse_proof` gives the same bytes, so every change of the text changes the meaning. All records of
a batch carry one checkpoint text, which a reader parses once (`memo`).
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from broker.envelope.primitives import strict_b64
from broker.errors import NoteError, ProofError
from broker.tlog.checkpoint import Checkpoint, parse_decimal
from broker.tlog.cosignature import CosignatureLine, SignedCheckpoint, parse_signed_checkpoint
from broker.tlog.merkle import HASH_BYTES, MAX_LOG_SIZE
from contracts.values import value_class

__all__ = [
    "MAX_PROOF_BYTES",
    "MEMO_CHECKPOINTS",
    "CheckpointMemo",
    "Proof",
    "format_proof",
    "parse_proof",
]

#: Maximum size of the header in bytes (protocol, "Limits"); the longest path, 63 hashes, takes 2.8
#: kB.
MAX_PROOF_BYTES: Final = 4096
#: Number of parsed checkpoints after which a memo is emptied; one serves up to 512 records.
MEMO_CHECKPOINTS: Final = 256

#: A reader's parsed checkpoints by their bytes. The caller owns it and passes it in.
CheckpointMemo = dict[bytes, SignedCheckpoint]

_VERSION: Final = b"c2sp.org/tlog-proof@v1\n"
_INDEX: Final = b"index "
_EXTRA: Final = b"extra "


@value_class(frozen=True, slots=True)
class Proof:
    """A parsed proof: its form is valid, but nothing in it is verified.

    Attributes:
        index: index of the record in its log, from 0.
        path: 32-byte hashes from the leaf's sibling up.
        signed: the checkpoint with its one signature line.
        extra: opaque bytes, at index 0 only; not authenticated by the proof itself.
    """

    index: int
    path: tuple[bytes, ...]
    signed: SignedCheckpoint
    extra: bytes | None = None

    @property
    def checkpoint(self) -> Checkpoint:
        """Return origin, size and root."""
        return self.signed.checkpoint

    @property
    def line(self) -> CosignatureLine:
        """Return the signature line; its time is the log time, in seconds."""
        return self.signed.line

    @property
    def checkpoint_text(self) -> bytes:
        """Return the signed checkpoint exactly as it was sent."""
        return self.signed.text


def format_proof(
    index: int, path: Sequence[bytes], checkpoint_text: bytes, extra: bytes | None = None
) -> bytes:
    """Write a proof header.

    Args:
        index: index of the record in its log.
        path: as `merkle.append_batch` returns it.
        checkpoint_text: result of `cosignature.signed_checkpoint`, the same for a whole batch.
        extra: only at index 0, and not empty.

    Raises:
        ProofError: `proof_malformed`, extra data that a reader would refuse.
    """
    nodes = b"".join(map(_node_line, path))
    if extra is None:
        return b"%bindex %d\n%b\n%b" % (_VERSION, index, nodes, checkpoint_text)
    if index or not extra:
        raise _malformed(
            "extra data are only allowed at the first record of a log, and are not empty"
        )
    encoded = b2a_base64(extra)
    return b"%bextra %bindex 0\n%b\n%b" % (_VERSION, encoded, nodes, checkpoint_text)


_node_line: Final = lru_cache(maxsize=4096)(b2a_base64)
"""Cache of encoded nodes; records of a batch share most nodes of their paths."""


def parse_proof(header: bytes, memo: CheckpointMemo | None = None) -> Proof:
    """Parse a proof header and accept only the form that `format_proof` writes.

    Args:
        header: the whole value of the record's `proof` header.
        memo: cache of parsed checkpoints; emptied when it holds `MEMO_CHECKPOINTS`.

    Raises:
        ProofError: `proof_too_large`, or `proof_malformed`.
    """
    if len(header) > MAX_PROOF_BYTES:
        raise ProofError(
            f"A proof header has at most {MAX_PROOF_BYTES} bytes.", code="proof_too_large"
        )
    head, _, checkpoint_text = header.partition(b"\n\n")
    if not head.startswith(_VERSION):
        raise _malformed("it is version, index, path, an empty line and a checkpoint")
    index_at = len(_VERSION)
    extra: bytes | None = None
    if head.startswith(_EXTRA, index_at):
        encoded, _, _ = head[index_at + len(_EXTRA) :].partition(b"\n")
        index_at += len(_EXTRA) + len(encoded) + 1
        extra = _parse_extra(encoded)
    if not head.startswith(_INDEX, index_at):
        raise _malformed("the index follows the version and the extra data")
    digits, newline, block = head[index_at + len(_INDEX) :].partition(b"\n")
    try:
        index = parse_decimal(digits, MAX_LOG_SIZE)
    except ValueError as error:
        raise _malformed("the index is a decimal number") from error
    if extra is not None and index:
        raise _malformed("only the first record of a log has extra data")
    path = _parse_path(block) if newline else ()
    signed = None if memo is None else memo.get(checkpoint_text)
    if signed is None:
        try:
            signed = parse_signed_checkpoint(checkpoint_text)
        except NoteError as error:
            raise ProofError(error.detail, code="proof_malformed") from error
        if memo is not None:
            if len(memo) >= MEMO_CHECKPOINTS:
                memo.clear()
            memo[checkpoint_text] = signed
    return Proof(index, path, signed, extra)


def _parse_path(block: bytes) -> tuple[bytes, ...]:
    """Decode lines of base64, one 32-byte hash each, without the last line's newline."""
    return tuple(map(_parse_node, block.split(b"\n")))


@lru_cache(maxsize=4096)  # records of a batch share most nodes of their paths
def _parse_node(line: bytes) -> bytes:
    try:
        node = strict_b64(line)
    except ValueError as error:
        raise _malformed("the path is canonical base64") from error
    if len(node) != HASH_BYTES:
        raise _malformed("the path is base64 of 32-byte hashes")
    return node


def _parse_extra(encoded: bytes) -> bytes:
    try:
        extra = strict_b64(encoded)
    except ValueError as error:
        raise _malformed("extra data are canonical base64") from error
    if not extra:
        raise _malformed("extra data are not empty")
    return extra


def _malformed(rule: str) -> ProofError:
    return ProofError(f"Not a proof header: {rule}.", code="proof_malformed")
