"""Opening refuses what was made for another place, or by a sender that shows two things to two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    EVENT,
    NOW,
    PREFIX,
    SOURCE,
    Recipient,
    seal,
)

from broker.envelope import framing, opening
from broker.envelope.layout import RecipientEntry, SealedEvent, SealedGroup
from broker.envelope.opening import OpeningError, Sessions, WrapBudgetError, open_groups
from broker.envelope.padding import pad
from broker.envelope.primitives import AeadKey, one_step_kdf
from broker.envelope.sealing import ExchangeKey, Sealer, Session

GROUPS = [b'{"data":{},"to":["a"],"type":"t"}', b'{"a":1}', b'{"b":2}']
OTHER = UUID(int=7)


def refused(
    reader: Recipient, sealed: SealedEvent, step: int, code: str, *, event: UUID | None = None
) -> None:
    with pytest.raises(OpeningError) as caught:
        reader.open(sealed, event=event)
    assert (caught.value.step, caught.value.code) == (step, code)


# --- a wrap is for one deployment, contract, source and key --------------------------------------


@pytest.fixture
def sealed(camden: Recipient) -> SealedEvent:
    return seal(GROUPS, [(camden, [True, True, False])])


def test_a_wrap_of_another_deployment_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(sealed) is not None
    assert camden.find(sealed, deployment="elsewhere") is None


def test_a_wrap_of_another_source_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(sealed, source="csu-lewisham") is None


def test_a_wrap_of_another_contract_does_not_open(camden: Recipient, sealed: SealedEvent) -> None:
    assert camden.find(replace(sealed, contract=bytes(32))) is None


def test_a_wrap_for_another_key_id_does_not_open(camden: Recipient, haven: Recipient) -> None:
    mislabelled = ExchangeKey("council-camden", haven.kid, camden.key.sealer)
    session = Session(DEPLOYMENT, CONTRACT, SOURCE, mislabelled, NOW)
    entry = RecipientEntry(session.wrap, bytes(60))
    event = SealedEvent(EVENT.bytes, NOW, CONTRACT, (), (entry,))
    assert camden.find(event) is None
    honest = Session(DEPLOYMENT, CONTRACT, SOURCE, camden.key, NOW)
    assert camden.find(replace(event, recipients=(RecipientEntry(honest.wrap, b""),))) is not None


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
    found = Sessions().find(sealed, DEPLOYMENT, SOURCE, keys, [64])
    assert found is not None
    assert open_groups(sealed, *found, PREFIX, str(EVENT)) == [*GROUPS[:2], None]
    assert Sessions().find(sealed, DEPLOYMENT, SOURCE, [], [64]) is None


# --- what a wrap gave is remembered for exactly what it was tried with ---------------------------


def test_a_remembered_wrap_does_not_open_elsewhere(
    camden: Recipient, haven: Recipient, sealed: SealedEvent
) -> None:
    """A memory keyed by the wrap alone would skip the check of ``info``."""
    sessions = Sessions()
    assert camden.find(sealed, sessions=sessions) is not None
    assert camden.find(sealed, source="csu-lewisham", sessions=sessions) is None
    assert camden.find(replace(sealed, contract=bytes(32)), sessions=sessions) is None
    assert haven.find(sealed, sessions=sessions) is None
    assert camden.find(sealed, sessions=sessions) is not None


def test_a_failure_is_forgotten_when_my_keys_change(
    camden: Recipient, haven: Recipient, sealed: SealedEvent
) -> None:
    sessions = Sessions()
    assert haven.find(sealed, sessions=sessions) is None
    keys = [haven.opening, camden.opening]
    assert sessions.find(sealed, DEPLOYMENT, SOURCE, keys, [64]) is not None


def test_a_wrap_is_tried_once_and_failures_are_remembered(
    camden: Recipient, haven: Recipient, sealed: SealedEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions()
    first = camden.find(sealed, sessions=sessions)
    assert haven.find(sealed, sessions=sessions) is None

    def never(*_: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(opening, "_try", never)
    assert camden.find(sealed, sessions=sessions, budget=0) == first
    assert haven.find(sealed, sessions=sessions, budget=0) is None


def test_the_memory_is_bounded_and_the_least_recently_used_goes_first(
    camden: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MEMORY_ENTRIES", 2)
    a, b, c = (seal([b"{}"], [(camden, [True])]) for _ in range(3))
    sessions = Sessions()
    for event in (a, b, a, c):
        found = camden.find(event, sessions=sessions)
        assert found is not None
        assert found[1].tail == framing.session_tail(camden.kid, event.recipients[0].wrap)
    found = camden.find(a, sessions=sessions, budget=0)
    assert found is not None
    assert found[1].tail == framing.session_tail(camden.kid, a.recipients[0].wrap)
    with pytest.raises(WrapBudgetError):
        camden.find(b, sessions=sessions, budget=0)


def test_a_failure_in_use_is_not_forgotten_either(
    camden: Recipient, haven: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MEMORY_ENTRIES", 2)
    a, b, c = (seal([b"{}"], [(haven, [True])]) for _ in range(3))
    sessions = Sessions()
    for event in (a, b, a, c):
        camden.find(event, sessions=sessions)
    assert camden.find(a, sessions=sessions, budget=0) is None


def test_the_last_event_of_a_sender_is_at_hand_without_the_memory(
    camden: Recipient, haven: Recipient, sealed: SealedEvent
) -> None:
    """An hour of events carries the same wraps, and comparing them is all that they cost."""
    sessions = Sessions()
    other = seal(GROUPS, [(camden, [True, True, False]), (haven, [True, False, True])])
    first, second = (camden.find(event, sessions=sessions) for event in (sealed, other))
    sessions._memory.clear()
    for event, found in ((sealed, first), (other, second)):
        again = replace(event, id=bytes(16))  # another event of the same session
        assert camden.find(again, sessions=sessions, budget=0) == found
        assert not sessions._memory
    mine = replace(sealed, recipients=(replace(sealed.recipients[0], key_list=b"other"),))
    assert camden.find(mine, sessions=sessions, budget=0) == (mine.recipients[0], first[1])
    # It serves neither other keys, nor another sender or contract, nor other wraps
    for reader, event, source in (
        (haven, sealed, SOURCE),
        (camden, sealed, "csu-lewisham"),
        (camden, replace(sealed, contract=bytes(32)), SOURCE),
        (camden, seal(GROUPS, [(camden, [True, True, False])]), SOURCE),
    ):
        with pytest.raises(WrapBudgetError):
            reader.find(event, source=source, sessions=sessions, budget=0)


def test_the_last_events_of_many_senders_are_bounded_too(
    camden: Recipient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MEMORY_ENTRIES", 2 * opening.MAX_RECIPIENTS)
    sessions = Sessions()
    kept = []
    for number in range(5):
        contract = bytes([number]) * 32
        session = Session(DEPLOYMENT, contract, SOURCE, camden.key, NOW)
        entry = RecipientEntry(session.wrap, b"")
        event = SealedEvent(EVENT.bytes, NOW, contract, (), (entry,))
        assert camden.find(event, sessions=sessions) is not None
        kept.append(len(sessions._latest))
    assert kept == [1, 2, 3, 1, 2]


# --- the budget of new wraps ---------------------------------------------------------------------


def test_new_wraps_use_up_the_budget_and_known_ones_do_not(
    camden: Recipient, haven: Recipient
) -> None:
    sessions, budget = Sessions(), [2]
    events = [seal([b"{}"], [(haven, [True])]) for _ in range(3)]
    for event in (events[0], events[0], events[1], events[0]):
        assert sessions.find(event, DEPLOYMENT, SOURCE, [camden.opening], budget) is None
    assert budget == [0]
    with pytest.raises(WrapBudgetError):
        sessions.find(events[2], DEPLOYMENT, SOURCE, [camden.opening], budget)
    assert budget == [0]
    assert sessions.find(events[1], DEPLOYMENT, SOURCE, [camden.opening], budget) is None


def test_a_budget_that_ends_within_an_event_goes_on_where_it_stopped(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    event = seal([b"{}"], [(haven, [True]), (cps, [True])])
    sessions = Sessions()
    with pytest.raises(WrapBudgetError):
        camden.find(event, sessions=sessions, budget=1)
    assert camden.find(event, sessions=sessions, budget=1) is None


def test_what_comes_after_my_entry_costs_nothing(camden: Recipient, haven: Recipient) -> None:
    event = seal([b"{}"], [(camden, [True]), (haven, [True])])
    mine = camden.find(event)
    assert mine is not None
    budget = [64]
    Sessions().find(event, DEPLOYMENT, SOURCE, [camden.opening], budget)
    assert 64 - budget[0] == 1 + event.recipients.index(mine[0])


def test_a_prefix_is_remembered_for_what_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = Sessions()
    names = [
        ("d", CONTRACT, "s"),
        ("e", CONTRACT, "s"),
        ("d", bytes(32), "s"),
        ("d", CONTRACT, "t"),
    ]
    for name in names:
        assert sessions.prefix(*name) == framing.context_prefix(*name)
    for name in names:
        assert sessions.prefix(*name) is sessions.prefix(*name)
    kept = []
    monkeypatch.setattr(opening, "MEMORY_ENTRIES", 4)
    for deployment in ("x", "y"):
        name = (deployment, CONTRACT, "s")
        assert sessions.prefix(*name) == framing.context_prefix(*name)
        kept.append(len(sessions._prefixes))
    assert kept == [5, 1]


# --- a key list is for one event -----------------------------------------------------------------


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
    other = replace(session, tail=framing.session_tail(camden.kid, entry.wrap[::-1]))
    with pytest.raises(OpeningError) as caught:
        open_groups(sealed, entry, other, PREFIX, str(EVENT))
    assert caught.value.code == "key_list_broken"


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
        with pytest.raises(OpeningError) as caught:
            camden.open(sealed, prefix=prefix)
        assert caught.value.code == "key_list_broken"


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


# --- a sender that does not follow the rules -----------------------------------------------------


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
        session = Session(DEPLOYMENT, CONTRACT, SOURCE, recipient.key, NOW)
        aad = framing.key_list_aad(context, groups_hash, session.tail)
        sealed_keys = session.aead.seal(bytes(12), b"".join(secrets), aad)
        entries.append(RecipientEntry(session.wrap, bytes(12) + sealed_keys))
    return SealedEvent(EVENT.bytes, NOW, CONTRACT, tuple(groups), tuple(entries))


def test_the_dishonest_sender_can_be_honest(camden: Recipient) -> None:
    event = dishonest([pad(b"{}"), pad(b"[]")], [(camden, [secret(0), secret(1)])])
    assert camden.open(event) == [b"{}", b"[]"]


def test_a_key_of_another_group_does_not_match_the_commitment(camden: Recipient) -> None:
    event = dishonest([pad(b"{}"), pad(b"[]")], [(camden, [secret(1), secret(0)])])
    with pytest.raises(OpeningError, match=r"^a group's key does not match its commitment$"):
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
