"""Notes, checkpoints and proof headers have one text each: altered is refused or differs."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broker.envelope.primitives import Ed25519Signer
from broker.errors import NoteError, ProofError
from broker.tlog.checkpoint import (
    Checkpoint,
    Origin,
    format_checkpoint,
    parse_checkpoint,
    parse_origin,
)
from broker.tlog.cosignature import parse_signed_checkpoint, signed_checkpoint
from broker.tlog.merkle import EMPTY_ROOT, MAX_LOG_SIZE, leaf_hash
from broker.tlog.note import (
    COSIGNATURE_ED25519,
    Note,
    SignatureLine,
    format_note,
    note_signer,
    parse_note,
)
from broker.tlog.proof import CheckpointMemo, Proof, format_proof, parse_proof

SIGNER = note_signer("pan-london/csu-camden", COSIGNATURE_ED25519, Ed25519Signer(bytes(range(32))))
HEAD = Checkpoint("pan-london/csu-camden/a/0/g", 9, leaf_hash(b"root"))
TEXT = signed_checkpoint(SIGNER, 1_700_000_000, HEAD)
PATH = [leaf_hash(bytes([number])) for number in range(4)]
HEADERS = (
    format_proof(5, PATH, TEXT),
    format_proof(0, PATH, TEXT, b"the predecessor"),
    format_proof(0, [], TEXT),
)

hashes = st.binary(min_size=32, max_size=32)
origins = st.from_regex(r"[!-*,-~]{1,80}", fullmatch=True)
parts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,30}", fullmatch=True)
checkpoints = st.one_of(
    st.builds(Checkpoint, origins, st.integers(1, MAX_LOG_SIZE), hashes),
    st.builds(Checkpoint, origins, st.just(0), st.just(EMPTY_ROOT)),
)
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="+"),
    min_size=1,
    max_size=40,
)
lines = st.builds(
    SignatureLine, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=100)
)
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=200
)


@given(origin=st.builds(Origin, parts, parts, parts, st.integers(0, 2**31 - 1), parts))
def test_an_origin_is_read_as_it_was_written(origin: Origin) -> None:
    assert parse_origin(origin.format()) == origin


@given(checkpoint=checkpoints)
def test_a_checkpoint_is_read_as_it_was_written(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint


@given(
    text=texts,
    signatures=st.lists(
        lines, min_size=1, max_size=5, unique_by=lambda line: (line.name, line.key_id)
    ),
)
def test_a_note_is_read_as_it_was_written(text: str, signatures: list[SignatureLine]) -> None:
    note = Note(text.encode() + b"\n", tuple(signatures))
    assert parse_note(format_note(note)) == note


@given(
    checkpoint=checkpoints,
    index=st.integers(0, MAX_LOG_SIZE),
    path=st.lists(hashes, max_size=63),
    extra=st.none() | st.binary(min_size=1, max_size=300),
    seconds=st.integers(0, MAX_LOG_SIZE),
)
def test_a_proof_is_read_as_it_was_written(
    checkpoint: Checkpoint, index: int, path: list[bytes], extra: bytes | None, seconds: int
) -> None:
    text = signed_checkpoint(SIGNER, seconds, checkpoint)
    index = index if extra is None else 0
    header = format_proof(index, path, text, extra)
    expected = Proof(index, tuple(path), parse_signed_checkpoint(text), extra)
    assert parse_proof(header) == expected
    assert parse_proof(header, {}) == expected


def written_again(proof: Proof) -> bytes:
    """The header anew, its checkpoint's text too from its parts."""
    body = format_checkpoint(proof.checkpoint)
    text = format_note(Note(body, (proof.line.line(),)))
    return format_proof(proof.index, proof.path, text, proof.extra)


def refuse_or_differ(header: bytes, original: bytes, memo: CheckpointMemo) -> None:
    try:
        proof = parse_proof(header, memo)
    except ProofError:
        return
    assert proof == parse_proof(header)
    assert written_again(proof) == header
    assert (proof == parse_proof(original)) == (header == original)


@pytest.mark.parametrize("original", HEADERS, ids=["path", "extra", "lone"])
def test_every_altered_byte_is_refused_or_says_something_else(original: bytes) -> None:
    memo: CheckpointMemo = {}
    assert written_again(parse_proof(original, memo)) == original
    for position in range(len(original)):
        before, after = original[:position], original[position + 1 :]
        byte = original[position]
        for other in {byte ^ 1, byte ^ 0x20, byte ^ 0x80, 0x0A, 0x20, 0x3D, 0x41, 0x30} - {byte}:
            refuse_or_differ(before + bytes([other]) + after, original, memo)
        refuse_or_differ(before + after, original, memo)
        refuse_or_differ(before, original, memo)
        refuse_or_differ(before + bytes([byte, byte]) + after, original, memo)
        refuse_or_differ(before + b"\n" + original[position:], original, memo)


@settings(max_examples=300)
@given(
    original=st.sampled_from(HEADERS),
    start=st.integers(0, 700),
    removed=st.integers(0, 60),
    added=st.binary(max_size=8) | st.sampled_from([b"\n\n", b"=\n", b"\nindex 0", b"extra YQ==\n"]),
)
@example(original=HEADERS[0], start=0, removed=0, added=b"")
def test_a_spliced_header_is_refused_or_says_something_else(
    original: bytes, start: int, removed: int, added: bytes
) -> None:
    refuse_or_differ(original[:start] + added + original[start + removed :], original, {})


@settings(max_examples=200)
@given(data=st.binary(max_size=300) | texts.map(str.encode))
def test_any_bytes_are_read_or_refused_in_our_own_words(data: bytes) -> None:
    with pytest.raises(ProofError):
        parse_proof(data)
    with pytest.raises(ProofError):
        parse_proof(b"c2sp.org/tlog-proof@v1\nindex 0\n" + data)
    for parse in (parse_checkpoint, parse_signed_checkpoint, parse_note):
        try:
            parse(data)
        except NoteError:
            continue


@settings(max_examples=200)
@given(start=st.integers(0, 300), removed=st.integers(0, 20), added=st.binary(max_size=6))
def test_a_spliced_note_is_refused_or_has_its_own_one_form(
    start: int, removed: int, added: bytes
) -> None:
    data = TEXT[:start] + added + TEXT[start + removed :]
    try:
        note = parse_note(data)
    except NoteError:
        return
    assert format_note(note) == data
