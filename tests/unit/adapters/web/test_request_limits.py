"""Limits of requests."""

from __future__ import annotations

import pytest

from adapters.web.errors import TooManyRequestsError
from adapters.web.request_limits import MOST_NAMES, Places, Rate


def test_a_minute_of_requests_at_once_then_evenly() -> None:
    seconds = [0.0]
    rate = Rate(60, lambda: seconds[0])
    for _ in range(60):
        rate.take("a")

    with pytest.raises(TooManyRequestsError):
        rate.take("a")
    rate.take("b")
    seconds[0] += 1.0
    rate.take("a")
    with pytest.raises(TooManyRequestsError):
        rate.take("a")


def test_names_are_bounded() -> None:
    rate = Rate(60, lambda: 0.0)
    for number in range(2 * MOST_NAMES):
        rate.take(str(number))

    assert len(rate._left) == MOST_NAMES


def test_places_are_given_back() -> None:
    places = Places(2)
    opened = [places.one("a") for _ in range(3)]
    rooms = [one.__enter__() for one in opened]

    assert rooms == [True, True, False]
    with pytest.raises(TooManyRequestsError), places.required("a"):
        pass
    for one in opened:
        one.__exit__(None, None, None)
    with places.one("a") as room:
        assert room
