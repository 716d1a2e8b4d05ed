"""Each prebuilt head equals ``lp`` of its parts, and no two uses can be confused."""

from __future__ import annotations

import hashlib

import pytest

from broker.envelope import framing
from broker.envelope.primitives import lp

CTX, G, KID = (bytes([at]) * 32 for at in (1, 2, 3))
EVENT = "0198b6a1-7c44-8e21-9f00-0123456789ab"


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def be16(number: int) -> bytes:
    return number.to_bytes(2, "big")


@pytest.mark.parametrize("parts", [(), (b"",), (b"a", b"bc"), (b"\x00" * 300, b"", b"x")])
def test_lp_is_a_count_and_each_length_with_its_bytes(parts: tuple[bytes, ...]) -> None:
    expected = len(parts).to_bytes(8, "big")
    for part in parts:
        expected += len(part).to_bytes(8, "big") + part
    assert lp(*parts) == expected


@pytest.mark.parametrize("parts", [2, 5, 18])
def test_a_head_is_all_that_comes_before_the_first_hash(parts: int) -> None:
    """The heads are made on import; this is how."""
    whole = lp(b"a label", CTX, *[b"x"] * (parts - 2))
    assert framing._head(b"a label", parts) == whole[: whole.index(CTX)]


def test_the_tails_are_the_indexes_as_last_parts() -> None:
    assert framing._be16_tails() == tuple(lp(be16(index))[8:] for index in range(16))


@pytest.mark.parametrize(("deployment", "source"), [("pan-london", "csu-camden"), ("d", "é")])
def test_a_context_is_that_of_the_specification(deployment: str, source: str) -> None:
    prefix = framing.context_prefix(deployment, KID, source)
    whole = lp(b"concordant/1/ctx", deployment.encode(), KID, source.encode(), EVENT.encode())
    assert framing.event_context(prefix, EVENT) == h(whole)


@pytest.mark.parametrize("index", range(16))
def test_info_and_aad_of_each_group(index: int) -> None:
    assert framing.group_info(CTX, index) == lp(b"concordant/1/group", CTX, be16(index))
    assert framing.group_aad(CTX, index) == lp(b"concordant/1/aad", CTX, be16(index))


@pytest.mark.parametrize("count", [1, 2, 16])
def test_the_hash_of_all_commitments(count: int) -> None:
    commitments = [bytes([at]) * 32 for at in range(count)]
    expected = h(lp(b"concordant/1/groups", CTX, *commitments))
    assert framing.groups_hash(CTX, commitments) == expected


def test_the_info_of_a_wrap() -> None:
    expected = lp(b"concordant/1/session", b"pan-london", G, b"csu-camden", b"council-camden", KID)
    assert framing.session_info("pan-london", G, "csu-camden", "council-camden", KID) == expected


def test_the_aad_of_a_key_list() -> None:
    wrap = b"w" * 1168
    expected = lp(b"concordant/1/groupkeys", CTX, G, b"council-camden", KID, h(wrap))
    assert (
        framing.key_list_aad(CTX, G, framing.session_tail("council-camden", KID, wrap)) == expected
    )


def test_no_two_uses_share_an_input() -> None:
    labels = {
        framing.group_info(CTX, 0),
        framing.group_info(CTX, 1),
        framing.group_aad(CTX, 0),
        framing.key_list_aad(CTX, G, framing.session_tail("a", KID, b"")),
        framing.key_list_aad(CTX, G, framing.session_tail("b", KID, b"")),
        framing.session_info("a", CTX, "b", "c", KID),
        framing.session_info("ab", CTX, "", "c", KID),
        framing.session_info("", CTX, "ab", "c", KID),
        framing.session_info("", CTX, "abc", "", KID),
        framing.session_info("", CTX, "a", "bc", KID),
    }
    assert len(labels) == 10
