"""Runs one program for as long as another process lives; standard library only.

`python guard.py PARENT_PID PROGRAM [ARGUMENT...]` starts the program and ends it when its own
standard input closes, when the parent is gone or when it is told to stop, whichever comes first. A
local Kafka is run under it, because a Kafka that outlived the command that started it would keep a
port, half a gigabyte and a folder. The kernel's "tell me when my parent dies" is tied to the
parent's thread, and Linux only; a pipe that closes is neither.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import types

PATIENCE_S = 10
"""Seconds that the program has to end by itself before it is killed."""


def main(arguments: list[str]) -> int:
    """Runs until the program ends or its parent does; returns the program's exit code."""
    parent, command = int(arguments[0]), arguments[1:]
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)

    def woken(_number: int, _frame: types.FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(wake_write, b"x")

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, woken)
    with subprocess.Popen(  # noqa: S603  # our caller's own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=2,  # our standard output carries the process id, and nothing else
        stderr=2,
        preexec_fn=_end_with_guard  # noqa: PLW1509  # one thread only
        if sys.platform == "linux"
        else None,
    ) as program:
        sys.stdout.write(f"{program.pid}\n")
        sys.stdout.flush()
        while program.poll() is None and os.getppid() == parent:
            ready, _, _ = select.select([0, wake_read], [], [], 0.5)
            if ready:  # nobody writes to our standard input: it has closed
                break
        if program.poll() is None:
            program.terminate()
            try:
                program.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                program.kill()
        return program.wait()


def _end_with_guard() -> None:
    """Asks Linux to end the program should the guard itself be killed outright."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGTERM))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0x7F)
