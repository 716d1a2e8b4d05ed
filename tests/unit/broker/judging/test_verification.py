"""Steps 0 to 3: each refusal, and what does not matter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from broker.envelope.layout import MAX_VALUE_BYTES
from broker.envelope.primitives import Ed25519Signer, Ed25519Verifier, lp
from broker.errors import ProofError, RefusedError
from broker.judging import verification
from broker.judging.reader_context import StreamKey
from broker.judging.trials import Trials
from broker.judging.verification import (
    CLOCK_SKEW_MS,
    MAX_SIGNED_REMEMBERED,
    VerifiedRecord,
    verify_record,
)
from broker.record import LEAF_CONTENT_TYPE, Record
from broker.sending.streams import append, open_generation
from broker.tlog.checkpoint import Checkpoint, Origin
from broker.tlog.cosignature import SignedCheckpoint, signed_checkpoint
from broker.tlog.generation_links import parse_link
from broker.tlog.merkle import EMPTY_ROOT, Frontier, VerifiedPath, append_batch, leaf_hash
from broker.tlog.note import COSIGNATURE_ED25519, NoteVerifier, note_signer, note_verifier
from broker.tlog.proof import format_proof, parse_proof
from tests.support.stream_world import DEPLOYMENT, SIGNER, STREAM, TOPIC, SenderLog, record

VERIFIER = note_verifier(SIGNER.name, COSIGNATURE_ED25519, Ed25519Verifier(SIGNER.key.public))


@dataclass
class PublicContext:
    """As much of a view as steps 0 to 3 ask for."""

    deployment: str = DEPLOYMENT
    verifier: NoteVerifier = VERIFIER
    revoked_since: int | None = None
    manifest_expired: bool = False
    given: set[tuple[str, int, bytes]] = field(default_factory=set)
    trials: Trials = field(default_factory=Trials)
    checkpoints: dict[bytes, SignedCheckpoint] = field(default_factory=dict)
    signed: set[bytes] = field(default_factory=set)
    paths: dict[str, VerifiedPath] = field(default_factory=dict)
    asked: list[tuple[str, bytes, int]] = field(default_factory=list)

    def stream_key(self, agency: str, key_id: bytes, log_time: int) -> StreamKey:
        self.asked.append((agency, key_id, log_time))
        return StreamKey(bytes(32), self.verifier, self.revoked_since, self.manifest_expired)

    def receipts(self, origin: str, index: int, before: int) -> list[tuple[int, bytes]]:
        return sorted(one[1:] for one in self.given if one[0] == origin and one[1] > index)


@pytest.fixture
def context() -> PublicContext:
    return PublicContext()


@pytest.fixture
def records(sender: SenderLog) -> list[Record]:
    return [one for _, one in sender.send_records(3)]


NOW = 1_750_000_010_000


def verify(one: Record, context: PublicContext, now: int = NOW) -> VerifiedRecord:
    return verify_record(one, context, context, now)  # type: ignore[arg-type]  # the public half of both


def refused(one: Record, context: PublicContext, step: int, code: str, now: int = NOW) -> None:
    with pytest.raises(RefusedError) as caught:
        verify(one, context, now)
    assert (caught.value.step, caught.value.code) == (step, code)


def with_header(one: Record, name: bytes, *values: bytes | None) -> Record:
    kept = tuple(header for header in one.headers if header[0] != name)
    return replace(one, headers=(*kept, *((name, value) for value in values)))


def with_proof(one: Record, proof: bytes) -> Record:
    return with_header(one, b"proof", proof)


def proof_of(one: Record) -> bytes:
    return next(value for name, value in one.headers if name == b"proof" and value)


# --- what passes ---------------------------------------------------------------------------------


def test_honest_records_verify(
    sender: SenderLog, records: list[Record], context: PublicContext
) -> None:
    for at, one in enumerate(records):
        verified = verify(one, context)
        assert verified.position == sender.sent[sender.newest.name][at]
        assert verified.origin.agency == STREAM.agency
        assert verified.log_time == verified.position.log_time * 1000


def test_one_signature_serves_a_batch(records: list[Record], context: PublicContext) -> None:
    for one in records:
        verify(one, context)
    assert len(context.asked) == 1
    agency, key_id, log_time = context.asked[0]
    assert (agency, key_id) == (STREAM.agency, SIGNER.key_id)
    assert log_time == parse_proof(proof_of(records[0])).line.timestamp * 1000


def test_the_memory_of_signatures_is_bounded(records: list[Record], context: PublicContext) -> None:
    context.signed = {b"%d" % at for at in range(MAX_SIGNED_REMEMBERED)}
    verify(records[0], context)
    assert len(context.signed) == 1


def test_the_memory_of_paths_is_bounded(
    records: list[Record], context: PublicContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "MAX_PATHS_REMEMBERED", 2)
    for one in records:
        verify(one, context)
    verify(crafted(GENERATION, None, index=1), context)
    assert len(context.paths) == 2
    verify(crafted(GENERATION[:-1] + "1", None, index=1), context)
    assert len(context.paths) == 1


def test_a_leaf_record_verifies_as_what_it_stands_for(
    sender: SenderLog, records: list[Record], context: PublicContext
) -> None:
    one = records[1]
    leaf = record(leaf_hash(one.value), proof_of(one), LEAF_CONTENT_TYPE)
    verified = verify(leaf, context)
    assert verified.position == replace(sender.sent[sender.newest.name][1], leaf_only=True)


def test_other_headers_do_not_matter(records: list[Record], context: PublicContext) -> None:
    one = records[0]
    more = replace(one, headers=((b"Proof", b"x"), *one.headers, (b"trace", None)))
    assert verify(more, context).position.index == 0


# --- step 0 --------------------------------------------------------------------------------------


def test_a_record_has_a_value_of_at_most_256_kib(
    records: list[Record], context: PublicContext
) -> None:
    refused(replace(records[0], value=None), context, 0, "value_missing")
    large = replace(records[0], value=bytes(MAX_VALUE_BYTES + 1))
    refused(large, context, 0, "value_too_large")
    refused(replace(large, value=bytes(MAX_VALUE_BYTES)), context, 3, "not_included")


@pytest.mark.parametrize("name", [b"content-type", b"proof"])
@pytest.mark.parametrize("times", [0, 2])
def test_each_header_is_there_exactly_once(
    records: list[Record], context: PublicContext, name: bytes, times: int
) -> None:
    value = dict(records[0].headers)[name]
    refused(with_header(records[0], name, *[value] * times), context, 0, "headers_wrong")


@pytest.mark.parametrize("name", [b"content-type", b"proof"])
def test_a_header_has_a_value(records: list[Record], context: PublicContext, name: bytes) -> None:
    refused(with_header(records[0], name, None), context, 0, "headers_wrong")


def test_a_proof_has_at_most_4_kib(records: list[Record], context: PublicContext) -> None:
    refused(with_proof(records[0], bytes(4097)), context, 0, "proof_too_large")
    refused(with_proof(records[0], bytes(4096)), context, 1, "proof_malformed")


def test_the_content_type_is_one_of_two(records: list[Record], context: PublicContext) -> None:
    other = with_header(records[0], b"content-type", b"application/json")
    refused(other, context, 0, "content_type_unknown")


def test_a_leaf_record_holds_a_hash(records: list[Record], context: PublicContext) -> None:
    for length in (31, 33):
        leaf = record(bytes(length), proof_of(records[0]), LEAF_CONTENT_TYPE)
        refused(leaf, context, 0, "value_malformed")


# --- step 1 --------------------------------------------------------------------------------------


def test_a_proof_has_one_form(records: list[Record], context: PublicContext) -> None:
    proof = proof_of(records[0])
    for other in (
        b"",
        proof + b"\n",
        proof[:-1],
        b" " + proof,
        proof.replace(b"index 0", b"index 00"),
    ):
        refused(with_proof(records[0], other), context, 1, "proof_malformed")


def test_an_origin_has_one_form(context: PublicContext) -> None:
    text = signed_checkpoint(SIGNER, 1_750_000_000, Checkpoint("somewhere", 1, bytes(32)))
    refused(record(b"x", format_proof(0, [], text)), context, 1, "proof_malformed")


def test_the_origin_is_where_the_record_came_from(
    records: list[Record], context: PublicContext
) -> None:
    refused(replace(records[0], topic=TOPIC + "x"), context, 1, "origin_wrong")
    refused(replace(records[0], partition=4), context, 1, "origin_wrong")
    context.deployment = "elsewhere"
    refused(records[0], context, 1, "origin_wrong")


def crafted(generation: str, extra: bytes | None, *, index: int = 0) -> Record:
    """One record of a log that a dishonest holder of the stream key signed."""
    value = b"crafted"
    leaves = [bytes(32)] * index + [leaf_hash(value)]
    row = open_generation(STREAM, None, None, 0)
    row = replace(row, name=generation, extra=extra or b"")
    if index == 0 and extra is not None:
        _, (one,) = append(STREAM, row, [value], SIGNER, NOW)
        return record(value, one.proof)
    assert index <= 1
    origin = Origin(DEPLOYMENT, STREAM.agency, TOPIC, STREAM.partition, generation).format()
    _, root, paths = append_batch(Frontier(), leaves)
    text = signed_checkpoint(SIGNER, NOW // 1000, Checkpoint(origin, len(leaves), root))
    return record(value, format_proof(index, paths[index], text, extra))


FIRST = lp(b"", bytes(8), EMPTY_ROOT, bytes(16))
GENERATION = f"{NOW:016x}-" + "0" * 32


def test_index_0_names_a_predecessor(context: PublicContext) -> None:
    refused(crafted(GENERATION, None), context, 1, "link_malformed")


@pytest.mark.parametrize(
    "extra",
    [
        b"\x00",
        b"\x00" * 8,
        lp(b"", bytes(8), EMPTY_ROOT),
        lp(b"", bytes(8), EMPTY_ROOT, bytes(16), b""),
        lp(b"", bytes(7), EMPTY_ROOT, bytes(16)),
        lp(b"", bytes(8), EMPTY_ROOT[1:], bytes(16)),
        lp(b"", bytes(8), EMPTY_ROOT, bytes(15)),
        lp(GENERATION.encode(), (1).to_bytes(8, "big"), bytes(31), bytes(16)),
        lp(b"", bytes(8), bytes(32), bytes(16)),
        lp(b"", (1).to_bytes(8, "big"), EMPTY_ROOT, bytes(16)),
        lp(GENERATION.encode(), bytes(8), EMPTY_ROOT, bytes(16)),
        lp(GENERATION.encode(), (2**63).to_bytes(8, "big"), bytes(32), bytes(16)),
        lp(b"first", (1).to_bytes(8, "big"), bytes(32), bytes(16)),
        lp(GENERATION.upper().encode() + b"A", (1).to_bytes(8, "big"), bytes(32), bytes(16)),
        lp("Ā".encode(), (1).to_bytes(8, "big"), bytes(32), bytes(16)),
        lp(b"", bytes(8), EMPTY_ROOT, bytes(16)) + b"\x00",
        lp(b"", bytes(8), EMPTY_ROOT, bytes(16))[:-1],
        (2**60).to_bytes(8, "big") + b"\x00" * 80,
    ],
)
def test_a_link_has_one_form(context: PublicContext, extra: bytes) -> None:
    with pytest.raises(ProofError) as caught:
        parse_link(extra)
    assert caught.value.code == "link_malformed"
    refused(crafted(GENERATION, extra), context, 1, "link_malformed")


def test_a_link_in_its_form_is_read() -> None:
    link = parse_link(lp(GENERATION.encode(), (7).to_bytes(8, "big"), bytes(32), b"s" * 16))
    assert (link.name, link.size, link.root, link.salt) == (GENERATION, 7, bytes(32), b"s" * 16)


def test_a_generation_is_greater_than_the_one_it_names(context: PublicContext) -> None:
    for name in (GENERATION, f"{NOW + 1:016x}-" + "0" * 32):
        extra = lp(name.encode(), (1).to_bytes(8, "big"), bytes(32), bytes(16))
        refused(crafted(GENERATION, extra), context, 1, "generation_order")


def test_a_generation_is_named_by_what_it_names(
    records: list[Record], context: PublicContext, sender: SenderLog
) -> None:
    refused(crafted(GENERATION, FIRST), context, 1, "generation_name")
    other = lp(b"", bytes(8), EMPTY_ROOT, b"another salt 16b")
    honest = parse_proof(proof_of(records[0]))
    swapped = format_proof(0, honest.path, honest.checkpoint_text, other)
    refused(with_proof(records[0], swapped), context, 1, "generation_name")


@pytest.mark.parametrize(
    "name", ["one", "0x00000000000001-" + "0" * 32, "0" * 49, "z" * 16 + "-" + "0" * 32]
)
@pytest.mark.parametrize("index", [0, 1])
def test_a_generation_name_has_one_form_at_every_index(
    context: PublicContext, name: str, index: int
) -> None:
    one = crafted(name, None if index else FIRST, index=index)
    refused(one, context, 1, "generation_name")
    if index:
        assert verify(crafted(GENERATION, None, index=1), context).position.index == 1


def test_only_index_0_has_extra_data(records: list[Record], context: PublicContext) -> None:
    proof = proof_of(records[1])
    extra = next(line for line in proof_of(records[0]).split(b"\n") if line.startswith(b"extra "))
    moved = proof.replace(b"index 1", extra + b"\nindex 1")
    refused(with_proof(records[1], moved), context, 1, "proof_malformed")


# --- step 2 --------------------------------------------------------------------------------------


def test_another_keys_line_is_unknown(records: list[Record], context: PublicContext) -> None:
    key = Ed25519Signer(bytes([1]) * 32)
    context.verifier = note_verifier(SIGNER.name, COSIGNATURE_ED25519, Ed25519Verifier(key.public))
    refused(records[0], context, 2, "key_unknown")
    assert not context.signed


def test_a_signature_that_does_not_verify_is_refused(
    records: list[Record], context: PublicContext
) -> None:
    key = Ed25519Signer(bytes([1]) * 32)
    forged = note_signer(SIGNER.name, COSIGNATURE_ED25519, key)
    context.verifier = replace(VERIFIER, key_id=forged.key_id)
    proof = parse_proof(proof_of(records[0]))
    text = signed_checkpoint(forged, proof.line.timestamp, proof.checkpoint)
    again = format_proof(0, proof.path, text, proof.extra)
    refused(with_proof(records[0], again), context, 2, "signature_wrong")


def test_a_name_that_is_not_the_origins_is_refused(
    records: list[Record], context: PublicContext
) -> None:
    other = note_signer(f"{DEPLOYMENT}/haven-support", COSIGNATURE_ED25519, SIGNER.key)
    proof = parse_proof(proof_of(records[0]))
    text = signed_checkpoint(other, proof.line.timestamp, proof.checkpoint)
    refused(
        with_proof(records[0], format_proof(0, proof.path, text, proof.extra)),
        context,
        2,
        "key_unknown",
    )


def test_a_log_time_more_than_5_minutes_ahead_is_early(
    records: list[Record], context: PublicContext
) -> None:
    log_time = parse_proof(proof_of(records[0])).line.timestamp * 1000
    refused(records[0], context, 2, "early", now=log_time - CLOCK_SKEW_MS - 1)
    assert verify(records[0], context, now=log_time - CLOCK_SKEW_MS).log_time == log_time


def test_a_signature_that_was_remembered_is_still_judged_by_the_clock(
    records: list[Record], context: PublicContext
) -> None:
    verify(records[0], context)
    refused(records[1], context, 2, "early", now=0)


def test_an_expired_manifest_is_waited_for_only_where_its_key_signed(
    records: list[Record], context: PublicContext
) -> None:
    """Or anyone who can write to the topic could hold a sender's stream."""
    context.manifest_expired = True
    refused(records[0], context, 2, "manifest_expired")
    key = Ed25519Signer(bytes([1]) * 32)
    context.verifier = replace(VERIFIER, key=Ed25519Verifier(key.public))
    refused(records[0], context, 2, "signature_wrong")
    assert not context.signed


def test_a_record_of_a_revoked_key_is_believed_only_with_a_receipt(
    records: list[Record], context: PublicContext
) -> None:
    context.revoked_since = NOW
    refused(records[0], context, 2, "key_revoked")
    checkpoint = parse_proof(proof_of(records[0])).checkpoint
    context.given.add((checkpoint.origin, checkpoint.size, checkpoint.root))
    assert verify(records[0], context).position.index == 0


# --- step 3 --------------------------------------------------------------------------------------


def test_another_value_is_not_included(records: list[Record], context: PublicContext) -> None:
    for one in (records[0], records[2]):
        refused(replace(one, value=one.value + b"x"), context, 3, "not_included")
    verify(records[0], context)
    refused(replace(records[1], value=records[2].value), context, 3, "not_included")


def test_another_index_or_path_is_not_included(
    records: list[Record], context: PublicContext
) -> None:
    refused(with_proof(records[1], proof_of(records[2])), context, 3, "not_included")
    proof = parse_proof(proof_of(records[1]))
    for path in (proof.path[:-1], (*proof.path, bytes(32)), (bytes(32), *proof.path[1:])):
        changed = format_proof(1, path, proof.checkpoint_text)
        refused(with_proof(records[1], changed), context, 3, "not_included")
