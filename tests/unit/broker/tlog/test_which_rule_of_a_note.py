"""Malformed notes and keys: one for each rule of their form.

Each input breaks one rule only, so that no other check can hide a deleted one.
"""

from __future__ import annotations

from base64 import b64encode

import pytest

from broker.errors import NoteError
from broker.tlog.note import (
    ED25519,
    MAX_NOTE_BYTES,
    Note,
    SignatureLine,
    format_note,
    note_verifier,
    parse_note,
    sign_note,
    verify_note,
    verify_note_by_all,
)
from tests.unit.broker.tlog.signed_inputs import (
    COSIGNER,
    NAME,
    NOTE,
    PUBLIC,
    Case,
    refuses,
    signature_line,
)

CASES: list[Case] = [
    (
        lambda: parse_note(b"x" * (MAX_NOTE_BYTES + 1)),
        "note_too_large",
        "A note has at most 1048576 bytes.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"\xff")),
        "note_malformed",
        "Not a signed note: a note is UTF-8.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"te\txt")),
        "note_malformed",
        "Not a signed note: a note holds no control character but the newline.",
    ),
    (
        lambda: parse_note(NOTE[:-1]),
        "note_malformed",
        "Not a signed note: a note is text, an empty line and signature lines, each ended.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"text", b"cosignature/v1")),
        "note_malformed",
        "Not a signed note: a note's text does not begin as a cosignature's message.",
    ),
    (
        lambda: parse_note(NOTE + b"".join(signature_line(b"%d" % i) + b"\n" for i in range(128))),
        "note_too_large",
        "A note has at most 128 signatures.",
    ),
    (
        lambda: parse_note(NOTE + NOTE.removeprefix(b"text\n\n")),
        "note_malformed",
        "Not a signed note: a key signs a note once.",
    ),
    (
        lambda: parse_note(b"text\n\n- name " + b64encode(b"kkkks") + b"\n"),
        "note_malformed",
        "Not a signed note: a signature line begins with an em dash and a space.",
    ),
    (
        lambda: parse_note(NOTE.replace(b"\n", b"=\n").replace(b"text=\n=\n", b"text\n\n")),
        "note_malformed",
        "Not a signed note: a signature line is a key name and canonical base64.",
    ),
    (
        lambda: parse_note(b"text\n\n" + signature_line(b"s", "a+b") + b"\n"),
        "note_malformed",
        "Not a signed note: a key name is not empty and has no space and no plus sign.",
    ),
    (
        lambda: parse_note(b"text\n\n" + signature_line(b"") + b"\n"),
        "note_malformed",
        "Not a signed note: a signature is a key id of 4 bytes and the signature bytes.",
    ),
    (
        lambda: format_note(Note(b"text\n", (SignatureLine("a b", b"kkk", b"kkks"),))),
        "note_malformed",
        "Not a signed note: a signature line is a key name and canonical base64.",
    ),
    (
        lambda: format_note(Note(b"text\n", (SignatureLine("a", b"kkk", b"kkks"),))),
        "note_malformed",
        "Not a signed note: the text or a key name has no form in a note.",
    ),
    (
        lambda: sign_note(b"text\n", [COSIGNER]),
        "note_malformed",
        "Not a signed note: a key that cosigns does not sign a text itself.",
    ),
    (
        lambda: verify_note(parse_note(NOTE), [note_verifier(NAME, ED25519, PUBLIC)] * 2),
        "note_keys_ambiguous",
        "Two keys share a name and a key id.",
    ),
    (
        lambda: verify_note(
            parse_note(NOTE.replace(b"text", b"tent")), [note_verifier(NAME, ED25519, PUBLIC)]
        ),
        "note_signature_invalid",
        "A signature of a known key does not verify.",
    ),
    (
        lambda: verify_note(parse_note(NOTE), [note_verifier("other", ED25519, PUBLIC)]),
        "note_unsigned",
        "No key that we know signed this note.",
    ),
    (
        lambda: verify_note_by_all(
            parse_note(NOTE),
            [note_verifier(NAME, ED25519, PUBLIC), note_verifier("other", ED25519, PUBLIC)],
        ),
        "note_unsigned",
        "A key that must sign this note did not sign it.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case[2] for case in CASES])
def test_each_malformed_note_is_refused(case: Case) -> None:
    refuses(case)


def test_the_signature_that_does_not_verify_is_named() -> None:
    with pytest.raises(NoteError) as caught:
        verify_note(
            parse_note(NOTE.replace(b"text", b"tent")), [note_verifier(NAME, ED25519, PUBLIC)]
        )
    assert caught.value.where == NAME
