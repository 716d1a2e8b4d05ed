"""Another link for the person at the terminal."""

from __future__ import annotations

import asyncio
import os
import pty

import pytest

from adapters.web.terminal import on_enter


def test_each_enter_at_a_terminal_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    asked: list[None] = []

    async def press_twice() -> None:
        again = asyncio.Event()

        def note() -> None:
            asked.append(None)
            again.set()

        on_enter(note)
        for _ in range(2):
            again.clear()
            os.write(ours, b"\n")
            await asyncio.wait_for(again.wait(), 30)
        asyncio.get_running_loop().remove_reader(terminal)

    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        asyncio.run(press_twice())
    os.close(ours)
    assert len(asked) == 2


def test_without_a_terminal_no_line_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()

    async def ask() -> None:
        on_enter(lambda: None)
        assert not asyncio.get_running_loop().remove_reader(reading)

    with os.fdopen(reading) as pipe:
        monkeypatch.setattr("sys.stdin", pipe)
        asyncio.run(ask())
    os.close(writing)
