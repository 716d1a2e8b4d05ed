"""Sealing: fresh keys, sessions that end, recipients in order, groups for their readers only."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from broker.envelope import sealing
from broker.envelope.framing import event_context, group_aad, group_info
from broker.envelope.layout import LayoutError
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, one_step_kdf
from broker.envelope.sealing import SESSION_MAX_MS, Sealer, sealing_input
from tests.support.envelope_world import CONTRACT, DEPLOYMENT, EVENT, NOW, SOURCE, Recipient, seal

GROUPS = [b'{"data":{},"to":["a"],"type":"t"}', b'{"victim.name":"Example"}', b"{}"]


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(DEPLOYMENT, CONTRACT, SOURCE)


def test_each_reader_opens_its_groups_and_no_other(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    masks = {camden: (True, True, False), haven: (True, False, True), cps: (True, False, False)}
    sealed = seal(GROUPS, list(masks.items()))
    for reader, mask in masks.items():
        expected = [text if may else None for text, may in zip(GROUPS, mask, strict=True)]
        assert reader.open(sealed) == expected


def test_a_value_says_what_every_reader_may_see(camden: Recipient) -> None:
    sealed = seal(GROUPS, [(camden, [True] * 3)])
    assert (sealed.id, sealed.time, sealed.contract) == (EVENT.bytes, NOW, CONTRACT)


def test_nothing_of_a_group_is_in_the_value(camden: Recipient, sealer: Sealer) -> None:
    value = sealer.seal(sealing_input(str(EVENT), NOW, GROUPS, [(camden.key, (True, True, False))]))
    for text in (b"Example", b"victim", b"data", SOURCE.encode(), b"council-camden"):
        assert text not in value
    assert camden.kid not in value


def test_groups_are_padded(camden: Recipient) -> None:
    sealed = seal([b"{}", b"x" * 251, b"x" * 300], [(camden, [True] * 3)])
    assert [len(group.ciphertext) - 16 for group in sealed.groups] == [256, 256, 304]


def test_an_agency_that_is_not_addressed_finds_nothing(camden: Recipient, haven: Recipient) -> None:
    assert haven.find(seal(GROUPS, [(camden, [True] * 3)])) is None


def test_recipients_are_ascending_for_any_order_of_input(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    everyone = [(one, [True]) for one in (camden, haven, cps)]
    for order in (everyone, everyone[::-1]):
        wraps = [entry.wrap for entry in seal([b"{}"], order).recipients]
        assert wraps == sorted(wraps)


# --- keys ----------------------------------------------------------------------------------------


def test_every_sealing_has_keys_of_its_own(camden: Recipient, sealer: Sealer) -> None:
    """The zero nonce is safe only because of this."""
    one, two = (seal(GROUPS, [(camden, [True] * 3)], sealer=sealer) for _ in range(2))
    groups = [*one.groups, *two.groups]
    assert len({group.commitment for group in groups}) == 6
    assert len({group.ciphertext[:32] for group in groups}) == 6
    assert one.recipients[0].key_list[:12] != two.recipients[0].key_list[:12]


def test_a_group_is_sealed_as_specified(camden: Recipient, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = bytes(range(256))

    def predictable(count: int) -> bytes:
        return stream[:count]

    monkeypatch.setattr(sealing, "random_bytes", predictable)
    sealed = seal(GROUPS, [(camden, [True, True, False])])
    context = event_context(
        sealing.framing.context_prefix(DEPLOYMENT, CONTRACT, SOURCE), str(EVENT)
    )
    for index, group in enumerate(sealed.groups):
        secret = stream[32 * index : 32 * index + 32]
        derived = one_step_kdf(secret, group_info(context, index))
        plaintext = AeadKey(derived[:32]).open(
            bytes(12), group.ciphertext, group_aad(context, index)
        )
        assert plaintext == pad(GROUPS[index])
        assert group.commitment == derived[32:]
    key_list = sealed.recipients[0].key_list
    assert key_list[:12] == stream[96:108]
    found = camden.find(sealed)
    assert found is not None
    groups_hash = sealing.framing.groups_hash(context, [g.commitment for g in sealed.groups])
    aad = sealing.framing.key_list_aad(context, groups_hash, found[1].tail)
    assert found[1].aead.open(key_list[:12], key_list[12:], aad) == stream[:64] + bytes(32)


def test_recipients_have_nonces_of_their_own(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    sealed = seal([b"{}"], [(one, [True]) for one in (camden, haven, cps)])
    assert len({entry.key_list[:12] for entry in sealed.recipients}) == 3


def test_no_random_byte_serves_twice(
    camden: Recipient, haven: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nonce is read by everyone, and must hold nothing of a group's key."""
    stream = bytes(range(256))
    sealer = Sealer(DEPLOYMENT, CONTRACT, SOURCE)
    readers = [(camden, [True, True, True]), (haven, [True, False, True])]
    seal(GROUPS, readers, sealer=sealer)  # both sessions are open now
    monkeypatch.setattr(sealing, "random_bytes", lambda count: stream[:count])
    sealed = seal(GROUPS, readers, sealer=sealer)
    nonces = {entry.key_list[:12] for entry in sealed.recipients}
    assert nonces == {stream[96:108], stream[108:120]}


