from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from broker.envelope.primitives import (
    Ed25519Signer,
    Ed25519Verifier,
    MlDsa65Signer,
    MlDsa65Verifier,
)
from broker.errors import NoteError
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    MAX_NOTE_BYTES,
    MAX_NOTE_SIGNATURES,
    ML_DSA_65,
    Note,
    NoteVerifier,
    SignatureLine,
    format_note,
    key_id,
    note_signer,
    note_verifier,
    parse_note,
    sign_note,
    verify_note,
    verify_note_by_all,
)

# The example of Go's golang.org/x/mod/sumdb/note, the format's first implementation
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
).encode()
# The example of c2sp.org/signed-note, whose text is not ASCII and holds an empty line
C2SP_NOTE = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFS"
    "QU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
).encode()

NAME = "pan-london/cps-london"
TEXT = b"concordant.contract/v1\npan-london\n"


def refused(code: str) -> pytest.RaisesExc[NoteError]:
    return pytest.RaisesExc(NoteError, check=lambda error: error.code == code)


def line(name: str = "a", raw: bytes = b"12345") -> bytes:
    return f"— {name} {b64encode(raw).decode()}\n".encode()


@pytest.fixture(scope="module")
def ed25519() -> Ed25519Signer:
    return Ed25519Signer(b"\x01" * 32)


@pytest.fixture(scope="module")
def ml_dsa_65() -> MlDsa65Signer:
    return MlDsa65Signer(b"\x02" * 32)


@pytest.fixture(scope="module")
def verifiers(ed25519: Ed25519Signer, ml_dsa_65: MlDsa65Signer) -> tuple[NoteVerifier, ...]:
    return (
        note_verifier(NAME, ED25519, Ed25519Verifier(ed25519.public)),
        note_verifier(NAME, ML_DSA_65, MlDsa65Verifier(ml_dsa_65.public)),
    )


@pytest.fixture(scope="module")
def executed(ed25519: Ed25519Signer, ml_dsa_65: MlDsa65Signer) -> Note:
    signers = (note_signer(NAME, ED25519, ed25519), note_signer(NAME, ML_DSA_65, ml_dsa_65))
    return sign_note(TEXT, signers)


# --- interoperability ---


def test_a_note_of_gos_implementation_verifies() -> None:
    name, hexadecimal, encoded = GO_KEY.split("+", 2)
    public = b64decode(encoded)[1:]
    verifier = note_verifier(name, ED25519, Ed25519Verifier(public))
    assert verifier.key_id.hex() == hexadecimal
    note = parse_note(GO_NOTE)
    assert verify_note(note, [verifier]) == (verifier,)
    assert format_note(note) == GO_NOTE


def test_the_specifications_example_has_one_form() -> None:
    note = parse_note(C2SP_NOTE)
    assert note.text.count(b"\n\n") == 1
    assert [signature.name for signature in note.signatures] == ["quasimodo.example/salvatore"]
    assert len(note.signatures[0].signature) == 64
    assert format_note(note) == C2SP_NOTE


def test_one_key_has_another_id_for_every_type_and_name() -> None:
    public = b"\x07" * 32
    ids = {
        key_id(name, kind, public)
        for name in ("a/b", "a/c")
        for kind in (ED25519, COSIGNATURE_ED25519, ML_DSA_65)
    }
    assert len(ids) == 6


# --- signing and verifying ---


