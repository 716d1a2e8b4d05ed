"""Memory of the demo's processes, as the system counts it."""

from __future__ import annotations

import os
import subprocess
import sys

from adapters.demo.processes import peak_memory, resident_memory

MIB = 1024 * 1024


def test_memory_that_was_freed_counts_for_the_peak_alone() -> None:
    program = f"block = bytearray(64 * {MIB}); del block; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        resident, peak = resident_memory(process.pid), peak_memory(process.pid)
        process.communicate(b"\n")
    assert 0 < resident < 64 * MIB <= peak


def test_each_process_has_a_peak_of_its_own() -> None:
    """A child that a large process starts does not inherit the peak of its parent."""
    block = bytearray(64 * MIB)
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        peak = peak_memory(process.pid)
        process.communicate(b"\n")
    assert len(block) <= peak_memory(os.getpid())
    assert 0 < peak < len(block)
