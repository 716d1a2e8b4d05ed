"""A wrap opens for one deployment, contract, source, recipient and key, and for nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope.layout import LayoutError, RecipientEntry, SealedEvent
from broker.envelope.opening import Sessions, open_groups
from broker.envelope.sealing import WrappedSession, WrapRecipient
from tests.support.envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    EVENT,
    GROUPS,
    NOW,
    PREFIX,
    SOURCE,
    Limit,
    Recipient,
    seal,
)


def test_a_wrap_of_another_deployment_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(sealed) is not None
    assert camden.find(sealed, deployment="elsewhere") is None


def test_a_wrap_of_another_source_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(sealed, source="csu-lewisham") is None


def test_a_wrap_of_another_contract_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(replace(sealed, contract=bytes(32))) is None


def test_a_wrap_for_another_key_id_does_not_open(camden: Recipient, haven: Recipient) -> None:
    mislabelled = WrapRecipient("council-camden", haven.kid, camden.key.sealer)
    session = WrappedSession(DEPLOYMENT, CONTRACT, SOURCE, mislabelled, NOW)
    entry = RecipientEntry(session.wrap, bytes(60))
    event = SealedEvent(EVENT.bytes, NOW, CONTRACT, (), (entry,))
    assert camden.find(event) is None
    honest = WrappedSession(DEPLOYMENT, CONTRACT, SOURCE, camden.key, NOW)
    assert camden.find(replace(event, recipients=(RecipientEntry(honest.wrap, b""),))) is not None


def test_a_wrap_for_another_agency_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    """Even with the same key: an agency may list the public key of another."""
    assert camden.find(sealed, reader="haven-support") is None


def test_two_agencies_with_one_public_key_get_two_wraps_and_both_open(camden: Recipient) -> None:
    """haven-support's manifest lists council-camden's key: harmless to every other reader."""
    haven = Recipient("haven-support", bytes([1]) * 32)
    assert haven.public == camden.public
    event = seal(GROUPS, [(camden, [True, True, False]), (haven, [True, False, True])])
    assert len({entry.wrap for entry in event.recipients}) == 2
    assert camden.open(event) == [GROUPS[0], GROUPS[1], None]
    assert haven.open(event) == [GROUPS[0], None, GROUPS[2]]


def test_an_agency_that_is_listed_twice_is_not_sealed_to(camden: Recipient) -> None:
    """Two equal wraps would make every reader refuse the value."""
    with pytest.raises(LayoutError) as caught:
        seal(GROUPS, [(camden, [True] * 3), (camden, [True] * 3)])
    assert caught.value.code == "recipients_order"


def test_an_altered_wrap_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    wrap = sealed.recipients[0].wrap
    for at in (0, 1087, 1088, 1119, 1120, 1151, 1152, 1167):
        altered = wrap[:at] + bytes([wrap[at] ^ 1]) + wrap[at + 1 :]
        entry = replace(sealed.recipients[0], wrap=altered)
        assert camden.find(replace(sealed, recipients=(entry,))) is None


def test_my_entry_is_found_wherever_it_stands(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    event = seal([b"{}"], [(one, [True]) for one in (camden, haven, cps)])
    found = {reader.find(event)[0].wrap for reader in (camden, haven, cps)}  # type: ignore[index]
    assert found == {entry.wrap for entry in event.recipients}


def test_each_of_my_keys_is_tried(camden: Recipient, haven: Recipient, sealed: SealedEvent) -> None:
    keys = [haven.opening, camden.opening]
    found = Sessions().find(sealed, DEPLOYMENT, SOURCE, camden.agency, keys, Limit(64))
    assert found is not None
    assert open_groups(sealed, *found, PREFIX, str(EVENT)) == [*GROUPS[:2], None]
    assert Sessions().find(sealed, DEPLOYMENT, SOURCE, camden.agency, [], Limit(64)) is None
