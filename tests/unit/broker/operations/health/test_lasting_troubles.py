"""Troubles for notices: only those that last, and again after an hour without them."""

from __future__ import annotations

from broker.operations.health.agency_health import Health
from broker.operations.health.lasting_troubles import LastingTroubles
from broker.operations.health.trouble import Trouble, Urgency
from contracts.durations import HOUR_MS, MINUTE_MS
from contracts.phrases import N_

NOW = 1_763_974_800_000
AFTER_MS = 5 * MINUTE_MS


def trouble(entry: str = "kafka-unavailable", urgency: Urgency = "now", about: str = "") -> Trouble:
    return Trouble(entry, urgency, N_("it is so"), N_("Do it."), about=about)


class Watched:
    """An agency, and its troubles over time."""

    def __init__(self) -> None:
        self.now = NOW
        self.found: tuple[Trouble, ...] = ()
        self.troubles = LastingTroubles(self._look, AFTER_MS)

    def _look(self) -> Health:
        return Health(not self.found, N_("So."), N_("So."), self.found, self.now)

    def after(self, ms: int, *found: Trouble) -> list[str]:
        """Keys that are told when so much time has passed and these are there."""
        self.now += ms
        self.found = found
        return [one.key for one in self.troubles.lasting()]


def test_a_trouble_is_told_when_it_has_lasted() -> None:
    watched, one = Watched(), trouble()

    assert watched.after(0, one) == []
    assert watched.after(AFTER_MS - 1, one) == []
    assert watched.after(1, one) == [one.key]


def test_a_trouble_that_comes_and_goes_has_not_lasted() -> None:
    watched, one = Watched(), trouble()

    for _ in range(4):
        assert watched.after(AFTER_MS - 1, one) == []
        assert watched.after(MINUTE_MS) == []


def test_a_start_in_the_state_counts_though_this_process_began_later() -> None:
    watched = Watched()
    old = Trouble("own-system", "now", N_("so"), N_("Do."), since_ms=NOW - AFTER_MS)

    assert watched.after(0, old) == [old.key]


def test_troubles_of_one_entry_are_told_apart() -> None:
    certificate = trouble("ends-soon", "soon", "certificate")
    authority = trouble("ends-soon", "soon", "authority")
    watched = Watched()

    watched.after(0, certificate, authority)
    assert len(set(watched.after(AFTER_MS, certificate, authority))) == 2
    assert trouble("ends-soon", "today", "certificate").key != certificate.key


def test_a_trouble_is_over_after_an_hour_without_it() -> None:
    watched, one = Watched(), trouble()
    watched.after(0, one)

    watched.after(HOUR_MS - 1)
    assert watched.troubles.over([one.key]) == frozenset()
    watched.after(1)
    assert watched.troubles.over([one.key]) == {one.key}


def test_a_trouble_that_an_earlier_process_told_is_over_after_an_hour_of_this_one() -> None:
    watched = Watched()
    watched.after(0)
    assert watched.troubles.over(["disk-full/now//"]) == frozenset()

    watched.after(HOUR_MS)
    assert watched.troubles.over(["disk-full/now//"]) == {"disk-full/now//"}


def test_a_trouble_that_lasts_is_not_over() -> None:
    watched, one = Watched(), trouble()

    for _ in range(30):
        watched.after(10 * MINUTE_MS, one)
        assert watched.troubles.over([one.key]) == frozenset()
