"""Steps 0 and 1: sizes, headers and the one form of a proof. Nobody's record costs more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope.layout import MAX_VALUE_BYTES
from broker.envelope.primitives import lp, random_bytes
from broker.record import (
    CONTENT_TYPE_HEADER,
    LEAF_CONTENT_TYPE,
    PROOF_HEADER,
    SEALED_CONTENT_TYPE,
    Record,
)
from broker.tlog.checkpoint import Origin
from broker.tlog.generation_links import GenerationLink, parse_link
from broker.tlog.merkle import EMPTY_ROOT, MAX_LOG_SIZE
from broker.tlog.proof import MAX_PROOF_BYTES
from tests.support.forged_events import draft_event
from tests.support.founded_partnership import NOW, FoundedPartnership
from tests.support.judging_agency import Reader
from tests.support.record_parts import FIRST_LINK, as_leaf, link_bytes, proof_of, with_proof
from tests.support.sent_records import Log, generation, record, signed_record

PREDECESSOR = GenerationLink(generation(opened=NOW - 1000), 1, bytes(range(32)), bytes(16))


@pytest.fixture
def honest(log: Log) -> Record:
    return log.send_one(draft_event().value())


# --- step 0 --------------------------------------------------------------------------------------


def test_a_record_without_a_value_is_refused(council: Reader, honest: Record) -> None:
    assert council.refusal(replace(honest, value=None)) == (0, "value_missing")


def test_a_value_of_exactly_the_limit_is_not_too_large(council: Reader, honest: Record) -> None:
    largest = replace(honest, value=bytes(MAX_VALUE_BYTES))
    assert council.refusal(largest) == (3, "not_included")


def test_a_value_above_the_limit_is_refused(council: Reader, honest: Record) -> None:
    oversized = replace(honest, value=bytes(MAX_VALUE_BYTES + 1))
    assert council.refusal(oversized) == (0, "value_too_large")


@pytest.mark.parametrize("name", [CONTENT_TYPE_HEADER, PROOF_HEADER])
def test_a_header_that_is_missing_is_refused(council: Reader, honest: Record, name: bytes) -> None:
    bare = replace(honest, headers=tuple(h for h in honest.headers if h[0] != name))
    assert council.refusal(bare) == (0, "headers_wrong")


@pytest.mark.parametrize("name", [CONTENT_TYPE_HEADER, PROOF_HEADER])
def test_a_header_that_is_there_twice_is_refused(
    council: Reader, honest: Record, name: bytes
) -> None:
    again = tuple(h for h in honest.headers if h[0] == name)
    assert council.refusal(replace(honest, headers=honest.headers + again)) == (0, "headers_wrong")


def test_a_content_type_without_a_value_is_refused(council: Reader, honest: Record) -> None:
    null = record(honest.value, proof_of(honest), content_type=None)
    assert council.refusal(null) == (0, "headers_wrong")


def test_a_proof_without_a_value_is_refused(council: Reader, honest: Record) -> None:
    assert council.refusal(record(honest.value, None)) == (0, "headers_wrong")


def test_other_headers_are_ignored_and_names_are_compared_as_bytes(
    council: Reader, honest: Record
) -> None:
    more = ((b"Proof", b"x"), (b"\xff\xfe", None), (b"proof ", b"y"), (b"traceparent", b"z"))
    assert council.take(replace(honest, headers=(*more, *honest.headers))).outcome == "opened"


def test_a_proof_of_exactly_the_limit_is_parsed(council: Reader, honest: Record) -> None:
    longest = with_proof(honest, b"x" * MAX_PROOF_BYTES)
    assert council.refusal(longest) == (1, "proof_malformed")


def test_a_proof_above_the_limit_is_refused(council: Reader, honest: Record) -> None:
    too_long = with_proof(honest, b"x" * (MAX_PROOF_BYTES + 1))
    assert council.refusal(too_long) == (0, "proof_too_large")


def test_a_content_type_that_is_not_ours_is_refused(council: Reader, honest: Record) -> None:
    foreign = record(honest.value, proof_of(honest), content_type=b"application/json")
    assert council.refusal(foreign) == (0, "content_type_unknown")


@pytest.mark.parametrize("length", [31, 33])
def test_a_leaf_record_of_another_length_is_refused(
    council: Reader, honest: Record, length: int
) -> None:
    odd = record(bytes(length), proof_of(honest), content_type=LEAF_CONTENT_TYPE)
    assert council.refusal(odd) == (0, "value_malformed")


# --- step 1 --------------------------------------------------------------------------------------


def test_a_proof_that_is_not_one_is_refused(council: Reader, honest: Record) -> None:
    assert council.refusal(with_proof(honest, b"index 0\n")) == (1, "proof_malformed")


def test_a_proof_with_a_byte_more_is_refused(council: Reader, honest: Record) -> None:
    longer = with_proof(honest, proof_of(honest) + b"\n")
    assert council.refusal(longer) == (1, "proof_malformed")


def test_extra_data_after_index_0_are_refused(council: Reader, log: Log) -> None:
    _, second = log.send(draft_event().value(), draft_event().value())
    extra = b"extra eA==\nindex 1\n"
    spliced = with_proof(second, proof_of(second).replace(b"index 1\n", extra))
    assert council.refusal(spliced) == (1, "proof_malformed")


def test_an_origin_of_another_form_is_refused(council: Reader) -> None:
    assert council.refusal(signed_record(b"x", origin="somewhere/else")) == (1, "proof_malformed")


def test_a_record_of_another_deployment_is_refused(
    council: Reader, world: FoundedPartnership
) -> None:
    origin = Origin("pan-leeds", "csu-camden", world.topic(), 0, generation()).format()
    assert council.refusal(signed_record(b"x", origin=origin)) == (1, "origin_wrong")


def test_a_record_replayed_to_another_topic_is_refused(
    council: Reader, honest: Record, world: FoundedPartnership
) -> None:
    assert council.refusal(replace(honest, topic=world.topic("b"))) == (1, "origin_wrong")


def test_a_record_replayed_to_another_partition_is_refused(council: Reader, honest: Record) -> None:
    assert council.refusal(replace(honest, partition=1)) == (1, "origin_wrong")


@pytest.mark.parametrize(
    "name",
    [
        generation()[:-1],
        generation() + "0",
        generation().upper(),
        generation().replace("-", "0"),
        "x" + generation()[1:],
    ],
)
def test_a_generation_whose_name_has_another_form_is_refused(
    council: Reader, world: FoundedPartnership, name: str
) -> None:
    origin = f"{world.deployment}/csu-camden/{world.topic()}/0/{name}"
    code = "proof_malformed" if name != name.lower() else "generation_name"
    assert council.refusal(signed_record(b"x", origin=origin)) == (1, code)
    later = signed_record(b"x", origin=origin, before=[b"w"])  # index 1 names no predecessor
    assert council.refusal(later) == (1, code)


def test_a_generation_that_is_not_named_after_its_predecessor_is_refused(
    council: Reader, world: FoundedPartnership
) -> None:
    name = generation(replace(FIRST_LINK, salt=random_bytes(16)))
    origin = Origin(world.deployment, "csu-camden", world.topic(), 0, name).format()
    assert council.refusal(signed_record(b"x", origin=origin)) == (1, "generation_name")


@pytest.mark.parametrize("opened", [NOW - 1000, NOW - 2000])
def test_a_generation_that_is_not_later_than_its_predecessor_is_refused(
    council: Reader, world: FoundedPartnership, opened: int
) -> None:
    link = replace(PREDECESSOR, name=f"{NOW - 1000:016x}-" + "f" * 32)
    name = generation(link, opened=opened)
    origin = Origin(world.deployment, "csu-camden", world.topic(), 0, name).format()
    same = signed_record(b"x", origin=origin, link=link)
    assert council.refusal(same) == (1, "generation_order")


def test_the_first_record_of_a_log_must_name_its_predecessor(council: Reader) -> None:
    assert council.refusal(signed_record(b"x", extra=None)) == (1, "link_malformed")


def _parts(link: GenerationLink = PREDECESSOR) -> list[bytes]:
    return [link.name.encode(), link.size.to_bytes(8, "big"), link.root, link.salt]


@pytest.mark.parametrize(
    ("case", "extra"),
    [
        ("three parts", lp(*_parts()[:3])),
        ("five parts", lp(*_parts(), b"")),
        ("four parts that are said to be five", b"\x00" * 7 + b"\x05" + lp(*_parts())[8:]),
        ("a size of 7 bytes", lp(_parts()[0], bytes(6) + b"\x01", *_parts()[2:])),
        ("a root of 31 bytes", lp(*_parts()[:2], bytes(31), _parts()[3])),
        ("a salt of 15 bytes", lp(*_parts()[:3], bytes(15))),
        ("a byte more", link_bytes(PREDECESSOR) + b"\x00"),
        ("a byte less", link_bytes(PREDECESSOR)[:-1]),
        ("a name that is not ASCII", lp("é".encode(), *_parts()[1:])),
        ("a name that is no generation's", lp(b"the one before", *_parts()[1:])),
        ("a predecessor without records", link_bytes(replace(PREDECESSOR, size=0))),
        ("a size that no log has", link_bytes(replace(PREDECESSOR, size=MAX_LOG_SIZE + 1))),
        ("nobody, but with records", link_bytes(replace(FIRST_LINK, size=1))),
        ("nobody, but with a root", link_bytes(replace(FIRST_LINK, root=bytes(32)))),
        ("nothing at all", b"\x00"),
    ],
)
def test_a_link_of_another_form_is_refused(council: Reader, case: str, extra: bytes) -> None:
    assert council.refusal(signed_record(b"x", extra=extra)) == (1, "link_malformed"), case


@pytest.mark.timeout(20)
def test_a_link_that_claims_countless_parts_is_refused_at_once(council: Reader) -> None:
    endless = (2**62).to_bytes(8, "big")
    assert council.refusal(signed_record(b"x", extra=endless)) == (1, "link_malformed")


def test_the_longest_log_may_be_named() -> None:
    longest = GenerationLink(PREDECESSOR.name, MAX_LOG_SIZE, bytes(32), bytes(16))
    assert parse_link(link_bytes(longest)) == longest
    assert parse_link(link_bytes(FIRST_LINK)).root == EMPTY_ROOT


def test_a_leaf_replay_is_what_its_sender_signed(council: Reader, log: Log) -> None:
    first, second, third = log.send(*(draft_event().value() for _ in range(3)))
    assert council.take(first).outcome == "opened"
    assert council.take(third).outcome == "opened"
    assert council.take(as_leaf(second)).outcome == "leaf"
    assert SEALED_CONTENT_TYPE in dict(second.headers).values()
