from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from broker.envelope.primitives import (
    Ed25519Signer,
    Ed25519Verifier,
    MlDsa44Signer,
    MlDsa44Verifier,
)
from broker.errors import NoteError
from broker.tlog.checkpoint import Checkpoint, format_checkpoint
from broker.tlog.cosignature import (
    MAX_TIMESTAMP,
    CosignatureLine,
    cosign,
    cosignature_message,
    parse_cosignature,
    parse_signed_checkpoint,
    signed_checkpoint,
    verify_cosignature,
)
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    NoteSigner,
    NoteVerifier,
    SignatureLine,
    note_signer,
    note_verifier,
    parse_note,
)

# The example of c2sp.org/tlog-cosignature
C2SP_NOTE = (
    "example.com/behind-the-sofa\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv"
    "2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2"
    "oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
).encode()
NAME = "pan-london/csu-camden"
CHECKPOINT = Checkpoint("pan-london/csu-camden/a/0/g", 5, b"r" * 32)
BODY = format_checkpoint(CHECKPOINT)
SECONDS = 1_700_000_000


def refused(code: str) -> pytest.RaisesExc[NoteError]:
    return pytest.RaisesExc(NoteError, check=lambda error: error.code == code)


@pytest.fixture(scope="module")
def line(cosigner: NoteSigner) -> CosignatureLine:
    return cosign(cosigner, SECONDS, BODY)


def test_the_specifications_example_is_read_with_its_time_and_message() -> None:
    note = parse_note(C2SP_NOTE)
    witness = parse_cosignature(note.signatures[1])
    assert witness.timestamp == 1679315147
    assert witness.line() == note.signatures[1]
    assert cosignature_message(witness.type, witness.name, witness.timestamp, note.text) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_plain_signature_of_64_bytes_is_not_a_cosignature() -> None:
    with refused("cosignature_malformed"):
        parse_cosignature(parse_note(C2SP_NOTE).signatures[0])


def test_a_cosignature_verifies(line: CosignatureLine, cosignature_verifier: NoteVerifier) -> None:
    assert line.timestamp == SECONDS
    assert parse_cosignature(line.line()) == line
    verify_cosignature(line, cosignature_verifier, BODY)


@pytest.mark.parametrize(
    "change",
    [{"timestamp": SECONDS + 1}, {"timestamp": 0}, {"signature": b"\0" * 64}],
    ids=["later", "never", "signature"],
)
def test_time_and_signature_are_bound(
    line: CosignatureLine, cosignature_verifier: NoteVerifier, change: dict[str, int]
) -> None:
    with refused("cosignature_invalid"):
        verify_cosignature(replace(line, **change), cosignature_verifier, BODY)


def test_the_body_is_bound(line: CosignatureLine, cosignature_verifier: NoteVerifier) -> None:
    for other in (
        replace(CHECKPOINT, size=6),
        replace(CHECKPOINT, root=b"s" * 32),
        replace(CHECKPOINT, origin="pan-london/csu-camden/a/1/g"),
    ):
        with refused("cosignature_invalid"):
            verify_cosignature(line, cosignature_verifier, format_checkpoint(other))


def test_a_line_of_another_name_key_or_type_is_unknown(
    line: CosignatureLine, cosignature_verifier: NoteVerifier, stream_key: Ed25519Signer
) -> None:
    plain = note_verifier(NAME, ED25519, Ed25519Verifier(stream_key.public))
    for bad, verifier in (
        (replace(line, name="pan-london/cps-london"), cosignature_verifier),
        (replace(line, key_id=b"\0\0\0\0"), cosignature_verifier),
        (replace(line, signature=b"\0" * 2420), cosignature_verifier),
        (replace(line, key_id=plain.key_id), plain),
    ):
        with refused("cosignature_unknown"):
            verify_cosignature(bad, verifier, BODY)


