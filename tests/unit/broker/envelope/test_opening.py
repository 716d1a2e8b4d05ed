"""Opening refuses key lists and groups that were made for another event or another place."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from broker.envelope import framing
from broker.envelope.layout import SealedEvent
from broker.envelope.opening import OpeningError, open_groups
from broker.envelope.sealing import Sealer
from tests.support.envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    EVENT,
    GROUPS,
    PREFIX,
    SOURCE,
    Recipient,
    refused,
    seal,
)

OTHER = UUID(int=7)


@pytest.fixture
def pair(camden: Recipient) -> tuple[SealedEvent, SealedEvent]:
    """Two events of one session."""
    sealer = Sealer(DEPLOYMENT, CONTRACT, SOURCE)
    one, two = (
        seal(GROUPS, [(camden, [True, True, False])], event=event, sealer=sealer)
        for event in (EVENT, OTHER)
    )
    assert one.recipients[0].wrap == two.recipients[0].wrap
    return one, two


def test_key_lists_of_two_events_do_not_change_places(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    refused(camden, replace(one, recipients=two.recipients), 7, "key_list_broken")


def test_groups_of_two_events_do_not_change_places(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    refused(camden, replace(one, groups=two.groups), 7, "key_list_broken")
    for at in range(3):  # one that this reader may not read counts as well
        groups = (*one.groups[:at], two.groups[at], *one.groups[at + 1 :])
        refused(camden, replace(one, groups=groups), 7, "key_list_broken")


def test_groups_and_key_lists_together_stay_with_their_id(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    moved = replace(one, groups=two.groups, recipients=two.recipients)
    refused(camden, moved, 7, "key_list_broken")
    assert camden.open(replace(moved, id=two.id)) == [*GROUPS[:2], None]


def test_commitments_of_two_events_do_not_change_places(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    groups = tuple(
        replace(mine, commitment=theirs.commitment)
        for mine, theirs in zip(one.groups, two.groups, strict=True)
    )
    refused(camden, replace(one, groups=groups), 7, "key_list_broken")


def test_ciphertexts_of_two_events_do_not_change_places(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    for at in range(2):
        group = replace(one.groups[at], ciphertext=two.groups[at].ciphertext)
        groups = (*one.groups[:at], group, *one.groups[at + 1 :])
        refused(camden, replace(one, groups=groups), 8, "group_broken")


def test_groups_of_one_event_stay_in_their_order(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, _ = pair
    a, b, c = one.groups
    refused(camden, replace(one, groups=(b, a, c)), 7, "key_list_broken")
    crossed = (replace(a, ciphertext=b.ciphertext), replace(b, ciphertext=a.ciphertext), c)
    refused(camden, replace(one, groups=crossed), 8, "group_broken")


def test_groups_are_neither_added_nor_removed(
    camden: Recipient, pair: tuple[SealedEvent, SealedEvent]
) -> None:
    one, two = pair
    refused(camden, replace(one, groups=one.groups[:2]), 7, "key_list_broken")
    refused(camden, replace(one, groups=(*one.groups, two.groups[0])), 7, "key_list_broken")


def test_wraps_of_two_sessions_do_not_change_places(camden: Recipient) -> None:
    one, two = (seal(GROUPS, [(camden, [True] * 3)]) for _ in range(2))
    entry = replace(one.recipients[0], wrap=two.recipients[0].wrap)
    refused(camden, replace(one, recipients=(entry,)), 7, "key_list_broken")


def test_a_key_list_is_bound_to_the_bytes_of_its_wrap(
    camden: Recipient, sealed: SealedEvent
) -> None:
    """The same secret in another wrap: only H(wrap) in the AAD tells the two apart."""
    found = camden.find(sealed)
    assert found is not None
    entry, session = found
    other = replace(session, tail=framing.session_tail(camden.agency, camden.kid, entry.wrap[::-1]))
    with pytest.raises(OpeningError) as caught:
        open_groups(sealed, entry, other, PREFIX, str(EVENT))
    assert (caught.value.step, caught.value.code) == (7, "key_list_broken")


def test_key_lists_of_two_recipients_do_not_change_places(
    camden: Recipient, haven: Recipient
) -> None:
    event = seal(GROUPS, [(camden, [True, True, False]), (haven, [True, False, False])])
    a, b = event.recipients
    crossed = (replace(a, key_list=b.key_list), replace(b, key_list=a.key_list))
    for reader in (camden, haven):
        refused(reader, replace(event, recipients=crossed), 7, "key_list_broken")


def test_another_id_source_or_contract_breaks_the_key_list(
    camden: Recipient, sealed: SealedEvent
) -> None:
    refused(camden, sealed, 7, "key_list_broken", event=OTHER)
    for prefix in (
        framing.context_prefix("elsewhere", CONTRACT, SOURCE),
        framing.context_prefix(DEPLOYMENT, bytes(32), SOURCE),
        framing.context_prefix(DEPLOYMENT, CONTRACT, "csu-lewisham"),
    ):
        refused(camden, sealed, 7, "key_list_broken", prefix=prefix)


def test_any_altered_bit_is_refused(camden: Recipient, sealed: SealedEvent) -> None:
    key_list = sealed.recipients[0].key_list
    for at in (0, 11, 12, 60, len(key_list) - 1):
        altered = key_list[:at] + bytes([key_list[at] ^ 1]) + key_list[at + 1 :]
        entry = replace(sealed.recipients[0], key_list=altered)
        refused(camden, replace(sealed, recipients=(entry,)), 7, "key_list_broken")
    ciphertext = sealed.groups[1].ciphertext
    for at in (0, 200, len(ciphertext) - 1):
        altered = ciphertext[:at] + bytes([ciphertext[at] ^ 1]) + ciphertext[at + 1 :]
        group = replace(sealed.groups[1], ciphertext=altered)
        groups = (sealed.groups[0], group, sealed.groups[2])
        refused(camden, replace(sealed, groups=groups), 8, "group_broken")
