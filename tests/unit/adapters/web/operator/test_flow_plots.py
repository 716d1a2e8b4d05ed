"""Coordinates of the plots: inside the picture, with gaps where nothing is known."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from adapters.web.operator.flow_plots import flow_plots, round_top
from broker.observing.flow import FlowHour

COUNTS = st.integers(0, 100_000)


@st.composite
def hour(draw: st.DrawFn) -> FlowHour:
    sent, received = draw(COUNTS), draw(COUNTS)
    if not received:
        return FlowHour(0, sent)
    half, nearly_all = sorted((draw(COUNTS), draw(COUNTS)))
    return FlowHour(0, sent, received, half, nearly_all)


@given(st.lists(hour(), min_size=1, max_size=30))
def test_bars_and_lines_stay_inside(hours: list[FlowHour]) -> None:
    plots = flow_plots(hours)
    for bar in (*plots.sent_bars, *plots.received_bars):
        assert 0 <= bar.x <= bar.x + bar.width <= 100.01
        assert 0 <= bar.y <= bar.y + bar.height <= 100.01
    for number in re.findall(r"-?[0-9.]+", plots.half + plots.nearly_all):
        assert 0 <= float(number) <= 100.01


def test_a_line_is_interrupted_where_nothing_came() -> None:
    hours = [FlowHour(0, 0, 1, 1, 2), FlowHour(1), FlowHour(2, 0, 3, 2, 2)]
    plots = flow_plots(hours)
    assert plots.half.count("M") == 2
    assert (plots.sent, plots.received, plots.half_s) == (0, 4, 2)
    assert plots.slowest == hours[0]
    assert len(plots.received_bars) == 2


def test_no_event_has_no_line() -> None:
    plots = flow_plots([FlowHour(0), FlowHour(1)])
    assert (plots.half, plots.slowest, plots.half_s, plots.sent_bars) == ("", None, None, [])


def test_tops_are_round() -> None:
    assert [round_top(n) for n in (0, 1, 2, 3, 11, 46, 51, 101)] == [2, 2, 2, 5, 20, 50, 100, 200]
