"""Adapter processes, one per agency, run as a service manager would run them, and their logs.

Each process runs under ``broker/transport/guard.py``, so that it ends when the demo ends, however
that happens. A kill hits the adapter itself, as a power cut would.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from broker.transport import guard

PORT_FILE: Final = "state/http-port"
STOP_S: Final = 20.0
SETTLE_S: Final = 0.4
"""Seconds without change after which an export counts as complete."""


class AdapterProcess:
    """The adapter of one agency.

    Attributes:
        agency: id of the agency.
        pid: of the running adapter, None when it is not running.
        resident_bytes: resident memory when it was last measured.
        peak_bytes: highest resident memory seen. It is that of the start, when the key of the
            keyring is derived from the passphrase with 128 MiB.
    """

    def __init__(self, agency: str, directory: Path, log: Path) -> None:
        self.agency = agency
        self.pid: int | None = None
        self.resident_bytes = 0
        self.peak_bytes = 0
        self._directory = directory
        self._log = log
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; ``ready`` tells when it is up."""
        (self._directory / PORT_FILE).unlink(missing_ok=True)
        command = [sys.executable, "-I", "-S", str(guard.__file__), str(os.getpid())]
        command += [sys.executable, "-m", "adapters.main", "adapter", "run"]
        command += ["--agency", str(self._directory), "--settle", str(SETTLE_S), "--json-logs"]
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(  # noqa: S603  # our own command
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C reaches only the demo, which then stops all adapters
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        self.pid = int(self._guard.stdout.readline() or b"0") or None

    @property
    def running(self) -> bool:
        """Return whether the process is alive."""
        return self._guard is not None and self._guard.poll() is None

    def ready(self) -> bool:
        """Return whether ``/readyz`` reports that everything is up."""
        try:
            port = int((self._directory / PORT_FILE).read_text())
        except (OSError, ValueError):
            return False
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def measure(self) -> None:
        """Record the memory in use now, and the highest so far."""
        if self.pid is not None:
            self.resident_bytes = resident_memory(self.pid) or self.resident_bytes
            self.peak_bytes = max(self.peak_bytes, peak_memory(self.pid))

    def kill(self) -> None:
        """Kill the process at once, as a power cut would."""
        self.measure()
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def ask_to_stop(self) -> None:
        """Ask the process to stop; ``stop`` waits for the end."""
        self.measure()
        if self._guard is not None and self._guard.poll() is None:
            self._guard.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Stop the process in an orderly way, or by force if it does not stop."""
        self.ask_to_stop()
        self._reap()

    def _reap(self) -> None:
        guarding, self._guard = self._guard, None
        if guarding is None:
            return
        for pipe in (guarding.stdin, guarding.stdout):
            if pipe is not None:
                pipe.close()
        try:
            guarding.wait(STOP_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                if self.pid is not None:
                    os.kill(self.pid, signal.SIGKILL)
                guarding.kill()
            guarding.wait()
        self.pid = None

    def log_lines(self) -> Iterator[dict[str, object]]:
        """Yield the log entries, oldest first."""
        try:
            text = self._log.read_text(errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                parsed = json.loads(line)
                if isinstance(parsed, dict):
                    yield parsed


def peak_memory(pid: int) -> int:
    """Return the highest resident memory of a process in bytes; 0 when it has ended."""
    return _memory(pid, "VmHWM:")


def resident_memory(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 when it has ended."""
    return _memory(pid, "VmRSS:")


def _memory(pid: int, name: str) -> int:
    """Return a value of Linux about a process; on other systems the resident memory."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603  # fixed command
    return int(shown.strip() or 0) * 1024
