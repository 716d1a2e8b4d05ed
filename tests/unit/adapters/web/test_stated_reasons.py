"""A session keeps the newest reasons only."""

from __future__ import annotations

from adapters.web.stated_reasons import MOST_CASES, REASON_MS, StatedReason, StatedReasons

AUDIT = StatedReason("audit")


def test_a_reason_counts_for_its_case_and_its_time() -> None:
    reasons = StatedReasons()
    reasons.state("a", AUDIT, 1)
    assert reasons.find("a", REASON_MS) == AUDIT
    assert reasons.find("a", REASON_MS + 1) is None
    assert reasons.find("b", 1) is None


def test_the_oldest_reason_is_forgotten_and_a_newer_answer_counts() -> None:
    reasons = StatedReasons()
    for number in range(MOST_CASES):
        reasons.state(str(number), AUDIT, 0)
    reasons.state("0", StatedReason("complaint"), 1)
    reasons.state("more", AUDIT, 1)
    assert reasons.find("0", 1) == StatedReason("complaint")
    assert reasons.find("1", 1) is None
