"""Facts of referrals, folded: any order, repeats, late answers, corrections, withdrawn consent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from broker.figures.facts import Corrected, Fact
from broker.figures.referral_dimensions import counted_referrals
from broker.figures.referral_facts import (
    Changed,
    Made,
    ReferralFact,
    formatted_referral,
    parsed_referral,
)
from broker.figures.referral_values import SentReferral, sent_referrals
from tests.unit.contracts.test_shipped_agreements import complete

CONTRACT = complete("london-hate-crime").contract
_COUNTED = counted_referrals(CONTRACT)
assert _COUNTED is not None
FIGURES, RULES = _COUNTED
US, POLICE, COUNCIL, STRANGER = (f"agency-{one}" for one in ("support", "police", "council", "x"))
ROLES = {US: "support", POLICE: "police", COUNCIL: "council"}
ONE, OTHER = "aa" * 32, "bb" * 32
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SENT_MS = 1_700_000_000_000


def made(
    event: str = "m1",
    *recipients: str,
    referral: str = ONE,
    at: int = 0,
    answer: bool | None = True,
    **values: str,
) -> ReferralFact:
    codes = {name: (code,) for name, code in {"service": "advocacy", **values}.items()}
    said = Fact(US, event, SENT_MS + at, codes, asked=True, answer=answer)
    due = SENT_MS + at + 2 * DAY_MS, SENT_MS + at + 10 * DAY_MS
    return ReferralFact(said, Made(referral, recipients or (POLICE,), *due))


def changed(
    status: str,
    version: int,
    at: int,
    *,
    by: str = POLICE,
    recipient: str = "",
    referral: str = ONE,
    reason: str | None = None,
) -> ReferralFact:
    codes = {"status": (status,)} | ({} if reason is None else {"reason": (reason,)})
    said = Fact(by, f"{by}-{referral[:2]}-{version}", SENT_MS + at, codes)
    return ReferralFact(said, Changed(referral, (recipient or by,), version))


def corrected(
    *dimensions: str,
    source: str = US,
    event: str = "m1",
    answer: bool | None = None,
    by: str = "",
    **values: str,
) -> ReferralFact:
    codes = {name: (code,) for name, code in values.items()}
    said = Fact(
        by or source, "k1", SENT_MS + 30 * DAY_MS, codes, answer=answer,
        corrected=Corrected(source, event, dimensions, answer=False),
    )  # fmt: skip
    return ReferralFact(said, None)


def sent(facts: Iterable[ReferralFact]) -> list[SentReferral]:
    return sent_referrals(facts, FIGURES, RULES, ROLES, US)


def value(*facts: ReferralFact) -> dict[str, str]:
    (found,) = sent(facts)
    assert found.values is not None
    return {name: code for name, (code,) in found.values.items()}


def test_a_referral_without_an_answer_waits() -> None:
    found = value(made(priority="urgent", borough="E09000007"))
    assert found == {
        "source": "support", "recipient": "police", "service": "advocacy", "priority": "urgent",
        "borough": "E09000007", "status": "requested", "reason": "not-stated",
        "acknowledged": "not-yet", "acknowledged_in_time": "not-yet", "answered": "not-yet",
        "answered_in_time": "not-yet",
    }  # fmt: skip


def test_times_run_from_sending_to_the_change_that_ends_each_clock() -> None:
    found = value(
        made(),
        changed("received", 2, 3 * HOUR_MS),
        changed("accepted", 3, 30 * HOUR_MS),
        changed("completed", 4, 50 * DAY_MS),
    )
    assert (found["status"], found["acknowledged"], found["answered"]) == (
        "completed", "within-4-hours", "within-2-days",
    )  # fmt: skip
    assert (found["acknowledged_in_time"], found["answered_in_time"]) == ("in-time", "in-time")


def test_an_answer_after_the_deadline_is_late_and_has_its_reason() -> None:
    found = value(made(), changed("rejected", 2, 11 * DAY_MS, reason="no_capacity"))
    assert (found["status"], found["reason"]) == ("rejected", "no_capacity")
    assert (found["acknowledged_in_time"], found["answered_in_time"]) == ("late", "late")
    assert found["answered"] == "within-20-days"


def test_an_answer_at_the_deadline_is_in_time_and_one_after_it_is_late() -> None:
    for after, expected in ((0, "in-time"), (1, "late")):
        found = value(made(), changed("accepted", 2, 10 * DAY_MS + after))
        assert found["answered_in_time"] == expected


def test_changes_go_by_their_version_if_clocks_disagree() -> None:
    """Two clocks of one agency, or a correction of its time, must not undo a later status."""
    facts = (changed("accepted", 2, 3 * HOUR_MS), changed("completed", 3, 30 * 60_000))
    for found in (value(made(), *facts), value(*facts[::-1], made())):
        assert (found["status"], found["answered"]) == ("completed", "within-4-hours")


def test_a_referral_that_two_events_make_is_one_from_the_first_on() -> None:
    first, again = made("m1", borough="E09000007"), made("m2", at=DAY_MS, borough="E09000023")
    for facts in ((first, again), (again, first)):
        (found,) = sent([*facts, changed("accepted", 2, 2 * DAY_MS)])
        assert found.sent_ms == SENT_MS
        assert found.values is not None
        assert (found.values["borough"], found.values["answered"]) == (
            ("E09000007",), ("within-2-days",),
        )  # fmt: skip


def test_a_referral_that_the_sender_ends_has_no_answer() -> None:
    found = value(made(), changed("entered-in-error", 2, 5, by=US, recipient=POLICE))
    assert (found["status"], found["answered"]) == ("entered-in-error", "withdrawn")
    assert found["acknowledged_in_time"] == "withdrawn"


def test_a_referral_to_two_agencies_is_two_referrals_with_their_own_courses() -> None:
    found = sent([made("m1", COUNCIL, POLICE), changed("accepted", 2, 5)])
    status = {one.recipient: one.values["status"] for one in found if one.values}
    assert status == {COUNCIL: ("requested",), POLICE: ("accepted",)}


def test_a_change_by_an_agency_that_was_not_asked_changes_nothing() -> None:
    assert value(made(), changed("accepted", 2, 5, by=STRANGER))["status"] == "requested"
    assert value(made(), changed("accepted", 2, 5, referral=OTHER))["status"] == "requested"


def test_a_referral_without_service_levels_has_no_punctuality() -> None:
    fact = made()
    assert isinstance(fact.act, Made)
    without = replace(fact, act=replace(fact.act, acknowledge_due=None, respond_due=None))
    assert value(without, changed("accepted", 2, 5))["answered_in_time"] == "not-stated"


def test_a_withdrawn_consent_takes_every_referral_of_the_case_out() -> None:
    facts = [made("m1"), made("m2", COUNCIL, referral=OTHER, at=5)]
    assert all(one.values is not None for one in sent(facts))
    assert all(one.values is None for one in sent([*facts, corrected(answer=False, by=POLICE)]))


def test_a_question_without_an_answer_counts_nothing() -> None:
    assert [one.values for one in sent([made(answer=None)])] == [None]


def test_a_correction_of_its_own_agency_withdraws_and_replaces_values() -> None:
    fact = made(borough="E09000007")
    assert value(fact, corrected("borough"))["borough"] == "not-stated"
    assert value(fact, corrected("borough", borough="E09000023"))["borough"] == "E09000023"
    others = corrected("borough", by=POLICE, borough="E09000023")
    assert value(fact, others)["borough"] == "E09000007"


def test_a_withdrawn_status_leaves_the_one_before() -> None:
    change = changed("accepted", 2, 5)
    gone = corrected("status", source=POLICE, event=change.said.event)
    assert value(made(), change, gone)["status"] == "requested"


STATUSES = ("received", "accepted", "rejected", "completed", "entered-in-error")
ACTS = st.lists(
    st.one_of(
        st.builds(
            made,
            st.sampled_from(["m1", "m2"]),
            st.sampled_from([POLICE, COUNCIL]),
            referral=st.sampled_from([ONE, OTHER]),
            at=st.integers(0, 2),
            answer=st.sampled_from([None, True, False]),
        ),
        st.builds(
            changed,
            st.sampled_from(STATUSES),
            st.integers(2, 4),
            st.integers(0, 30 * DAY_MS),
            by=st.sampled_from([POLICE, COUNCIL]),
            referral=st.sampled_from([ONE, OTHER]),
            reason=st.sampled_from([None, "no_capacity"]),
        ),
        st.builds(
            corrected,
            st.sampled_from(["service", "status", "reason"]),
            event=st.sampled_from(["m1", "m2"]),
            answer=st.sampled_from([None, True, False]),
            by=st.sampled_from([US, POLICE]),
        ),
    ),
    max_size=8,
    unique_by=lambda one: (one.said.source, one.said.event),
)


@given(ACTS, st.data())
def test_neither_order_nor_repeats_change_the_referrals(
    facts: list[ReferralFact], data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*facts, *data.draw(st.lists(st.sampled_from(facts)))])
                      if facts else st.just(facts))  # fmt: skip
    assert sent(again) == sent(facts)


@given(ACTS)
def test_each_referral_has_one_value_of_every_dimension_or_none_at_all(
    facts: list[ReferralFact],
) -> None:
    names = set(FIGURES.dimensions)
    found = sent(facts)
    made_of = {
        (one.act.referral, recipient)
        for one in facts
        if isinstance(one.act, Made)
        for recipient in one.act.recipients
    }
    assert len(found) == len(made_of)
    for one in found:
        assert one.values is None or (
            set(one.values) == names and all(len(codes) == 1 for codes in one.values.values())
        )


@given(ACTS)
def test_a_fact_is_the_same_after_the_state(facts: list[ReferralFact]) -> None:
    for one in facts:
        again = parsed_referral(one.said.source, one.said.event, formatted_referral(one))
        assert again == one
