"""Expected time to an answer, by recipient."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.figures.expected_answers import LEAST, ExpectedAnswer, expected_answers
from broker.figures.referral_values import SentReferral

BUCKETS = ("within-1-hour", "within-2-days", "later", "not-yet", "withdrawn")


def sent(recipient: str, answered: str | None) -> SentReferral:
    return SentReferral("", recipient, 0, None if answered is None else {"answered": (answered,)})


REFERRALS = st.lists(
    st.builds(
        sent,
        st.sampled_from(["a", "b"]),
        st.none() | st.sampled_from(BUCKETS),
    ),
    max_size=30,
)


def test_half_of_the_answers_came_within_the_expected_time() -> None:
    found = expected_answers(
        [*(sent("a", "within-1-hour") for _ in range(3)), *(sent("a", "later") for _ in range(2))]
    )
    assert found == {"a": ExpectedAnswer("within-1-hour", 5)}
    assert (found["a"].answered, found["a"].within_ms) == (True, 3_600_000)


def test_a_recipient_that_answers_few_is_expected_to_answer_not_yet() -> None:
    found = expected_answers(
        [*(sent("a", "within-1-hour") for _ in range(3)), *(sent("a", "not-yet") for _ in range(9))]
    )
    assert found == {"a": ExpectedAnswer("not-yet", 12)}
    assert (found["a"].answered, found["a"].within_ms) == (False, None)


def test_a_few_referrals_tell_nothing() -> None:
    few = [sent("a", "within-1-hour")] * (LEAST - 1)
    assert expected_answers([*few, sent("a", "withdrawn"), sent("a", None)]) == {}


@given(REFERRALS, st.data())
def test_the_order_of_referrals_does_not_matter(
    referrals: list[SentReferral], data: st.DataObject
) -> None:
    assert expected_answers(data.draw(st.permutations(referrals))) == expected_answers(referrals)