def test_a_key_of_another_type_does_not_cosign(stream_key: Ed25519Signer) -> None:
    with refused("cosignature_malformed"):
        cosign(note_signer(NAME, ED25519, stream_key), SECONDS, BODY)


class KeyThatMustNotSign:
    public = b"\x05" * 32

    def sign(self, message: bytes) -> bytes:
        raise AssertionError("the key was used")


def test_no_key_cosigns_what_is_not_a_checkpoint_or_a_time() -> None:
    signer = note_signer(NAME, COSIGNATURE_ED25519, KeyThatMustNotSign())
    with refused("checkpoint_malformed"):
        cosign(signer, SECONDS, BODY + b"extension\n")
    for seconds in (-1, MAX_TIMESTAMP + 1):
        with refused("cosignature_malformed"):
            cosign(signer, seconds, BODY)


@pytest.mark.parametrize(
    "signature", [b"", b"\0" * 7, b"\0" * 71, b"\0" * 73, b"\x80" + b"\0" * 71, b"\0" * 2429]
)
def test_a_line_that_is_no_time_and_signature_is_refused(signature: bytes) -> None:
    with refused("cosignature_malformed"):
        parse_cosignature(SignatureLine(NAME, b"1234", signature))


# --- ML-DSA-44 ---


def test_the_post_quantum_message_is_the_specified_structure() -> None:
    message = cosignature_message(COSIGNATURE_ML_DSA_44, "w1", 258, BODY)
    assert message == (
        b"subtree/v1\n\0"
        + b"\x02w1"
        + b"\0\0\0\0\0\0\x01\x02"
        + b"\x1bpan-london/csu-camden/a/0/g"
        + b"\0\0\0\0\0\0\0\0"
        + b"\0\0\0\0\0\0\0\x05"
        + b"r" * 32
    )


def test_a_post_quantum_cosignature_verifies_and_binds_its_time() -> None:
    key = MlDsa44Signer(b"\x03" * 32)
    verifier = note_verifier(NAME, COSIGNATURE_ML_DSA_44, MlDsa44Verifier(key.public))
    line = cosign(note_signer(NAME, COSIGNATURE_ML_DSA_44, key), SECONDS, BODY)
    assert parse_cosignature(line.line()) == line
    assert line.type == COSIGNATURE_ML_DSA_44
    verify_cosignature(line, verifier, BODY)
    with refused("cosignature_invalid"):
        verify_cosignature(replace(line, timestamp=SECONDS + 1), verifier, BODY)


@pytest.mark.parametrize("name", ["", "x" * 256])
def test_a_name_that_one_length_byte_cannot_hold_is_refused(name: str) -> None:
    with refused("cosignature_malformed"):
        cosignature_message(COSIGNATURE_ML_DSA_44, name, 0, BODY)


# --- the signed checkpoint of a proof ---


def test_a_signed_checkpoint_is_read_as_it_was_written(
    cosigner: NoteSigner, line: CosignatureLine
) -> None:
    text = signed_checkpoint(cosigner, SECONDS, CHECKPOINT)
    signed = parse_signed_checkpoint(text)
    assert (signed.checkpoint, signed.line) == (CHECKPOINT, line)
    assert (signed.body, signed.text) == (BODY, text)


def test_a_proofs_checkpoint_has_exactly_one_ed25519_cosignature(cosigner: NoteSigner) -> None:
    text = signed_checkpoint(cosigner, SECONDS, CHECKPOINT)
    second = f"— another {b64encode(b'1234' + bytes(72)).decode()}\n".encode()
    post_quantum = f"— another {b64encode(b'1234' + bytes(2428)).decode()}\n".encode()
    plain = f"— another {b64encode(b'1234' + bytes(64)).decode()}\n".encode()
    for bad in (text + second, BODY + b"\n" + post_quantum, BODY + b"\n" + plain):
        with refused("cosignature_malformed"):
            parse_signed_checkpoint(bad)
