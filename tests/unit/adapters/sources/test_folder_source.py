"""The two loops of the source `folder`: a fault of one ends both, and is raised."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.sources.folder_source import FolderIntake


class Loop:
    """A loop that fails, or ends when it is told to stop."""

    trouble = None

    def __init__(self, fault: Exception | None = None) -> None:
        self._fault = fault
        self.ended = False

    def take(self) -> None:
        pass

    async def run(self, *arguments: Any) -> None:
        stop = next(one for one in arguments if isinstance(one, asyncio.Event))
        try:
            if self._fault is not None:
                raise self._fault
            await stop.wait()
        finally:
            self.ended = True


def intake(source: Any, results: Any) -> FolderIntake:
    taking: Any = Loop()
    return FolderIntake(source, taking, results)


@pytest.mark.parametrize("failing", [0, 1])
async def test_a_fault_of_either_loop_ends_both_and_is_raised(failing: int) -> None:
    fault = RuntimeError("a defect")
    loops = [Loop(fault if number == failing else None) for number in (0, 1)]
    stop = asyncio.Event()
    with pytest.raises(RuntimeError) as caught:
        await asyncio.wait_for(intake(*loops).run(stop, lambda: None), 5)
    assert caught.value is fault
    assert all(loop.ended for loop in loops)


async def test_a_stop_ends_both_loops() -> None:
    loops = [Loop(), Loop()]
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(intake(*loops).run(stop, lambda: None), 5)
    assert all(loop.ended for loop in loops)
