"""A sender that seals against the rules: other keys, other commitments, other padding."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker.envelope import framing
from broker.envelope.layout import RecipientEntry, SealedEvent, SealedGroup
from broker.envelope.opening import OpeningError
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, one_step_kdf
from broker.envelope.sealing import WrappedSession
from tests.support.envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    EVENT,
    NOW,
    PREFIX,
    SOURCE,
    Recipient,
    refused,
)


def dishonest(
    plaintexts: Sequence[bytes], lists: Sequence[tuple[Recipient, Sequence[bytes]]]
) -> SealedEvent:
    """Groups sealed with the secrets 1, 2, ..., and for each recipient any secrets at all."""
    context = framing.event_context(PREFIX, str(EVENT))
    groups = []
    for index, plaintext in enumerate(plaintexts):
        derived = one_step_kdf(secret(index), framing.group_info(context, index))
        aad = framing.group_aad(context, index)
        ciphertext = AeadKey(derived[:32]).seal(bytes(12), plaintext, aad)
        groups.append(SealedGroup(derived[32:], ciphertext))
    return with_key_lists(groups, lists)


def secret(index: int) -> bytes:
    return bytes([index + 1]) * 32


def with_key_lists(
    groups: Sequence[SealedGroup], lists: Sequence[tuple[Recipient, Sequence[bytes]]]
) -> SealedEvent:
    context = framing.event_context(PREFIX, str(EVENT))
    groups_hash = framing.groups_hash(context, [group.commitment for group in groups])
    entries = []
    for recipient, secrets in lists:
        session = WrappedSession(DEPLOYMENT, CONTRACT, SOURCE, recipient.key, NOW)
        aad = framing.key_list_aad(context, groups_hash, session.tail)
        sealed_keys = session.aead.seal(bytes(12), b"".join(secrets), aad)
        entries.append(RecipientEntry(session.wrap, bytes(12) + sealed_keys))
    return SealedEvent(EVENT.bytes, NOW, CONTRACT, tuple(groups), tuple(entries))


def test_the_dishonest_sender_can_be_honest(camden: Recipient) -> None:
    event = dishonest([pad(b"{}"), pad(b"[]")], [(camden, [secret(0), secret(1)])])
    assert camden.open(event) == [b"{}", b"[]"]


def test_a_key_of_another_group_does_not_match_the_commitment(camden: Recipient) -> None:
    event = dishonest([pad(b"{}"), pad(b"[]")], [(camden, [secret(1), secret(0)])])
    with pytest.raises(OpeningError):
        camden.open(event)
    refused(camden, event, 8, "commitment_wrong")


def test_a_key_that_is_no_groups_does_not_match_the_commitment(camden: Recipient) -> None:
    event = dishonest([pad(b"{}")], [(camden, [bytes(31) + b"\x01"])])
    refused(camden, event, 8, "commitment_wrong")


def test_32_zero_bytes_are_no_key(camden: Recipient) -> None:
    event = dishonest([pad(b"{}"), pad(b"[]")], [(camden, [bytes(32), secret(1)])])
    assert camden.open(event) == [None, b"[]"]


@pytest.mark.parametrize(
    "plaintext",
    [
        pad(b"{}")[:-1],
        pad(b"{}") + bytes(16),
        pad(b"{}")[:-1] + b"\x01",
        b"\xff" * 256,
        bytes(0),
        bytes(3),
    ],
)
def test_padding_is_checked(camden: Recipient, plaintext: bytes) -> None:
    event = dishonest([plaintext], [(camden, [secret(0)])])
    refused(camden, event, 9, "padding_wrong")
    with pytest.raises(OpeningError, match=r"^the padding is not (minimal|zero)$"):
        camden.open(event)
