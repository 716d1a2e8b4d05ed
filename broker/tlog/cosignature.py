"""Cosignatures: a signature over a checkpoint with its time (c2sp.org/tlog-cosignature).

A stream key signs its own checkpoints in this form (type 0x04), and the time is the log time of the
events under it. A receipt key signs other agencies' checkpoints in the same form. Type 0x06 is the
post-quantum form with ML-DSA-44. Times are whole seconds, as in C2SP, not milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.envelope.primitives import (
    ED25519_SIGNATURE_BYTES,
    ML_DSA_44_SIGNATURE_BYTES,
    SignatureInvalid,
)
from broker.errors import NoteError
from broker.tlog.checkpoint import Checkpoint, format_checkpoint, parse_checkpoint
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    NoteSigner,
    NoteVerifier,
    SignatureLine,
    format_signature_line,
    parse_note,
)

__all__ = [
    "CosignatureLine",
    "SignedCheckpoint",
    "cosign",
    "cosignature_message",
    "format_signed_checkpoint",
    "parse_cosignature",
    "parse_signed_checkpoint",
    "signed_checkpoint",
    "verify_cosignature",
]

TIMESTAMP_BYTES: Final = 8
#: Seconds since the Unix epoch (tlog-cosignature, "Format").
MAX_TIMESTAMP: Final = 2**63 - 1

_SUBTREE_LABEL: Final = b"subtree/v1\n\x00"
_TYPE_OF_LENGTH: Final = {
    ED25519_SIGNATURE_BYTES: COSIGNATURE_ED25519,
    ML_DSA_44_SIGNATURE_BYTES: COSIGNATURE_ML_DSA_44,
}


@dataclass(frozen=True, slots=True)
class CosignatureLine:
    """One signature line that is a cosignature.

    Attributes:
        name: the cosigner's name, `deployment/agency`.
        key_id: 4 bytes.
        timestamp: seconds since the Unix epoch.
        signature: 64 bytes (Ed25519) or 2420 bytes (ML-DSA-44).
    """

    name: str
    key_id: bytes
    timestamp: int
    signature: bytes

    @property
    def type(self) -> bytes:
        """Return the signature type for a signature of this length."""
        return _TYPE_OF_LENGTH[len(self.signature)]

    def line(self) -> SignatureLine:
        """Return the note's signature line: the timestamp, then the signature."""
        timed = self.timestamp.to_bytes(TIMESTAMP_BYTES, "big") + self.signature
        return SignatureLine(self.name, self.key_id, timed)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with its one cosignature, not verified yet.

    Attributes:
        checkpoint: the parsed body.
        line: the one signature line.
        body: the checkpoint's own bytes, which the cosignature covers.
        text: the whole note as it was sent; evidence is kept in this form.
    """

    checkpoint: Checkpoint
    line: CosignatureLine
    body: bytes
    text: bytes


def parse_cosignature(line: SignatureLine) -> CosignatureLine:
    """Read a note's signature line as a cosignature.

    Raises:
        NoteError: `cosignature_malformed`.
    """
    timestamp = int.from_bytes(line.signature[:TIMESTAMP_BYTES], "big")
    signature = line.signature[TIMESTAMP_BYTES:]
    if len(signature) not in _TYPE_OF_LENGTH or timestamp > MAX_TIMESTAMP:
        raise NoteError(
            "A cosignature is a time and a signature of Ed25519 or ML-DSA-44.",
            code="cosignature_malformed",
        )
    return CosignatureLine(line.name, line.key_id, timestamp, signature)


def cosignature_message(signature_type: bytes, name: str, timestamp: int, body: bytes) -> bytes:
    """Return the bytes to sign for a checkpoint's `body`.

    Args:
        signature_type: `COSIGNATURE_ED25519` or `COSIGNATURE_ML_DSA_44`.
        name: the cosigner's name; only the ML-DSA-44 form commits to it.
        timestamp: seconds since the Unix epoch.
        body: a checkpoint's note text.

    Raises:
        NoteError: `cosignature_malformed`, not a type or a time of a cosignature;
            `checkpoint_malformed`, for the ML-DSA-44 form.
    """
    if not 0 <= timestamp <= MAX_TIMESTAMP:
        raise NoteError("The time is out of range.", code="cosignature_malformed")
    if signature_type == COSIGNATURE_ED25519:
        return b"cosignature/v1\ntime %d\n" % timestamp + body
    if signature_type != COSIGNATURE_ML_DSA_44:
        raise NoteError(
            "The key is not of a type that makes cosignatures.", code="cosignature_malformed"
        )
    checkpoint = parse_checkpoint(body)
    return b"".join(
        (
            _SUBTREE_LABEL,
            _opaque(name),
            timestamp.to_bytes(8, "big"),
            _opaque(checkpoint.origin),
            (0).to_bytes(8, "big"),  # start: a checkpoint is the subtree from the first leaf
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def cosign(signer: NoteSigner, timestamp: int, body: bytes) -> CosignatureLine:
    """Cosign a checkpoint.

    Args:
        signer: a key of type `COSIGNATURE_ED25519` or `COSIGNATURE_ML_DSA_44`.
        timestamp: seconds since the Unix epoch.
        body: the checkpoint's note text.

    Raises:
        NoteError: `checkpoint_malformed` or `cosignature_malformed`, before the key is used.
    """
    # type confusion: a key that cosigns must not sign any other kind of message
    parse_checkpoint(body)
    return _cosign(signer, timestamp, body)


def _cosign(signer: NoteSigner, timestamp: int, body: bytes) -> CosignatureLine:
    message = cosignature_message(signer.type, signer.name, timestamp, body)
    return CosignatureLine(signer.name, signer.key_id, timestamp, signer.key.sign(message))


def verify_cosignature(line: CosignatureLine, verifier: NoteVerifier, body: bytes) -> None:
    """Verify one cosignature over a checkpoint's `body`.

    Raises:
        NoteError: `cosignature_unknown` if another key made the line, `cosignature_invalid`.
    """
    if (line.name, line.key_id, line.type) != (verifier.name, verifier.key_id, verifier.type):
        raise NoteError("The cosignature is by another key.", code="cosignature_unknown")
    message = cosignature_message(verifier.type, line.name, line.timestamp, body)
    try:
        verifier.key.verify(line.signature, message)
    except SignatureInvalid as error:
        raise NoteError("The cosignature does not verify.", code="cosignature_invalid") from error


def format_signed_checkpoint(body: bytes, line: CosignatureLine) -> bytes:
    """Return a checkpoint's note with its one signature line, for every proof of a batch."""
    return body + b"\n" + format_signature_line(line.line()) + b"\n"