# --- sessions ------------------------------------------------------------------------------------


def wrap_of(sealer: Sealer, recipient: Recipient, now: int) -> bytes:
    return seal([b"{}"], [(recipient, [True])], sealer=sealer, now=now).recipients[0].wrap


def test_a_session_serves_an_hour(camden: Recipient, sealer: Sealer) -> None:
    first = wrap_of(sealer, camden, NOW)
    assert wrap_of(sealer, camden, NOW + SESSION_MAX_MS - 1) == first
    assert wrap_of(sealer, camden, NOW + SESSION_MAX_MS) != first
    assert SESSION_MAX_MS == 3_600_000


def test_a_session_ends_when_the_clock_is_set_back(camden: Recipient, sealer: Sealer) -> None:
    first = wrap_of(sealer, camden, NOW)
    assert wrap_of(sealer, camden, NOW - 1) != first


def test_a_session_serves_so_many_events(
    camden: Recipient, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sealing.SESSION_MAX_EVENTS == 2**20
    monkeypatch.setattr(sealing, "SESSION_MAX_EVENTS", 3)
    wraps = [wrap_of(sealer, camden, NOW) for _ in range(7)]
    assert [wraps.count(wrap) for wrap in wraps] == [3, 3, 3, 3, 3, 3, 1]


def test_a_session_is_of_one_recipient_one_contract_and_one_process(
    camden: Recipient, haven: Recipient
) -> None:
    sealers = [
        Sealer(DEPLOYMENT, CONTRACT, SOURCE),
        Sealer(DEPLOYMENT, CONTRACT, SOURCE),
        Sealer(DEPLOYMENT, bytes(32), SOURCE),
    ]
    wraps = {wrap_of(one, who, NOW) for one in sealers for who in (camden, haven)}
    assert len(wraps) == 6


def test_a_new_exchange_key_of_an_agency_has_a_session_of_its_own(
    camden: Recipient, sealer: Sealer
) -> None:
    successor = Recipient("council-camden", bytes([9]) * 32)
    assert wrap_of(sealer, camden, NOW) != wrap_of(sealer, successor, NOW)
    assert wrap_of(sealer, camden, NOW) == wrap_of(sealer, camden, NOW)


# --- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 17])
def test_an_event_has_1_to_16_groups(camden: Recipient, count: int) -> None:
    with pytest.raises(LayoutError) as caught:
        seal([b"{}"] * count, [(camden, [True] * count)])
    assert caught.value.code == "groups_count"


def test_an_event_of_16_groups_opens(camden: Recipient) -> None:
    texts = [b"%d" % at for at in range(16)]
    assert camden.open(seal(texts, [(camden, [True] * 16)])) == texts


def test_an_event_has_a_recipient(sealer: Sealer) -> None:
    with pytest.raises(LayoutError) as caught:
        seal([b"{}"], [], sealer=sealer)
    assert caught.value.code == "recipients_count"


def test_an_event_has_at_most_64_recipients(camden: Recipient) -> None:
    with pytest.raises(LayoutError) as caught:
        seal([b"{}"], [(camden, [True])] * 65)
    assert caught.value.code == "recipients_count"


def test_an_event_that_is_too_large_is_not_sealed(camden: Recipient) -> None:
    with pytest.raises(LayoutError) as caught:
        seal([bytes(300_000)], [(camden, [True])])
    assert caught.value.code == "value_too_large"


@pytest.mark.parametrize("mask", [[True] * 2, [True] * 4])
def test_a_mask_has_one_answer_for_each_group(camden: Recipient, mask: list[bool]) -> None:
    with pytest.raises(ValueError):
        seal(GROUPS, [(camden, mask)])


def test_the_id_is_bound_as_its_text(camden: Recipient) -> None:
    sealed = seal(GROUPS, [(camden, [True] * 3)], event=UUID(int=5))
    assert camden.open(sealed) == GROUPS
    assert camden.open(replace(sealed, time=0)) == GROUPS  # the time is bound by the log alone
