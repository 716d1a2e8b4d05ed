"""The first alarm of each kind is written at once, and then one line a minute for all that came."""

from __future__ import annotations

from broker.observing.alarm_limit import EVERY_S, AlarmLimit


def test_the_first_of_each_code_and_agency_is_written_and_the_rest_once_a_minute() -> None:
    now = [100.0]
    limit = AlarmLimit(lambda: now[0])
    assert limit.lines("gap", "police") == 1
    assert limit.lines("gap", "support") == 1
    assert limit.lines("rollback", "police", 3) == 3
    assert [limit.lines("gap", "police") for _ in range(9_989)] == [0] * 9_989
    now[0] += EVERY_S
    assert limit.lines("gap", "police") == 9_990
    assert limit.lines("gap", "police") == 0
