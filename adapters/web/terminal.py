"""The terminal of the server: another link when the person there presses Enter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable


def on_enter(again: Callable[[], None]) -> None:
    """Call a function each time a line comes from the terminal; never if there is none.

    Args:
        again: prints other links. It runs in the event loop of the caller.
    """
    if not sys.stdin.isatty():
        return
    loop = asyncio.get_running_loop()

    def entered() -> None:
        if sys.stdin.readline():
            again()
        else:
            loop.remove_reader(sys.stdin)

    loop.add_reader(sys.stdin, entered)
