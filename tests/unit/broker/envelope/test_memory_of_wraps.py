"""Cache of wrap results, bound to their inputs; the number of new wraps is limited."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.envelope import framing, opening
from broker.envelope.layout import RecipientEntry, SealedEvent
from broker.envelope.opening import Sessions, WrapBudgetError
from broker.envelope.sealing import WrappedSession
from tests.support.envelope_world import (
    CONTRACT,
    DEPLOYMENT,
    EVENT,
    GROUPS,
    NOW,
    SOURCE,
    Limit,
    Recipient,
    seal,
)

# --- what a wrap gave is remembered for exactly what it was tried with ---------------------------


def test_a_remembered_wrap_does_not_open_elsewhere(
    camden: Recipient, haven: Recipient, sealed: SealedEvent
) -> None:
    """A memory keyed by the wrap alone would skip the check of ``info``."""
    sessions = Sessions()
    assert camden.find(sealed, sessions=sessions) is not None
    assert camden.find(sealed, source="csu-lewisham", sessions=sessions) is None
    assert camden.find(replace(sealed, contract=bytes(32)), sessions=sessions) is None
    assert camden.find(sealed, reader="haven-support", sessions=sessions) is None
    assert haven.find(sealed, sessions=sessions) is None
    assert camden.find(sealed, sessions=sessions) is not None


def test_a_failure_is_forgotten_when_my_keys_change(
    camden: Recipient, haven: Recipient, sealed: SealedEvent
) -> None:
    sessions = Sessions()
    assert haven.find(sealed, sessions=sessions) is None
    keys = [haven.opening, camden.opening]
    assert sessions.find(sealed, DEPLOYMENT, SOURCE, camden.agency, keys, Limit(64)) is not None


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
        assert found[1].tail == framing.session_tail(
            camden.agency, camden.kid, event.recipients[0].wrap
        )
    found = camden.find(a, sessions=sessions, budget=0)
    assert found is not None
    assert found[1].tail == framing.session_tail(camden.agency, camden.kid, a.recipients[0].wrap)
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
        session = WrappedSession(DEPLOYMENT, contract, SOURCE, camden.key, NOW)
        entry = RecipientEntry(session.wrap, b"")
        event = SealedEvent(EVENT.bytes, NOW, contract, (), (entry,))
        assert camden.find(event, sessions=sessions) is not None
        kept.append(len(sessions._latest))
    assert kept == [1, 2, 3, 1, 2]


# --- the budget of new wraps ---------------------------------------------------------------------


def test_new_wraps_use_up_the_budget_and_known_ones_do_not(
    camden: Recipient, haven: Recipient
) -> None:
    sessions, budget = Sessions(), Limit(2)
    events = [seal([b"{}"], [(haven, [True])]) for _ in range(3)]
    for event in (events[0], events[0], events[1], events[0]):
        assert (
            sessions.find(event, DEPLOYMENT, SOURCE, camden.agency, [camden.opening], budget)
            is None
        )
    assert budget.left == 0
    with pytest.raises(WrapBudgetError):
        sessions.find(events[2], DEPLOYMENT, SOURCE, camden.agency, [camden.opening], budget)
    assert budget.left == 0
    assert (
        sessions.find(events[1], DEPLOYMENT, SOURCE, camden.agency, [camden.opening], budget)
        is None
    )


def test_a_budget_that_ends_within_an_event_goes_on_where_it_stopped(
    camden: Recipient, haven: Recipient, cps: Recipient
) -> None:
    event = seal([b"{}"], [(haven, [True]), (cps, [True])])
    sessions = Sessions()
    with pytest.raises(WrapBudgetError):
        camden.find(event, sessions=sessions, budget=1)
    assert camden.find(event, sessions=sessions, budget=1) is None


def test_entries_after_my_own_cost_no_attempt(camden: Recipient, haven: Recipient) -> None:
    event = seal([b"{}"], [(camden, [True]), (haven, [True])])
    mine = camden.find(event)
    assert mine is not None
    budget = Limit(64)
    Sessions().find(event, DEPLOYMENT, SOURCE, camden.agency, [camden.opening], budget)
    assert 64 - budget.left == 1 + event.recipients.index(mine[0])


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
