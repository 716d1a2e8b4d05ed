"""Steps 5, 7 and 8: the layout, whose wraps, and whether key lists and groups fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.envelope import opening
from broker.envelope.layout import MIN_CIPHERTEXT_BYTES, WRAP_BYTES
from broker.envelope.primitives import HASH_BYTES, TAG_BYTES
from broker.envelope.sealing import WrappedSession, WrapRecipient
from broker.keys.instant import CLOCK_SKEW_MS
from broker.keys.issuing import ManifestChanges
from broker.registry.contracts import SignedContract
from tests.support.forged_events import draft_event, one_session
from tests.support.founded_partnership import (
    CASE,
    COUNCIL,
    DAY,
    NOW,
    POLICE,
    PROSECUTION,
    SECOND,
    SUPPORT,
    FoundedPartnership,
)
from tests.support.judging_agency import Reader
from tests.support.sent_records import Log

HEAD_BYTES = 1 + 16 + 8 + 32


# --- step 5 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("version_unknown", lambda v: b"\x02" + v[1:]),
        ("value_malformed", lambda v: v[: HEAD_BYTES - 1]),
        ("value_malformed", lambda v: v[:-1]),
        ("value_malformed", lambda v: v + b"\x00"),
        ("groups_count", lambda v: v[:HEAD_BYTES] + bytes(2) + v[HEAD_BYTES + 2 :]),
        ("groups_count", lambda v: v[:HEAD_BYTES] + b"\x00\x11" + v[HEAD_BYTES + 2 :]),
    ],
)
def test_a_value_of_another_layout_is_refused(
    council: Reader, log: Log, code: str, damage: Callable[[bytes], bytes]
) -> None:
    damaged = damage(draft_event().value())
    assert council.refusal(log.send_one(damaged)) == (5, code)
    assert MIN_CIPHERTEXT_BYTES == 256 + TAG_BYTES


def test_recipients_out_of_order_are_refused(council: Reader, log: Log) -> None:
    value = draft_event().value()
    entry = (len(value) - value.index(b"\x00\x02", len(value) // 3)) // 2  # two entries at the end
    length = WRAP_BYTES + 28 + HASH_BYTES * len(draft_event().groups)
    assert entry >= length
    first, second = value[-2 * length : -length], value[-length:]
    swapped = value[: -2 * length] + second + first
    assert council.refusal(log.send_one(swapped)) == (5, "recipients_order")


def test_a_time_five_minutes_after_its_log_time_is_taken_and_more_is_not(
    council: Reader, log: Log
) -> None:
    just = replace(draft_event(), time=NOW + CLOCK_SKEW_MS).value()
    assert council.take(log.send_one(just)).outcome == "opened"
    ahead = replace(draft_event(), time=NOW + CLOCK_SKEW_MS + 1).value()
    assert council.refusal(log.send_one(ahead)) == (5, "time_ahead")


def test_the_events_time_is_told_in_milliseconds(council: Reader, log: Log) -> None:
    event = council.take(log.send_one(replace(draft_event(), time=NOW + 7).value())).event
    assert event is not None
    assert event.time == "2026-03-02T12:00:00.007Z"
    assert event.log_time == NOW // SECOND


def test_an_event_for_others_is_not_addressed_to_me(log: Log) -> None:
    others = draft_event(CASE, to=(PROSECUTION, SUPPORT))
    judgement = Reader(COUNCIL).take(log.send_one(others.value()))
    assert judgement.outcome == "not_addressed"


def test_without_an_exchange_key_that_would_be_tried_the_event_is_not_given_up(
    world: FoundedPartnership, log: Log
) -> None:
    destroyed = [world.exchange_key(COUNCIL).kid]
    reader = Reader(destroyed=destroyed)
    assert reader.refusal(log.send_one(draft_event().value())) == (5, "key_missing")


def test_a_key_that_ended_a_week_before_is_not_missed(world: FoundedPartnership, log: Log) -> None:
    ends = world.manifests.exchange_key(COUNCIL, NOW).not_after
    manifests = world.reissue(POLICE, ManifestChanges(), NOW + 29 * DAY)
    for late, outcome in ((ends + 7 * DAY - SECOND, "refused"), (ends + 7 * DAY, "not_addressed")):
        reader = Reader(destroyed=[world.exchange_key(COUNCIL).kid], manifests=manifests)
        one = log.copy().send_one(draft_event().value(), at=late)
        assert reader.take(one, late).outcome == outcome


def test_a_held_key_is_tried_beside_a_missing_one(world: FoundedPartnership, log: Log) -> None:
    kid = world.exchange_key(COUNCIL).kid
    reader = Reader()
    keys, gone = reader.opening_keys(NOW)
    assert ([key.kid for key in keys], gone) == ([kid], False)
    reader.context.opening_keys = lambda _at: (keys, True)
    assert reader.take(log.send_one(draft_event().value())).outcome == "opened"


def limited(reader: Reader, left: dict[str, int]) -> dict[str, int]:
    """Give senders a budget, which a file has not; returns what is left of it."""
    reader.budgets = left
    reader.context.wraps_left = left.__getitem__  # type: ignore[method-assign]
    return left


def test_a_sender_makes_a_reader_try_so_many_new_wraps_a_minute(council: Reader, log: Log) -> None:
    budgets = limited(council, {POLICE: 1, SUPPORT: 2})
    one = draft_event(to=(COUNCIL,))
    assert council.take(log.send_one(one.value())).outcome == "opened"
    two = log.send_one(draft_event(to=(COUNCIL,)).value())
    assert council.deferral(two) == (5, "wrap_budget")
    other = Log(SUPPORT).send_one(draft_event(source=SUPPORT, to=(COUNCIL, POLICE)).value())
    assert council.take(other).outcome == "opened"  # the budget is each sender's own
    budgets[POLICE] = 1
    assert council.take(two).outcome == "opened"


def test_a_wrap_that_was_tried_costs_no_budget(
    council: Reader, world: FoundedPartnership, log: Log
) -> None:
    kept = one_session(world.signed.hash)
    limited(council, {POLICE: 2})
    for _ in range(5):
        one = replace(draft_event(), session=kept)
        assert council.take(log.send_one(one.value())).outcome == "opened"


def test_a_wrap_that_was_opened_does_not_outlive_its_key(
    council: Reader, world: FoundedPartnership, log: Log
) -> None:
    kept = one_session(world.signed.hash)
    one = replace(draft_event(), session=kept)
    assert council.take(log.send_one(one.value())).outcome == "opened"
    council.context.opening_keys = lambda _at: ((), False)
    again = replace(draft_event(), session=kept)
    assert council.take(log.send_one(again.value())).outcome == "not_addressed"


def test_results_of_wraps_are_cached_within_bounds(
    council: Reader, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender chooses wraps, contracts and recipients as it likes; the memory stays the same."""
    monkeypatch.setattr(opening, "MEMORY_ENTRIES", 3)
    sessions = council.cache.sessions
    for to in ((COUNCIL,), (COUNCIL, SUPPORT), (COUNCIL,)):
        council.take(log.send_one(draft_event(to=to).value()))
    council.take(Log(SUPPORT).send_one(draft_event(source=SUPPORT, to=(COUNCIL,)).value()))
    council.take(log.send_one(draft_event(to=(COUNCIL,)).value()))
    assert len(sessions._memory) == 3
    assert len(sessions._latest) == 1
    for number in range(9):
        sessions.prefix("pan-london", bytes([number]) * 32, POLICE)
    assert 1 <= len(sessions._prefixes) <= 4