def test_both_governance_signatures_verify(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    assert verify_note(parse_note(format_note(executed)), verifiers) == verifiers
    verify_note_by_all(executed, verifiers)


def test_a_missing_signature_of_two_is_noticed(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    for kept in executed.signatures:
        half = Note(executed.text, (kept,))
        assert len(verify_note(half, verifiers)) == 1
        with refused("note_unsigned"):
            verify_note_by_all(half, verifiers)


def test_one_bad_signature_of_a_known_key_refuses_the_note(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    for position, good in enumerate(executed.signatures):
        bad = SignatureLine(
            good.name, good.key_id, bytes([good.signature[0] ^ 1]) + good.signature[1:]
        )
        lines = [*executed.signatures]
        lines[position] = bad
        with refused("note_signature_invalid"):
            verify_note(Note(executed.text, tuple(lines)), verifiers)


def test_another_text_is_not_what_was_signed(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    with refused("note_signature_invalid"):
        verify_note(Note(TEXT + b"more\n", executed.signatures), verifiers)


def test_lines_of_unknown_keys_are_ignored_but_do_not_count(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    stranger = SignatureLine("elsewhere", b"\0\0\0\0", b"x")
    same_name = SignatureLine(NAME, b"\0\0\0\0", b"x")
    same_id = SignatureLine("elsewhere", verifiers[0].key_id, b"x")
    others = (stranger, same_name, same_id)
    assert verify_note(Note(TEXT, (*others, *executed.signatures)), verifiers) == verifiers
    with refused("note_unsigned"):
        verify_note(Note(TEXT, others), verifiers)


def test_two_keys_of_one_name_and_id_are_not_told_apart(
    executed: Note, verifiers: tuple[NoteVerifier, ...]
) -> None:
    with refused("note_keys_ambiguous"):
        verify_note(executed, [verifiers[0], *verifiers])


def test_a_cosigning_key_does_not_sign_texts(ed25519: Ed25519Signer) -> None:
    for kind in (COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44):
        with refused("note_malformed"):
            sign_note(TEXT, [note_signer(NAME, kind, ed25519)])


class KeyThatMustNotSign:
    public = b"\x05" * 32

    def sign(self, message: bytes) -> bytes:
        raise AssertionError("the key was used")


@pytest.mark.parametrize(
    "text",
    [b"no newline", b"", b"tab\t\n", b"\xff\n", b"cosignature/v1\ntime 1\nx\n0\nx\n"],
)
def test_no_key_signs_a_text_that_is_not_one(text: bytes) -> None:
    with refused("note_malformed"):
        sign_note(text, [note_signer(NAME, ED25519, KeyThatMustNotSign())])


def test_a_note_without_a_signature_is_none() -> None:
    with refused("note_malformed"):
        sign_note(TEXT, [])


def test_no_key_signs_a_text_above_the_limit() -> None:
    with refused("note_too_large"):
        sign_note(b"x" * MAX_NOTE_BYTES + b"\n", [note_signer(NAME, ED25519, KeyThatMustNotSign())])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2003b", "a\nb", "x" * 256])
def test_a_key_name_that_a_line_cannot_hold_is_not_written(name: str) -> None:
    with refused("note_malformed"):
        format_note(Note(TEXT, (SignatureLine(name, b"1234", b"5"),)))


def test_a_key_id_of_another_length_is_not_written() -> None:
    for bad in (b"123", b"12345"):
        with refused("note_malformed"):
            format_note(Note(TEXT, (SignatureLine("a", bad, b"5678"),)))


# --- parsing ---


def test_the_last_empty_line_separates() -> None:
    note = parse_note(b"text\n\n\n" + line())
    assert note.text == b"text\n\n"
    assert note.signatures == (SignatureLine("a", b"1234", b"5"),)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text",
        b"text\n",
        b"text\n\n",
        b"text\n" + line(),
        b"\n" + line(),
        b"x" + line(),
        b"text\n\n" + line()[:-1],
        b"text\n\n" + line()[:-1] + b"x",
        b"text\n\n" + b"xxxx" + b"a MTIzNDU=\n",
        b"text\n\n" + line() + b"x\n",
        b"text\n\n" + line() + b"\n",
        b"text\n\n" + line() + b"\n\n",
        b"text\r\n\n" + line(),
        b"te\0xt\n\n" + line(),
        b"te\x1fxt\n\n" + line(),
        b"te\xc3xt\n\n" + line(),
        b"te\xed\xa0\x80xt\n\n" + line(),
        b"cosignature/v1\ntext\n\n" + line(),
        b"text\n\n- a MTIzNDU=\n",
        "text\n\n—a MTIzNDU=\n".encode(),
        "text\n\n—  MTIzNDU=\n".encode(),
        "text\n\n— a\n".encode(),
        "text\n\n— a \n".encode(),
        "text\n\n— a  MTIzNDU=\n".encode(),
        "text\n\n— a b MTIzNDU=\n".encode(),
        "text\n\n— a+b MTIzNDU=\n".encode(),
        "text\n\n— a\u3000b MTIzNDU=\n".encode(),
        "text\n\n— a MTIzNDU= \n".encode(),
        "text\n\n— a MTIzNDU\n".encode(),
        "text\n\n— a MTIzNDU==\n".encode(),
        "text\n\n— a MTIzNDV=\n".encode(),
        "text\n\n— a MTI_NDU=\n".encode(),
        "text\n\n— a MTIzNA==\n".encode(),
        b"text\n\n" + line("x" * 256),
        b"text\n\n" + line() + line(),
        b"text\n\n" + line() + line(raw=b"12346"),
    ],
)
def test_text_in_any_other_form_is_refused(data: bytes) -> None:
    with refused("note_malformed"):
        parse_note(data)


def test_names_and_signatures_at_their_limits_are_taken() -> None:
    lines = b"".join(line(raw=b"%04d5" % number) for number in range(MAX_NOTE_SIGNATURES))
    assert len(parse_note(b"text\n\n" + lines).signatures) == MAX_NOTE_SIGNATURES
    with refused("note_too_large"):
        parse_note(b"text\n\n" + lines + line())
    assert parse_note(b"text\n\n" + line("x" * 255)).signatures[0].name == "x" * 255


def test_size_is_limited() -> None:
    rest = b"\n\n" + line()
    assert parse_note(b"x" * (MAX_NOTE_BYTES - len(rest)) + rest)
    with refused("note_too_large"):
        parse_note(b"x" * (MAX_NOTE_BYTES - len(rest) + 1) + rest)
