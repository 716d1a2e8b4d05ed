"""The loop of a sink: upkeep first, the next round at once, and another attempt after a failure."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from adapters import rounds
from adapters.rounds import Rounds, run_rounds
from broker.errors import StoreError


class Played:
    """Work that answers from a list, and a wait that ends the loop when the list is empty."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.did: list[str] = []
        self.stop = asyncio.Event()

    def work(self) -> int:
        self.did.append("work")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def wait(self, _seconds: float) -> None:
        self.did.append("wait")
        if not self.answers:
            self.stop.set()

    def noted(self, what: str) -> Callable[[], None]:
        return lambda: self.did.append(what)

    async def run(self, every_s: float = math.inf) -> list[str]:
        loop = Rounds(self.work, self.noted("upkeep"), every_s, worked=self.noted("worked"))
        await run_rounds(loop, self.wait, self.stop, self.noted("turned"))
        return self.did


async def test_a_round_with_work_is_followed_by_the_next_at_once() -> None:
    assert await Played(2, 0).run() == [
        "turned", "upkeep", "work", "worked", "turned", "work", "wait",
    ]  # fmt: skip


async def test_upkeep_comes_again_when_its_interval_is_over() -> None:
    assert (await Played(0, 0).run(every_s=0)).count("upkeep") == 2


async def test_a_failure_is_tried_again_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "RETRY_FIRST_S", 0.001)
    did = await Played(StoreError("full", code="store_full"), 1, 0).run()
    assert did == [
        "turned", "upkeep", "work", "turned", "work", "worked", "turned", "work", "wait",
    ]  # fmt: skip


async def test_an_end_does_not_wait_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "RETRY_FIRST_S", 3_600.0)
    monkeypatch.setattr(rounds, "RETRY_MOST_S", 3_600.0)
    played = Played(StoreError("full", code="store_full"))
    loop = Rounds(played.work, played.stop.set, math.inf)
    await run_rounds(loop, played.wait, played.stop, played.noted("turned"))
    assert played.did == ["turned", "work"]


async def test_another_error_ends_the_loop() -> None:
    with pytest.raises(LookupError):
        await Played(LookupError()).run()
