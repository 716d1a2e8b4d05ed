"""Plots of the last 24 hours as coordinates of an SVG of 100 by 100 units.

The page shows every value in a table too, so that no value is in the picture alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.observing.flow import FlowHour

HOURS: Final = 24
_SIZE: Final = 100.0
_GAP: Final = 0.6
_TOPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class FlowBar:
    """One bar: left edge, top, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class FlowPlots:
    """Both plots.

    Attributes:
        hours: the figures, oldest first.
        sent, received: number of events in all hours.
        most_events: value at the top of the bars.
        sent_bars, received_bars: a bar for each hour with events.
        most_s: seconds at the top of the lines.
        half, nearly_all: lines as SVG paths; empty without a received event.
        slowest: the hour in which 99 in 100 took longest; None without a received event.
        half_s: median of the hours' medians, weighted by events; None without a received event.
    """

    hours: Sequence[FlowHour]
    sent: int
    received: int
    most_events: int
    sent_bars: Sequence[FlowBar]
    received_bars: Sequence[FlowBar]
    most_s: int
    half: str
    nearly_all: str
    slowest: FlowHour | None
    half_s: int | None


def flow_plots(hours: Sequence[FlowHour]) -> FlowPlots:
    """Return the plots of hours in a row, oldest first."""
    most_events = round_top(max((max(one.published, one.received) for one in hours), default=0))
    most_s = round_top(max((one.nearly_all_s or 0 for one in hours), default=0))
    timed = [one for one in hours if one.nearly_all_s is not None]
    return FlowPlots(
        hours,
        sum(one.published for one in hours),
        sum(one.received for one in hours),
        most_events,
        _bars([one.published for one in hours], most_events, 0),
        _bars([one.received for one in hours], most_events, 1),
        most_s,
        _line([one.half_s for one in hours], most_s),
        _line([one.nearly_all_s for one in hours], most_s),
        max(timed, key=lambda one: one.nearly_all_s or 0, default=None),
        _weighted_half(timed),
    )


def round_top(value: int) -> int:
    """Return the next 1, 2 or 5 with zeros, from 2 on, so that its half is a whole number or .5."""
    scale = 1
    while True:
        for step in _TOPS:
            if max(value, 2) <= step * scale:
                return step * scale
        scale *= 10


def _bars(values: Sequence[int], most: int, place: int) -> list[FlowBar]:
    """Return bars of one of two series; place 0 is the left half of an hour, 1 the right."""
    slot = _SIZE / max(len(values), 1)
    width = (slot - _GAP) / 2
    found = []
    for number, value in enumerate(values):
        height = _SIZE * value / most
        if value:
            left = number * slot + _GAP / 2 + place * width
            found.append(
                FlowBar(round(left, 2), round(_SIZE - height, 2), round(width, 2), round(height, 2))
            )
    return found


def _line(values: Sequence[int | None], most: int) -> str:
    """Return a path that is interrupted where an hour has no value."""
    slot = _SIZE / max(len(values), 1)
    steps, drawing = [], False
    for number, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        left, right = round(number * slot, 2), round((number + 1) * slot, 2)
        y = round(_SIZE - _SIZE * value / most, 2)
        steps.append(f"{'L' if drawing else 'M'}{left} {y}H{right}")
        drawing = True
    return "".join(steps)


def _weighted_half(hours: Sequence[FlowHour]) -> int | None:
    total, found = sum(one.received for one in hours), 0
    for one in sorted(hours, key=lambda each: each.half_s or 0):
        found += one.received
        if found * 2 >= total:
            return one.half_s
    return None