# --- steps 5 and 7: wraps and key lists -----------------------------------------------------------


def test_a_stolen_ciphertext_signed_again_does_not_open(log: Log) -> None:
    """The support service takes a police event, as it stands, for its own."""
    stolen = draft_event(to=(COUNCIL,)).value()
    reader = Reader()
    assert reader.take(log.send_one(stolen)).outcome == "opened"  # and the wrap is known by now
    theirs = Log(SUPPORT).send_one(stolen)
    assert reader.take(theirs).outcome == "not_addressed"


def test_a_wrap_used_under_another_contract_does_not_open(
    world: FoundedPartnership, log: Log, short: SignedContract
) -> None:
    first_terms = one_session(world.signed.hash)
    reader = Reader(contracts=world.book(COUNCIL, short))
    one = replace(draft_event(), session=first_terms)
    assert reader.take(log.send_one(one.value())).outcome == "opened"
    other = replace(draft_event(signed=short), session=first_terms)
    assert reader.take(log.send_one(other.value())).outcome == "not_addressed"


def test_a_wrap_of_another_sender_does_not_open(world: FoundedPartnership) -> None:
    def theirs(key: WrapRecipient) -> WrappedSession:
        return WrappedSession(world.deployment, world.signed.hash, SUPPORT, key, NOW)

    one = replace(draft_event(), session=theirs)
    assert Reader().take(Log().send_one(one.value())).outcome == "not_addressed"


