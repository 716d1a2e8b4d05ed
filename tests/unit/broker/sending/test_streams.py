"""Streams of a sender: generations, indices, checkpoints and their times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope.primitives import Ed25519Verifier, lp, sha256
from broker.errors import StoreError
from broker.sending.streams import MAX_BATCH_EVENTS, append, open_generation
from broker.tlog.checkpoint import parse_origin
from broker.tlog.cosignature import verify_cosignature
from broker.tlog.generation_links import generation_name, parse_link
from broker.tlog.merkle import EMPTY_ROOT, leaf_hash, verify_inclusion
from broker.tlog.note import COSIGNATURE_ED25519, note_verifier
from broker.tlog.proof import parse_proof
from tests.support.stream_world import AGENCY, DEPLOYMENT, SIGNER, STREAM, T0, SenderLog


def test_the_first_generation_of_a_partition_names_nothing() -> None:
    row = open_generation(STREAM, None, None, T0)
    link = parse_link(row.extra)
    assert (link.name, link.size, link.root, len(link.salt)) == ("", 0, sha256(b""), 16)
    assert (row.predecessor, row.predecessor_size, row.predecessor_root) == ("", 0, EMPTY_ROOT)
    assert (row.size, row.root, row.log_time_s, row.opened_ms) == (0, EMPTY_ROOT, 0, T0)


def test_a_generation_is_named_after_its_time_and_what_it_names() -> None:
    row = open_generation(STREAM, None, None, T0)
    link = parse_link(row.extra)
    digest = sha256(
        lp(
            b"concordant/1/generation",
            f"{DEPLOYMENT}/{AGENCY}/{STREAM.topic}/{STREAM.partition}".encode(),
            b"",
            bytes(8),
            EMPTY_ROOT,
            link.salt,
        )
    )
    assert row.name == f"{T0:016x}-{digest.hex()[:32]}"
    assert row.extra == lp(b"", bytes(8), EMPTY_ROOT, link.salt)


def test_every_part_of_a_link_changes_the_name() -> None:
    link = parse_link(open_generation(STREAM, None, None, T0).extra)
    names = {
        generation_name("s", link, T0),
        generation_name("t", link, T0),
        generation_name("s", link, T0 + 1),
        generation_name("s", replace(link, name="a"), T0),
        generation_name("s", replace(link, size=1), T0),
        generation_name("s", replace(link, root=bytes(32)), T0),
        generation_name("s", replace(link, salt=bytes(16)), T0),
    }
    assert len(names) == 7


def test_two_generations_opened_at_once_have_different_names() -> None:
    one, two = (open_generation(STREAM, None, None, T0) for _ in range(2))
    assert one.name[:16] == two.name[:16]
    assert one.name != two.name


def test_a_generation_names_the_last_one_that_holds_a_record(sender: SenderLog) -> None:
    sender.send(3)
    held = sender.newest
    sender.restart()
    empty = sender.newest
    sender.restart()
    row = sender.newest
    link = parse_link(row.extra)
    assert (link.name, link.size, link.root) == (held.name, 3, held.root)
    assert row.predecessor == held.name
    assert row.name > empty.name > held.name


@pytest.mark.parametrize("back", [0, 1, 10_000])
def test_names_rise_even_if_the_clock_does_not(sender: SenderLog, back: int) -> None:
    sender.send(1)
    first = sender.newest
    row = open_generation(STREAM, first, None, first.opened_ms - back)
    assert row.name[:16] == f"{first.opened_ms + 1:016x}"
    later = open_generation(STREAM, first, row, first.opened_ms - back)
    assert later.name[:16] == f"{first.opened_ms + 2:016x}"


def test_a_generation_inherits_the_last_log_time(sender: SenderLog) -> None:
    sender.send(1)
    row = open_generation(STREAM, sender.newest, None, T0 - 60_000)
    assert row.log_time_s == sender.newest.log_time_s
    grown, _ = append(STREAM, row, [b"x"], SIGNER, T0 - 60_000)
    assert grown.log_time_s == sender.newest.log_time_s


def test_a_trial_stream_says_so() -> None:
    assert open_generation(STREAM, None, None, T0, trial=True).trial
    assert not open_generation(STREAM, None, None, T0).trial


@pytest.mark.parametrize("count", [1, 2, 7])
def test_each_record_of_a_batch_proves_its_place_under_one_signature(
    sender: SenderLog, count: int
) -> None:
    sender.send(3)
    values = [b"%d" % at for at in range(count)]
    grown, appended = append(STREAM, sender.newest, values, SIGNER, sender.now + 1500)
    verifier = note_verifier(SIGNER.name, COSIGNATURE_ED25519, Ed25519Verifier(SIGNER.key.public))
    texts = set()
    for at, (value, one) in enumerate(zip(values, appended, strict=True)):
        proof = parse_proof(one.proof)
        assert one.index == proof.index == 3 + at
        assert one.leaf == leaf_hash(value)
        checkpoint = proof.checkpoint
        verify_inclusion(one.leaf, one.index, checkpoint.size, proof.path, checkpoint.root)
        verify_cosignature(proof.line, verifier, proof.signed.body)
        assert proof.line.timestamp == (sender.now + 1500) // 1000
        assert proof.extra is None
        texts.add(proof.checkpoint_text)
    assert len(texts) == 1
    origin = parse_origin(proof.checkpoint.origin)
    assert (origin.key_name, origin.generation) == (SIGNER.name, grown.name)
    assert (grown.size, grown.root) == (3 + count, proof.checkpoint.root)
    assert grown.log_time_s == proof.line.timestamp


def test_only_index_0_names_the_predecessor(sender: SenderLog) -> None:
    row = open_generation(STREAM, None, None, T0)
    _, appended = append(STREAM, row, [b"a", b"b"], SIGNER, T0)
    assert [parse_proof(one.proof).extra for one in appended] == [row.extra, None]


def test_a_batch_never_ends_before_the_one_it_follows(sender: SenderLog) -> None:
    sender.send(1)
    row, now = sender.newest, sender.now
    grown, _ = append(STREAM, row, [b"x"], SIGNER, now - 300_000)
    assert grown.log_time_s == row.log_time_s
    with pytest.raises(StoreError) as caught:
        append(STREAM, row, [b"x"], SIGNER, now - 301_000)
    assert caught.value.code == "clock_jumped"
    assert STREAM.name in caught.value.diagnostics()


@pytest.mark.parametrize("count", [0, MAX_BATCH_EVENTS + 1])
def test_a_batch_has_1_to_512_events(sender: SenderLog, count: int) -> None:
    row = open_generation(STREAM, None, None, T0)
    with pytest.raises(AssertionError):
        append(STREAM, row, [b"x"] * count, SIGNER, T0)
