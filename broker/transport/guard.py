"""Guard process: runs one program only while another process lives. Standard library only.

`python guard.py PARENT_PID PROGRAM [ARGUMENT...]` starts the program. It ends the program when its
own standard input closes, when the parent has ended or when it receives a signal to stop. A local
Kafka runs under it, because a Kafka that outlived the command that started it would keep a port,
half a gigabyte and a folder. Linux's parent-death signal depends on the parent's thread; a pipe
that closes does not, and works on every system.
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
    """Run until the program or its parent ends; return the program's exit code."""
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
        stdout=2,  # standard output carries only the process id
        stderr=2,
        preexec_fn=_end_with_guard  # noqa: PLW1509  # one thread only
        if sys.platform == "linux"
        else None,
    ) as program:
        sys.stdout.write(f"{program.pid}\n")
        sys.stdout.flush()
        while program.poll() is None and os.getppid() == parent:
            ready, _, _ = select.select([0, wake_read], [], [], 0.5)
            if ready:  # standard input is never written: it has closed
                break
        if program.poll() is None:
            program.terminate()
            try:
                program.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                program.kill()
        return program.wait()


def _end_with_guard() -> None:
    """Ask Linux to end the program if the guard itself is killed."""
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGTERM))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) & 0x7F)
