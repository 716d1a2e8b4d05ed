"""The guard runs here with small programs instead of a Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from broker.transport import guard

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(60)",
]


def start(program: list[str], parent: int | None = None) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, "-I", "-S", guard.__file__, str(parent or os.getpid()), *program]
    guarded = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert guarded.stdout
    return guarded, int(guarded.stdout.readline())


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def finish(guarded: subprocess.Popen[bytes]) -> None:
    for stream in (guarded.stdin, guarded.stdout):
        if stream:
            stream.close()
    guarded.wait(15)


def test_the_program_ends_when_the_pipe_closes() -> None:
    guarded, program = start(SLEEP)
    finish(guarded)
    assert gone(program)


def test_the_program_ends_when_the_guard_is_told() -> None:
    guarded, program = start(SLEEP)
    guarded.send_signal(signal.SIGTERM)
    guarded.wait(15)
    assert gone(program)
    finish(guarded)


def test_the_program_ends_when_it_has_another_parent() -> None:
    guarded, program = start(SLEEP, parent=1)
    guarded.wait(15)
    assert gone(program)
    finish(guarded)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_program_ends_even_if_the_guard_is_killed_outright() -> None:
    guarded, program = start(SLEEP)
    guarded.kill()
    guarded.wait(15)
    assert gone(program)
    finish(guarded)


def test_the_guard_ends_with_the_program_and_says_how() -> None:
    guarded, _ = start([sys.executable, "-c", "raise SystemExit(3)"])
    assert guarded.wait(15) == 3
    finish(guarded)


def test_a_program_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import sys; from broker.transport import guard; "
    script += "guard.PATIENCE_S = 0.2; sys.exit(guard.main(sys.argv[1:]) & 0x7f)"
    guarded = subprocess.Popen(
        [sys.executable, "-c", script, str(os.getpid()), *STUBBORN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert guarded.stdout
    assert guarded.stderr
    program = int(guarded.stdout.readline())
    guarded.send_signal(signal.SIGTERM)
    guarded.wait(15)
    assert gone(program)
    guarded.stderr.close()
    finish(guarded)
