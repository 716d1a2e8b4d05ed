"""Sealed note: a signed text that everyone can read, and a part that is sealed.

Reports, pings and statements for partners have this form (docs/spec/reports.md, pings.md,
partner-statements.md). The last line of the text is the hash of the sealed part, so the signature
covers both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from broker.envelope.opening import OpeningKey
from broker.envelope.primitives import SealBroken, lp, sha256
from broker.statements.authorship import read_note
from broker.tlog.note import Note, NoteSigner, format_note, sign_note


def pack_sealed(lines: Sequence[str], sealed: bytes, signer: NoteSigner) -> bytes:
    """Return the value of a record.

    Args:
        lines: of the text, without the hash.
        sealed: the sealed part.
        signer: the receipt key of the agency that makes it.
    """
    text = "".join(f"{line}\n" for line in (*lines, sha256(sealed).hex()))
    return lp(format_note(sign_note(text.encode(), [signer])), sealed)


def unpack_sealed(
    value: bytes, heading: Callable[[str], bool], count: int, sealed_bytes: int | None
) -> tuple[Note, list[str], bytes]:
    """Take the value of a record apart, without verifying its signature.

    Args:
        value: of the record; the caller has checked its size.
        heading: whether a text may be the first line.
        count: number of lines without the hash.
        sealed_bytes: size of the sealed part; None if its size varies.

    Returns:
        The note, its lines without the hash, and the sealed part.

    Raises:
        ValueError: it has another form; the text says what is wrong.
        RefusedError: ``note_malformed``.
    """
    first = int.from_bytes(value[8:16], "big")
    raw, sealed = value[16 : 16 + first], value[24 + first :]
    if lp(raw, sealed) != value or sealed_bytes not in (None, len(sealed)):
        raise ValueError("its parts do not have the required sizes")
    note = read_note(raw)
    try:
        *lines, digest, end = note.text.decode("utf-8").split("\n")
    except ValueError:
        lines, digest, end = [], "", ""
    if len(lines) != count or end or not heading(lines[0]) or digest != sha256(sealed).hex():
        raise ValueError("its note is not in the canonical form")
    return note, lines, sealed


def open_sealed(
    sealed: bytes, keys: Iterable[OpeningKey], info: Callable[[bytes], bytes]
) -> bytes | None:
    """Return the plaintext of a sealed part; None if no key opens it.

    Args:
        sealed: of a note whose signature was verified.
        keys: exchange keys of this agency that may open it.
        info: id of a key -> the context of the seal.
    """
    for key in keys:
        try:
            return key.opener.open(sealed, info(key.kid))
        except SealBroken:
            continue
    return None
