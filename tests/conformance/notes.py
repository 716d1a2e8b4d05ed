"""Signed notes and the key ids of their lines (docs/spec/keys.md, "Signatures in notes").

The format is c2sp.org/signed-note; cosignatures are c2sp.org/tlog-cosignature, version 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey, MLDSA65PublicKey

from tests.conformance.conventions import decode_base64, sha256
from tests.conformance.refusals import MalformedError, NotBelievedError

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
ML_DSA_65 = b"\xffML-DSA-65"
ML_DSA_44 = b"\xffML-DSA-44"

DASH = "— "
KEY_ID_BYTES = 4
MAX_BYTES = 1048576
MAX_NAME_BYTES = 255
MAX_LINES = 128


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line: who, and the bytes behind the key id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, with its final newline, and its signature lines in order."""

    text: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A known key: its name, the type of its signatures, and its raw public bytes."""

    name: str
    kind: bytes
    public: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode(), b"\n", self.kind, self.public)[:KEY_ID_BYTES]

    def verifies(self, text: str, signature: bytes) -> bool:
        """Verify a signature, without its key id, of this key over the text."""
        if self.kind == COSIGNATURE:
            if len(signature) != 8 + 64:
                return False
            time = int.from_bytes(signature[:8], "big")
            return _verifies(self, signature[8:], cosigned(text, time))
        return _verifies(self, signature, text.encode())


def cosigned(text: str, time: int) -> bytes:
    """The message of a cosignature over a checkpoint's text at a time in seconds."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def verifies(algorithm: str, public: bytes, signature: bytes, message: bytes) -> bool:
    """Verify a plain signature. A key that cannot be read verifies nothing."""
    reading: dict[str, Any] = {
        "ed25519": Ed25519PublicKey.from_public_bytes,
        "ml-dsa-65": MLDSA65PublicKey.from_public_bytes,
        "ml-dsa-44": MLDSA44PublicKey.from_public_bytes,
    }
    try:
        reading[algorithm](public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _verifies(key: NoteKey, signature: bytes, message: bytes) -> bool:
    algorithm = {ML_DSA_65: "ml-dsa-65", ML_DSA_44: "ml-dsa-44"}.get(key.kind, "ed25519")
    return verifies(algorithm, key.public, signature, message)


def parse_note(text: str) -> Note:
    """Take a note apart.

    Raises:
        MalformedError: it is no signed note.
    """
    if any(ord(letter) < 0x20 and letter != "\n" for letter in text):
        raise MalformedError("a control character")
    body, separator, signatures = text.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise MalformedError("no signatures")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_LINES:
        raise MalformedError("too many signatures")
    if body.startswith("cosignature/v1\n"):
        raise MalformedError("what a cosignature signs")
    note = Note(body + "\n", tuple(_line(line) for line in lines))
    if len({(line.name, line.key_id) for line in note.lines}) != len(note.lines):
        raise MalformedError("a key signed twice")
    return note


def read_note(octets: bytes) -> Note:
    """`parse_note` of UTF-8 bytes."""
    if len(octets) > MAX_BYTES:
        raise MalformedError("too large")
    try:
        return parse_note(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise MalformedError("not UTF-8") from error


def _line(line: str) -> Line:
    if not line.startswith(DASH):
        raise MalformedError("not a signature line")
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not name or not space or "+" in name or name.split() != [name]:
        raise MalformedError("not a signature line")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise MalformedError("not a signature line")
    octets = decode_base64(encoded)
    if len(octets) <= KEY_ID_BYTES:
        raise MalformedError("no signature")
    return Line(name, octets[:KEY_ID_BYTES], octets[KEY_ID_BYTES:])


def signers(note: Note, keys: Sequence[NoteKey]) -> set[NoteKey]:
    """Those of the known keys that signed; lines of other keys are ignored.

    Raises:
        NotBelievedError: a line of a known key does not verify.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: set[NoteKey] = set()
    for line in note.lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if not key.verifies(note.text, line.signature):
            raise NotBelievedError("a signature does not verify")
        found.add(key)
    return found