def parse_signed_checkpoint(text: bytes) -> SignedCheckpoint:
    """Read a checkpoint's note with exactly one line, an Ed25519 cosignature.

    Raises:
        NoteError: `note_malformed`, `checkpoint_malformed` or `cosignature_malformed`.
    """
    note = parse_note(text)
    if len(note.signatures) != 1:
        raise NoteError(
            "A proof's checkpoint has exactly one signature.", code="cosignature_malformed"
        )
    line = parse_cosignature(note.signatures[0])
    if line.type != COSIGNATURE_ED25519:
        raise NoteError("A proof's cosignature is Ed25519.", code="cosignature_malformed")
    return SignedCheckpoint(parse_checkpoint(note.text), line, note.text, text)


def signed_checkpoint(signer: NoteSigner, timestamp: int, checkpoint: Checkpoint) -> bytes:
    """Cosign `checkpoint` and write the note, once per relay batch.

    Raises:
        NoteError: `checkpoint_malformed` or `cosignature_malformed`.
    """
    body = format_checkpoint(checkpoint)  # parses its own output again
    return format_signed_checkpoint(body, _cosign(signer, timestamp, body))


def _opaque(text: str) -> bytes:
    """Encode opaque<1..2^8-1> of the TLS presentation language."""
    data = text.encode()
    if not 0 < len(data) <= 0xFF:
        raise NoteError("A name has 1 to 255 bytes.", code="cosignature_malformed")
    return bytes((len(data),)) + data
