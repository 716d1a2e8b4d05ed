from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import EventError
from contracts.events import JSON
from contracts.terms import ServiceLevels
from tests.support.words import REFERRALS, codes, leaves

HOUR = 3_600_000
RULES = REFERRALS


def test_every_status_is_open_terminal_or_a_draft() -> None:
    assert RULES.open | RULES.terminal | {"draft"} == set(codes("referral_status"))


@pytest.mark.parametrize("status", sorted(RULES.terminal))
def test_nothing_follows_a_terminal_status(status: str) -> None:
    assert not RULES.allowed(status, "referrer")
    assert not RULES.allowed(status, "fulfiller")


def test_the_fulfiller_takes_a_referral_from_request_to_completion() -> None:
    path = ["requested", "received", "accepted", "in-progress", "on-hold", "in-progress"]
    for current, new in zip(path, [*path[1:], "completed"], strict=True):
        RULES.check_transition(current, new, "fulfiller", None)


@pytest.mark.parametrize(
    ("current", "new", "by"),
    [
        ("requested", "received", "referrer"),
        ("requested", "cancelled", "referrer"),
        ("requested", "entered-in-error", "fulfiller"),
        ("requested", "completed", "fulfiller"),
        ("accepted", "rejected", "fulfiller"),
        ("received", "failed", "fulfiller"),
        ("completed", "in-progress", "fulfiller"),
        ("requested", "requested", "referrer"),
        ("completed", "completed", "fulfiller"),
        ("imagined", "received", "fulfiller"),
    ],
)
def test_a_change_by_the_wrong_side_is_refused(current: str, new: str, by: Any) -> None:
    with pytest.raises(EventError) as caught:
        RULES.check_transition(current, new, by, "other")
    assert caught.value.code == "transition_not_allowed"


def test_the_referrer_asks_for_cancellation_and_the_fulfiller_confirms_it() -> None:
    RULES.check_transition("accepted", "accepted", "referrer", None, "cancellation-requested")
    RULES.check_transition("accepted", "cancelled", "fulfiller", "consent_withdrawn")
    with pytest.raises(EventError) as caught:
        RULES.check_transition("accepted", "accepted", "fulfiller", None, "cancellation-requested")
    assert caught.value.code == "transition_not_allowed"


@pytest.mark.parametrize("status", sorted(RULES.open))
def test_the_referrer_can_withdraw_what_was_entered_in_error(status: str) -> None:
    RULES.check_transition(status, "entered-in-error", "referrer", "made_in_error")


@pytest.mark.parametrize("status", sorted(RULES.reason_required))
def test_every_rejection_failure_and_cancellation_has_a_reason_code(status: str) -> None:
    current = "requested" if status == "rejected" else "accepted"
    with pytest.raises(EventError) as caught:
        RULES.check_transition(current, status, "fulfiller", None)
    assert caught.value.code == "reason_required"
    with pytest.raises(EventError) as unknown:
        RULES.check_transition(current, status, "fulfiller", "because")
    assert unknown.value.code == "reason_unknown"
    RULES.check_transition(current, status, "fulfiller", "no_capacity")


@pytest.mark.parametrize(("version", "previous"), [(2, "requested"), (4, "received"), (3, "x")])
def test_a_change_must_start_from_the_version_and_status_held(version: int, previous: str) -> None:
    RULES.check_version(2, "received", 3, "received")
    with pytest.raises(EventError) as caught:
        RULES.check_version(2, "received", version, previous)
    assert caught.value.code == "version_conflict"


def test_minimum_standards_are_clocks_and_urgent_ones_are_shorter() -> None:
    levels = ServiceLevels(
        acknowledge_within="PT48H",
        respond_within="P10D",
        urgent_acknowledge_within="PT4H",
        urgent_respond_within="P2D",
    )
    due = RULES.clocks(levels, 1000)
    assert (due.acknowledge_due, due.respond_due) == (1000 + 48 * HOUR, 1000 + 240 * HOUR)
    assert RULES.clocks(levels, 0, "routine").acknowledge_due == 48 * HOUR
    assert RULES.clocks(levels, 0, "urgent").acknowledge_due == 4 * HOUR
    assert RULES.clocks(levels, 0, "immediate").respond_due == 48 * HOUR


def test_the_rules_name_only_codes_of_the_lists_and_leaves_of_the_types() -> None:
    statuses, business = set(codes("referral_status")), set(codes("business_status"))
    named = RULES.open | RULES.terminal | RULES.unanswered | RULES.reason_required | {RULES.first}
    assert named <= statuses
    assert RULES.unacknowledged <= RULES.unanswered <= RULES.open
    assert RULES.called_off <= RULES.terminal
    for transitions in RULES.transitions.values():
        assert transitions.keys() <= statuses
        assert set().union(*transitions.values()) <= statuses
    assert RULES.business["referrer"] | RULES.business["fulfiller"] <= business
    assert RULES.cancellation_requested <= RULES.business["referrer"]
    assert RULES.urgent <= set(codes("urgency"))
    assert {RULES.made.id, RULES.made.urgency} <= set(leaves(RULES.made.type))
    changed = RULES.changed.model_dump()
    assert set(changed.values()) - {changed["type"]} <= set(leaves(changed["type"]))


def test_the_key_of_a_referral_is_read_from_the_leaves() -> None:
    made: dict[str, JSON] = {"referral_id": "r", "case_id": "c", "urgency": "urgent"}
    found = RULES.new_referral("referral.made", made)
    assert found is not None
    assert (found.referral_id, found.case_id, found.urgency) == ("r", "c", "urgent")
    assert RULES.new_referral("case.updated", made) is None
    assert RULES.new_referral("referral.made", {"referral_id": "r"}) is None
    change: dict[str, JSON] = {
        "referral_id": "r", "version": 2, "status": "received", "previous_status": "requested",
    }  # fmt: skip
    read = RULES.status_change("referral.status-changed", change)
    assert read is not None
    assert (read.version, read.status, read.previous_status) == (2, "received", "requested")
    assert (read.reason, read.business_status) == (None, None)
    for path in change:
        less = {key: value for key, value in change.items() if key != path}
        assert RULES.status_change("referral.status-changed", less) is None