def test_a_wrap_of_another_deployment_does_not_open(world: FoundedPartnership) -> None:
    def elsewhere(key: WrapRecipient) -> WrappedSession:
        return WrappedSession("pan-leeds", world.signed.hash, POLICE, key, NOW)

    one = replace(draft_event(), session=elsewhere)
    assert Reader().take(Log().send_one(one.value())).outcome == "not_addressed"


def test_an_altered_key_list_is_refused(council: Reader, log: Log) -> None:
    broken = replace(draft_event(), key_lists=lambda keys: keys[:-1] + bytes([keys[-1] ^ 1]))
    assert council.refusal(log.send_one(broken.value())) == (7, "key_list_broken")


def test_a_key_list_of_another_event_is_refused(
    council: Reader, world: FoundedPartnership, log: Log
) -> None:
    same = one_session(world.signed.hash)
    kept: list[bytes] = []

    def keep(keys: bytes) -> bytes:
        kept.append(keys)
        return keys

    first = replace(draft_event(to=(COUNCIL,)), session=same, key_lists=keep)
    assert council.take(log.send_one(first.value())).outcome == "opened"
    second = replace(draft_event(to=(COUNCIL,)), session=same, key_lists=lambda _keys: kept[0])
    assert council.refusal(log.send_one(second.value())) == (7, "key_list_broken")


def test_groups_of_another_event_are_refused(council: Reader, log: Log) -> None:
    """Splicing: a group sealed for one event under the commitment of another's."""
    taken: list[bytes] = []

    def take(ciphertext: bytes) -> bytes:
        taken.append(ciphertext)
        return ciphertext

    first = replace(draft_event(), ciphertexts={0: take})
    assert council.take(log.send_one(first.value())).outcome == "opened"
    second = replace(draft_event(), ciphertexts={0: lambda _c: taken[0]})
    assert council.refusal(log.send_one(second.value())) == (8, "group_broken")


# --- step 8 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [0, 1])
def test_a_key_that_is_not_the_committed_one_is_refused(
    council: Reader, log: Log, group: int
) -> None:
    two_faced = replace(draft_event(), commitments={group: bytes(32)})
    assert council.refusal(log.send_one(two_faced.value())) == (8, "commitment_wrong")


def test_an_altered_group_is_refused(council: Reader, log: Log) -> None:
    altered = replace(draft_event(), ciphertexts={1: lambda c: bytes([c[0] ^ 1]) + c[1:]})
    assert council.refusal(log.send_one(altered.value())) == (8, "group_broken")


def test_a_group_that_is_not_mine_is_not_looked_at(log: Log) -> None:
    """A group for other readers cannot cause a refusal: this reader has no key for it."""
    draft = draft_event()
    hidden = draft.may_read[COUNCIL].index(False)
    draft.commitments[hidden] = bytes(32)
    assert Reader(COUNCIL).take(log.send_one(draft.value())).outcome == "opened"
