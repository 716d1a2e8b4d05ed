"""Signed notes: text, an empty line, and one line for each signature (c2sp.org/signed-note).

Contracts and manifests are signed as notes, and a checkpoint is one. A note has exactly one form:
`format_note` returns byte for byte what `parse_note` accepted. The form is stricter than C2SP in
three points: base64 must be canonical, a key signs a note once, and the text must not begin as the
message of a cosignature does, because one Ed25519 key signs both a stream's checkpoints and notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from broker.envelope.primitives import SignatureInvalid, b64, strict_b64
from broker.errors import NoteError

__all__ = [
    "COSIGNATURE_ED25519",
    "COSIGNATURE_ML_DSA_44",
    "ED25519",
    "MAX_NOTE_BYTES",
    "MAX_NOTE_SIGNATURES",
    "ML_DSA_44",
    "ML_DSA_65",
    "Note",
    "NoteSigner",
    "NoteVerifier",
    "SignatureLine",
    "Signer",
    "Verifier",
    "format_note",
    "key_id",
    "note_signer",
    "note_verifier",
    "parse_note",
    "sign_note",
    "verify_note",
    "verify_note_by_all",
]

#: Signature types (signed-note, "Signature types"): one byte, or 0xff and a longer name.
ED25519: Final = b"\x01"
COSIGNATURE_ED25519: Final = b"\x04"
COSIGNATURE_ML_DSA_44: Final = b"\x06"
ML_DSA_44: Final = b"\xffML-DSA-44"
ML_DSA_65: Final = b"\xffML-DSA-65"

KEY_ID_BYTES: Final = 4
#: Maximum size of a note in bytes; each kind of note has a lower limit of its own.
MAX_NOTE_BYTES: Final = 2**20
#: Maximum number of signature lines; C2SP requires at least 16.
MAX_NOTE_SIGNATURES: Final = 128
#: Maximum length of a key name in characters. One length byte holds it in an ML-DSA-44 cosignature.
MAX_NAME_BYTES: Final = 255

_DASH: Final = "— ".encode()
_CONTROLS: Final = bytes(byte for byte in range(0x20) if byte != 0x0A)
_COSIGNATURE_LABEL: Final = b"cosignature/v1\n"
_FORBIDDEN_IN_NAME: Final = re.compile(r"[\s+]")


class Signer(Protocol):
    """A private key of any algorithm, in any storage."""

    @property
    def public(self) -> bytes:
        """Return the raw public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`."""
        ...


class Verifier(Protocol):
    """A public key of any algorithm."""

    @property
    def public(self) -> bytes:
        """Return the raw public key."""
        ...

    def verify(self, signature: bytes, message: bytes) -> None:
        """Verify a signature. Raises primitives.SignatureInvalid."""
        ...


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature line.

    Attributes:
        name: the key's name, `deployment/agency` in this protocol.
        key_id: 4 bytes that distinguish keys of one name; not a cryptographic commitment to the
            key.
        signature: at least 1 byte; its form depends on the key's type.
    """

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them verified.

    Attributes:
        text: UTF-8 that ends in a newline: exactly the signed bytes.
        signatures: at least one, in the order of their lines.
    """

    text: bytes
    signatures: tuple[SignatureLine, ...]


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key with a name. `note_signer` makes one."""

    name: str
    key_id: bytes
    type: bytes
    key: Signer


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A public key with a name. `note_verifier` makes one."""

    name: str
    key_id: bytes
    type: bytes
    key: Verifier


def key_id(name: str, signature_type: bytes, public: bytes) -> bytes:
    """Return the first 4 bytes of SHA-256(name || 0x0A || type || public key)."""
    return sha256(name.encode() + b"\n" + signature_type + public).digest()[:KEY_ID_BYTES]


def note_signer(name: str, signature_type: bytes, key: Signer) -> NoteSigner:
    """Bind a private key to its name in signature lines."""
    return NoteSigner(name, key_id(name, signature_type, key.public), signature_type, key)


def note_verifier(name: str, signature_type: bytes, key: Verifier) -> NoteVerifier:
    """Bind a public key to its name in signature lines."""
    return NoteVerifier(name, key_id(name, signature_type, key.public), signature_type, key)


def parse_note(data: bytes) -> Note:
    """Parse a note without verifying its signatures.

    Raises:
        NoteError: `note_malformed`, or `note_too_large` above the limits.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"A note has at most {MAX_NOTE_BYTES} bytes.", code="note_too_large")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("a note is UTF-8") from error
    if len(data.translate(None, _CONTROLS)) != len(data):
        raise _malformed("a note holds no control character but the newline")
    # The last empty line is the separator: the text may hold empty lines, the signatures may not.
    end = data.rfind(b"\n\n") + 1
    text, block = data[:end], data[end + 1 :]
    if not end or not block.endswith(b"\n"):
        raise _malformed("a note is text, an empty line and signature lines, each with a line end")
    if text.startswith(_COSIGNATURE_LABEL):
        raise _malformed("a note's text does not begin as a cosignature's message")
    lines = block[:-1].split(b"\n")
    if len(lines) > MAX_NOTE_SIGNATURES:
        raise NoteError(
            f"A note has at most {MAX_NOTE_SIGNATURES} signatures.", code="note_too_large"
        )
    signatures = tuple(map(parse_signature_line, lines))
    if len({(line.name, line.key_id) for line in signatures}) != len(signatures):
        raise _malformed("a key signs a note once")
    return Note(text, signatures)


def parse_signature_line(line: bytes) -> SignatureLine:
    """Read one signature line, without its newline, of a text known to be UTF-8.

    Raises:
        NoteError: `note_malformed`.
    """
    if not line.startswith(_DASH):
        raise _malformed("a signature line begins with an em dash and a space")
    name_bytes, _, encoded = line[len(_DASH) :].partition(b" ")
    try:
        name = name_bytes.decode("utf-8")
        raw = strict_b64(encoded)
    except ValueError as error:
        raise _malformed("a signature line is a key name and canonical base64") from error
    if not 0 < len(name_bytes) <= MAX_NAME_BYTES or _FORBIDDEN_IN_NAME.search(name):
        raise _malformed("a key name is not empty and has no space and no plus sign")
    if len(raw) <= KEY_ID_BYTES:
        raise _malformed("a signature is a key id of 4 bytes and the signature bytes")
    return SignatureLine(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def format_signature_line(line: SignatureLine) -> bytes:
    """Write one signature line, without its newline."""
    return f"— {line.name} {b64(line.key_id + line.signature)}".encode()


def format_note(note: Note) -> bytes:
    """Format a note.

    Raises:
        NoteError: as `parse_note`, for a note that could not be parsed again.
    """
    lines = [format_signature_line(line) + b"\n" for line in note.signatures]
    data = b"".join((note.text, b"\n", *lines))
    if parse_note(data) != note:
        raise _malformed("the text or a key name cannot be written in a note")
    return data


def sign_note(text: bytes, signers: Iterable[NoteSigner]) -> Note:
    """Sign `text` with every key in turn.

    Args:
        text: UTF-8 that ends in a newline.
        signers: keys of a type that signs the text itself.

    Raises:
        NoteError: as `parse_note`, checked before any key is used.
    """
    signers = tuple(signers)
    if any(signer.type in (COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44) for signer in signers):
        raise _malformed("a key that cosigns cannot sign a text directly")
    unsigned = (SignatureLine(signer.name, signer.key_id, b"\x00") for signer in signers)
    format_note(Note(text, tuple(unsigned)))
    return Note(
        text,
        tuple(
            SignatureLine(signer.name, signer.key_id, signer.key.sign(text)) for signer in signers
        ),
    )


def verify_note(note: Note, verifiers: Sequence[NoteVerifier]) -> tuple[NoteVerifier, ...]:
    """Verify the signatures of known keys; lines of other keys are ignored.

    Returns:
        The keys whose signatures verified, in the order of the lines; at least one.

    Raises:
        NoteError: `note_signature_invalid` if any known key's line does not verify, `note_unsigned`
            if no known key signed, `note_keys_ambiguous`.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(verifiers):
        raise NoteError("Two keys share a name and a key id.", code="note_keys_ambiguous")
    verified: list[NoteVerifier] = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        try:
            verifier.key.verify(line.signature, note.text)
        except SignatureInvalid as error:
            raise NoteError(
                "A signature of a known key does not verify.",
                code="note_signature_invalid",
                where=line.name,
            ) from error
        verified.append(verifier)
    if not verified:
        raise NoteError("No key that we know signed this note.", code="note_unsigned")
    return tuple(verified)


def verify_note_by_all(note: Note, verifiers: Sequence[NoteVerifier]) -> None:
    """Verify that every one of `verifiers` signed (governance: Ed25519 and ML-DSA-65, both).

    Raises:
        NoteError: as `verify_note`; `note_unsigned` if one of the keys did not sign.
    """
    if len(verify_note(note, verifiers)) != len(verifiers):
        raise NoteError("A key that must sign this note did not sign it.", code="note_unsigned")


def _malformed(rule: str) -> NoteError:
    return NoteError(f"Not a signed note: {rule}.", code="note_malformed")
