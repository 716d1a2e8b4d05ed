"""Values that a sender derives from its secret: stable, its own, one use each."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

import pytest

from broker.envelope.primitives import lp
from broker.pseudonyms import case_key, event_id, field_digest, minted_id, partition_of_case

SECRET, OTHER = bytes(32), bytes([1]) * 32


def prf(label: bytes, *parts: bytes) -> bytes:
    return hmac.new(SECRET, lp(label, *parts), hashlib.sha256).digest()


def test_an_event_id_is_the_same_for_the_same_source_key() -> None:
    assert event_id(SECRET, b"row 7") == event_id(SECRET, b"row 7")
    assert event_id(SECRET, b"row 7") != event_id(SECRET, b"row 8")
    assert event_id(SECRET, b"row 7") != event_id(OTHER, b"row 7")


@pytest.mark.parametrize("key", [b"", b"row 7", b"\xff" * 100])
def test_an_event_id_is_a_uuid_of_version_8(key: bytes) -> None:
    found = UUID(event_id(SECRET, key))
    assert (found.version, found.variant) == (8, "specified in RFC 4122")
    digest = prf(b"concordant/1/event-id", key)
    mask = ~(0xF << 76 | 0x3 << 62)
    assert found.int & mask == int.from_bytes(digest[:16], "big") & mask


@pytest.mark.parametrize("kind", ["case", "referral"])
def test_a_shared_id_is_the_same_for_the_same_reference_and_of_its_kind(kind: str) -> None:
    text = minted_id(SECRET, kind, "R-7")
    assert text == minted_id(SECRET, kind, "R-7")
    found = UUID(text)
    assert found.version == 8
    digest = prf(b"concordant/1/shared-id", kind.encode(), b"R-7")
    mask = ~(0xF << 76 | 0x3 << 62)
    assert found.int & mask == int.from_bytes(digest[:16], "big") & mask
    others = {minted_id(SECRET, kind, "R-8"), minted_id(OTHER, kind, "R-7")}
    assert text not in others | {minted_id(SECRET, f"{kind}s", "R-7")}


def test_without_a_source_key_an_event_id_is_random() -> None:
    one, two = event_id(SECRET, None), event_id(SECRET, None)
    assert one != two
    assert (UUID(one).version, UUID(one).variant) == (4, "specified in RFC 4122")
    assert str(UUID(one)) == one


@pytest.mark.parametrize("partitions", [1, 6, 12])
def test_a_case_keeps_its_partition(partitions: int) -> None:
    cases = [f"case-{number}" for number in range(60)]
    found = [partition_of_case(SECRET, case, partitions) for case in cases]
    assert found == [partition_of_case(SECRET, case, partitions) for case in cases]
    assert set(found) == set(range(partitions))
    digest = prf(b"concordant/1/partition", b"case-0")
    assert found[0] == int.from_bytes(digest[:8], "big") % partitions


def test_another_sender_places_cases_otherwise() -> None:
    cases = [f"case-{number}" for number in range(60)]
    assert [partition_of_case(SECRET, c, 6) for c in cases] != [
        partition_of_case(OTHER, c, 6) for c in cases
    ]


def test_each_use_of_the_secret_has_its_label() -> None:
    assert case_key(SECRET, "c") == prf(b"concordant/1/case", b"c")
    assert field_digest(SECRET, "a.b", b'"x"') == prf(b"concordant/1/field", b"a.b", b'"x"')[:16]
    assert case_key(SECRET, "c") != case_key(OTHER, "c")
    assert field_digest(SECRET, "a", b"b") != field_digest(SECRET, "ab", b"")
